package reading

import (
	"encoding/binary"
	"slices"

	"toolward/guard/decode/sieve"
)

// minOneCase is the number of letters and digits in one case that may be base32:
// base64 hardly has that many by chance.
const minOneCase = 24

// use is how far an encoding is at hand for everybody.
type use bool

const (
	usual use = false
	rare  use = true
)

// worth reports whether a rare encoding is to be tried on bytes [lo,hi) of v: always,
// or with [Expander.Mostly] if it may give text from more than half of v, or if a
// compressed stream may begin where [lo,hi) does. Text from more than half of v comes from
// the quarter before its middle, or from the quarter behind: all reports whether all
// that a part decodes to may be text, and begins whether a stream may begin in it.
func (x *Expander) worth(v *View, lo, hi int, all, begins func([]byte) bool) bool {
	const near = 64
	middle := len(v.Text) / 2
	switch {
	case !x.Mostly || !v.plain:
		return true
	case middle < lo || middle >= hi:
		return false
	}
	n := max(0, min(near, len(v.Text)/4-8)) // less what is rounded off of groups
	return 2*(hi-lo) > len(v.Text) && (middle-n >= lo && all(v.Text[middle-n:middle]) || middle+n <= hi && all(v.Text[middle:middle+n])) ||
		begins(v.Text[lo:min(hi, lo+2*near)]) || middle-near > lo && begins(v.Text[middle-near:min(hi, middle+near)])
}

// region adds what the bytes [lo,hi) of v decode to.
func (x *Expander) region(v *View, lo, hi int) {
	text := v.Text[lo:hi]
	letters, digits := sieve.Count(x.blocks, lo, hi), uint64(0)
	for _, c := range text {
		digits += digitKinds[c]
	}
	hexes, binary := int(uint32(digits)), int(digits>>32)
	if hexes*10 >= letters*7 {
		x.positional(v, lo, hi, nibble, "hex", usual)
	}
	if binary*10 >= letters*9 {
		x.positional(v, lo, hi, bit, "binary", usual)
	}
	x.positional(v, lo, hi, sextet, "base64", usual)
	x.oneCased(v, lo, hi, lower)
	x.oneCased(v, lo, hi, upper)
	if (len(text)-letters)*8 >= len(text) {
		x.groups85(v, lo, hi, adobe85, "ascii85")
		x.groups85(v, lo, hi, z85, "z85")
		x.groups85(v, lo, hi, base85, "base85")
	}
	x.radix58(v, lo, hi)
}

// digitKinds has 1 for each hexadecimal digit, and 1 in its upper half for each binary one.
var digitKinds = func() (kinds [256]uint64) {
	for c := range kinds {
		if nibble.value[c] >= 0 {
			kinds[c] = 1
		}
		if bit.value[c] >= 0 {
			kinds[c] |= 1 << 32
		}
	}
	return kinds
}()

// oneCased decodes the parts of a region that have letters of one case only:
// base32, and uuencode where punctuation stands between capitals.
func (x *Expander) oneCased(v *View, lo, hi int, letterCase uint8) {
	other := func(b *sieve.Block) uint64 { return otherCased(b, letterCase) }
	same := func(b *sieve.Block) uint64 { return ^otherCased(b, letterCase) }
	least := minOneCase
	if v.plain {
		least = max(least, min(64, x.Least*8/5))
	}
	for {
		lo = sieve.Run(x.blocks, lo, least, same)
		if lo+least > hi {
			return
		}
		end := min(hi, sieve.Next(x.blocks, lo, other))
		if n := sieve.Count(x.blocks, lo, end); n >= least {
			for _, a := range base32s {
				if a.letters == letterCase {
					x.positional(v, lo, end, a.bits, a.name, a.use)
				}
			}
			if letterCase == upper && (end-lo-n)*8 >= end-lo {
				x.positional(v, lo, end, uuencode, "uuencode", rare)
			}
		}
		lo = end + 1
	}
}

// otherCased has the letters of a block that are not of a case.
func otherCased(b *sieve.Block, letterCase uint8) uint64 {
	if letterCase == lower {
		return b.Upper
	}
	return b.Lower
}

// backward are the names of encodings that are read from the end.
var backward = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{"base64", "hex", "uuencode"} {
		m[name] = name + ">reversed"
	}
	return m
}()

// positional decodes an encoding of so many bits a character, at every
// alignment: a copy may start anywhere in what was encoded, and a cut or
// another field may precede it. The common encodings are read
// backwards too.
func (x *Expander) positional(v *View, lo, hi int, a *bitwise, name string, use use) {
	both := a.width != 5 && a.width != 1
	if use == rare && !x.worth(v, lo, hi, func(text []byte) bool {
		values := x.squeeze(text, a.value)
		if x.allText(x.pack(values, a.width)) {
			return true
		}
		reverse(values)
		return both && x.allText(x.pack(values, a.width))
	}, func(text []byte) bool {
		return x.packedBegins(x.pack(x.squeeze(text, a.value), a.width))
	}) {
		return
	}
	if values := x.squeeze(v.Text[lo:hi], a.value); x.aligned(v, lo, hi, values, a, name, false) && both {
		reverse(values)
		x.aligned(v, lo, hi, values, a, backward[name], true)
	}
}

// aligned decodes the values of bytes [lo,hi) of v at every alignment that may give text.
// backwards is whether the last byte's is the first. It reports whether there was work left.
func (x *Expander) aligned(v *View, lo, hi int, values []byte, a *bitwise, name string, backwards bool) bool {
	if v.plain && len(values)*int(a.width) < 8*x.Least {
		return true
	}
	if !x.pay(len(values)) {
		return false
	}
	set := x.phases(x.pack(values, a.width), a.width)
	if set == 0 {
		return true
	}
	alignments, width := 8, int(a.width)
	for width*alignments/2%8 == 0 {
		alignments /= 2
	}
	places := x.stood(v.Text[lo:hi], a.value)
	if backwards {
		reverse(places)
	}
	for start := range min(alignments, len(values)) {
		if set>>(start*width%8)&1 == 0 {
			continue
		}
		if !x.pay(len(values)) {
			return false
		}
		decoded := pack(x.packed, values[start:], a.width)
		x.packed = decoded
		x.stretches(v, decoded, name, func(i int) int {
			return lo + int(places[min(start+i*8/width, len(places)-1)])
		})
	}
	return true
}

// pack puts values of so many bits together to bytes, in the memory of out if that is
// enough. Behind the last byte are the bits left over, and zeros.
func pack(out, values []byte, width uint) []byte {
	n, at := len(values)*int(width)/8, 0
	out = slices.Grow(out[:0], n+2*word)[:n+2*word]
	for ; len(values) >= 8; values = values[8:] {
		binary.BigEndian.PutUint64(out[at:], join(binary.BigEndian.Uint64(values), width))
		at += int(width)
	}
	var last [8]byte
	copy(last[:], values)
	binary.BigEndian.PutUint64(out[at:], join(binary.BigEndian.Uint64(last[:]), width))
	return out[:n]
}

// join puts the eight values of so many bits together that v has in its bytes, in its
// highest bits.
//
//	0x12_06_15_2c_1b_06_3c_00 of 6 bits gives 0x48_65_6c_6c_6f_00_00_00
func join(v uint64, width uint) uint64 {
	v = v>>8&0x00ff_00ff_00ff_00ff<<(width&63) | v&0x00ff_00ff_00ff_00ff
	v = v>>16&0x0000_ffff_0000_ffff<<(2*width&63) | v&0x0000_ffff_0000_ffff
	v = v>>32<<(4*width&63) | v&0xffff_ffff
	return v << ((64 - 8*width) & 63)
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}
