package reading

import (
	"math/big"
	"slices"
)

// radix85 decodes groups of five characters to four bytes, at every alignment.
func (x *Expander) radix85(v *View, lo, hi int, a *alphabet, name string) {
	values, places := x.squeeze(v.Text[lo:hi], a)
	for start := range min(5, len(values)) {
		if !x.pay(len(values)) {
			return
		}
		out := unradix85(x.packed[:0], values[start:])
		x.packed = out
		x.stretches(v, out, name, func(i int) int { return lo + int(places[min(start+i*5/4, len(places)-1)]) })
	}
}

// unradix85 adds the bytes that groups of five digits stand for: 0x87, 0x6a … of
// digits 43, 30, 52 … A group over four bytes is none, and gives bytes that are no text.
func unradix85(out, group []byte) []byte {
	out = slices.Grow(out, len(group))
	for ; len(group) >= 5; group = group[5:] {
		n := (uint64(group[0])*85+uint64(group[1]))*(85*85*85) + (uint64(group[2])*85+uint64(group[3]))*85 + uint64(group[4])
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
	for i := lo; i < hi; {
		n := 0
		for i+n < len(v.Text) && base58[v.Text[i+n]] >= 0 {
			n++
		}
		if n >= minBase58 && x.edge(v, i) && x.edge(v, i+n) {
			x.number58(v, i, i+n)
		}
		if v.origin == nil && n >= minBase58 {
			for start, at := i, i+1; at <= i+n; at++ {
				if _, cut := slices.BinarySearch(x.cuts, at); cut || at == i+n && start > i {
					x.number58(v, start, at)
					start = at
				}
			}
		}
		i += max(n, 1)
	}
}

// minBase58 is the fewest characters that are read as one number.
const minBase58 = 16

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
	if n := hi - lo; n < minBase58 || n > 256 {
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
