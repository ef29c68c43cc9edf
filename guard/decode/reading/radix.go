package reading

import (
	"bytes"
	"math/big"
	"slices"

	"toolward/guard/decode/alphabet"
	"toolward/guard/decode/inflate"
)

// radix85 is an alphabet of which five characters stand for four bytes.
type radix85 struct {
	value *alphabet.Values
	magic [256]bool // characters that a group begins with which a compressed stream begins with
}

func newRadix85(characters string) *radix85 {
	a := &radix85{value: alphabet.Of(characters)}
	for c, v := range a.value {
		a.magic[c] = v >= 0 && magic85[v]
	}
	return a
}

// groups85 decodes groups of five characters to four bytes, at every alignment.
func (x *Expander) groups85(v *View, lo, hi int, a *radix85, name string) {
	if !x.worth(v, lo, hi, func(text []byte) bool { return allText85(x.squeeze(text, a.value)) }, a.packedBegins) {
		return
	}
	values := x.squeeze(v.Text[lo:hi], a.value)
	if !x.pay(len(values)) {
		return
	}
	set := phases85(values)
	if set == 0 {
		return
	}
	places := x.stood(v.Text[lo:hi], a.value)
	for start := range min(5, len(values)) {
		if set>>start&1 == 0 {
			continue
		}
		if !x.pay(len(values)) {
			return
		}
		out := unradix85(x.packed[:0], values[start:])
		x.packed = out
		x.stretches(v, out, name, func(i int) int { return lo + int(places[min(start+i*5/4, len(places)-1)]) })
	}
}

// allText85 reports whether from one of the five first places on all groups may be text.
func allText85(values []byte) bool {
	for start := range 5 {
		i := start
		for i+5 <= len(values) && fits85(group85(values[i:i+5])) {
			i += 5
		}
		if i+5 > len(values) {
			return true
		}
	}
	return false
}

// packedBegins reports whether a group of text may begin a compressed stream.
func (a *radix85) packedBegins(text []byte) bool {
	for i, c := range text {
		if !a.magic[c] {
			continue
		}
		var values [inflate.Head / 4 * 5]byte
		n := 0
		for _, c := range text[i:] {
			if d := a.value[c]; d >= 0 {
				values[n] = byte(d)
				if n++; n == 5 && !magicAt(group85(values[:])<<32, 0, 0) || n == len(values) {
					break
				}
			}
		}
		if packed85(values[:n]) {
			return true
		}
	}
	return false
}

// packed85 reports whether a compressed stream may begin with the bytes of groups.
func packed85(values []byte) bool {
	var head [inflate.Head + 4]byte
	return inflate.Format(unradix85(head[:0], values[:min(len(values), inflate.Head/4*5)])) != ""
}

// phases85 reports which of the five first places of a group may give text: those
// with minStretch readable bytes in a row, which have a whole group beside another, and
// so the first, third, fifth … of all; and those with a group that a compressed stream
// begins with.
func phases85(values []byte) (set uint8) {
	for start := range min(5, len(values)) {
		for i := start; i+5 <= len(values); i += 10 {
			if fits85(group85(values[i:i+5])) && (i >= 5 && fits85(group85(values[i-5:i])) || i+10 <= len(values) && fits85(group85(values[i+5:i+10]))) && text85(values, i) {
				set |= 1 << start
				break
			}
		}
	}
	for i := 0; i+5 <= len(values); i++ {
		if magic85[values[i]] && magicAt(group85(values[i:i+5])<<32, 0, 0) && packed85(values[i:]) {
			set |= 1 << (i % 5)
		}
	}
	return set
}

// text85 reports whether the group at values[i] may be part of a text.
func text85(values []byte, i int) bool {
	lo, hi := max(i%5, i-10), min(i+15, len(values))
	var room [32]byte
	b := unradix85(room[:0], values[lo:hi])
	_, n := stretch(b, 0)
	return n > 0 || bytes.Count(b, zero)*4 >= len(b)
}

// magic85 has the digits that a group begins with which a compressed stream begins with.
var magic85 = func() (set [256]bool) {
	for first := range 1 << 16 {
		if magicAt(uint64(first)<<48, 0, 0) {
			set[first<<16/(85*85*85*85)], set[(first<<16|0xffff)/(85*85*85*85)] = true, true
		}
	}
	return set
}()

// pairs85 has the two bytes that text may have side by side.
var pairs85 = func() (pairs [1 << 10]uint64) {
	may := func(b int) bool { return b == 0 || b >= 0x80 && b < 0xf0 || printable[b] }
	goesOn := func(b int) bool { return b&0xc0 == 0x80 }
	for p := range 1 << 16 {
		if a, b := p>>8, p&0xff; may(a) && may(b) && !(goesOn(b) && a < 0x80) && (a < 0xc0 || goesOn(b)) {
			pairs[p>>6] |= 1 << (p & 63)
		}
	}
	return pairs
}()

// fits85 reports whether each byte of a group may be readable, beside the others.
func fits85(n uint64) bool {
	return n <= 1<<32-1 && side(n>>16)&side(n&0xffff)&side(n>>8&0xffff) != 0
}

// side is 1 if text may have the two bytes of p side by side.
func side(p uint64) uint64 { return pairs85[p>>6&1023] >> (p & 63) & 1 }

// group85 is the number that a group of five digits stands for.
func group85(group []byte) uint64 {
	_ = group[4]
	return (uint64(group[0])*85+uint64(group[1]))*(85*85*85) + (uint64(group[2])*85+uint64(group[3]))*85 + uint64(group[4])
}

// unradix85 adds the bytes that groups of five digits stand for: 0x87, 0x6a … of
// digits 43, 30, 52 … A group over four bytes is none, and gives bytes that are no text.
func unradix85(out, group []byte) []byte {
	out = slices.Grow(out, len(group))
	for ; len(group) >= 5; group = group[5:] {
		n := group85(group)
		if n > 1<<32-1 {
			n = 0
		}
		out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	if len(group) >= 2 { // missing digits count as the highest
		last := [5]byte{84, 84, 84, 84, 84}
		copy(last[:], group)
		n := len(out) + len(group) - 1
		out = unradix85(out, last[:])[:n]
	}
	return out
}

// radix58 decodes whole tokens as one number, and the parts of a token that
// several fields hold.
func (x *Expander) radix58(v *View, lo, hi int) {
	if x.Mostly && v.plain && len(v.Text) > 2*maxBase58 {
		return
	}
	for i := lo; i < hi; {
		if k := base58Gap(v.Text, i); k > i { // most words are shorter
			i = k
			continue
		}
		n := minBase58
		for i+n < len(v.Text) && base58[v.Text[i+n]] >= 0 {
			n++
		}
		if x.edge(v, i) && x.edge(v, i+n) {
			x.number58(v, i, i+n)
		}
		if v.origin == nil && len(x.cuts) > 0 {
			for start, at := i, i+1; at <= i+n; at++ {
				if _, cut := slices.BinarySearch(x.cuts, at); cut || at == i+n && start > i {
					x.number58(v, start, at)
					start = at
				}
			}
		}
		i += n
	}
}

// base58Gap returns the place behind the last of the minBase58 bytes from i on that is
// not in the alphabet, i if there is none.
func base58Gap(text []byte, i int) int {
	end := min(i+minBase58, len(text))
	for k := end - 1; k >= i; k-- {
		if base58[text[k]] < 0 {
			return k + 1
		}
	}
	if end < i+minBase58 {
		return end
	}
	return i
}

// minBase58 is the fewest characters that are read as one number, maxBase58 the most.
const (
	minBase58 = 16
	maxBase58 = 256
)

// edge reports whether no letter or digit goes on over byte i, which in base64
// cuts most runs of the alphabet of base58.
func (x *Expander) edge(v *View, i int) bool {
	if i == 0 || i == len(v.Text) || classOf[v.Text[i-1]] == other || classOf[v.Text[i]] == other {
		return true
	}
	_, cut := slices.BinarySearch(x.cuts, i)
	return cut && v.origin == nil
}

// number58 decodes one token. It is quadratic, so the token has a length at
// which that does not matter.
func (x *Expander) number58(v *View, lo, hi int) {
	if n := hi - lo; n < minBase58 || n > maxBase58 {
		return
	}
	if !x.pay(4 * (hi - lo)) {
		return
	}
	num, radix, d := new(big.Int), big.NewInt(58), new(big.Int)
	for _, c := range v.Text[lo:hi] {
		num.Mul(num, radix).Add(num, d.SetInt64(int64(base58[c])))
	}
	decoded := num.Bytes()
	x.stretches(v, decoded, "base58", func(j int) int { return lo + j*(hi-lo-1)/len(decoded) })
}
