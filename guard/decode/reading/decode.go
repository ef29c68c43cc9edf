package reading

import (
	"math/bits"
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
// or with [Expander.Mostly] if it may give text in the middle of v, and so at the middle
// of what is more than half of it, or where [lo,hi) begins, as a compressed stream does.
func (x *Expander) worth(v *View, lo, hi int, may func([]byte) bool) bool {
	const near = 64
	middle := len(v.Text) / 2
	switch {
	case !x.Mostly || !v.plain:
		return true
	case middle < lo || middle >= hi:
		return false
	case hi-lo <= 4*near:
		return true
	}
	return may(v.Text[max(lo, middle-near):min(hi, middle+near)]) || may(v.Text[lo:lo+2*near])
}

// region adds what the bytes [lo,hi) of v decode to.
func (x *Expander) region(v *View, lo, hi int) {
	text := v.Text[lo:hi]
	letters, hexes, binary := sieve.Count(x.blocks, lo, hi), 0, 0
	for _, c := range text {
		hexes += int(nibble.size[c])
		binary += int(bit.size[c])
	}
	hexes /= int(nibble.width)
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
		x.radix85(v, lo, hi, adobe85, "ascii85")
		x.radix85(v, lo, hi, z85, "z85")
		x.radix85(v, lo, hi, base85, "base85")
	}
	x.radix58(v, lo, hi)
}

// oneCased decodes the parts of a region that have letters of one case only:
// base32, and uuencode where punctuation stands between capitals.
func (x *Expander) oneCased(v *View, lo, hi int, letterCase uint8) {
	for lo < hi {
		end := min(hi, x.otherCase(lo, letterCase))
		n := 0
		if end-lo >= minOneCase {
			n = sieve.Count(x.blocks, lo, end)
		}
		if n >= minOneCase {
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

// otherCase returns the place of the first letter from i on that is not of a case.
func (x *Expander) otherCase(i int, letterCase uint8) int {
	for ; i/64 < len(x.blocks); i = i/64*64 + 64 {
		w := x.blocks[i/64].Lower
		if letterCase == lower {
			w = x.blocks[i/64].Upper
		}
		if w = w >> (i % 64); w != 0 {
			return i + bits.TrailingZeros64(w)
		}
	}
	return i
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
	if use == rare && !x.worth(v, lo, hi, func(text []byte) bool {
		return x.phases(x.gather(text, a, false)) != 0 || a.width == 6 && x.phases(x.gather(text, a, true)) != 0
	}) {
		return
	}
	alignments := 8
	for int(a.width)*alignments/2%8 == 0 {
		alignments /= 2
	}
	for _, backwards := range []bool{false, true} {
		if backwards {
			if a.width == 5 || a.width == 1 {
				return
			}
			name = backward[name]
		}
		size := x.gather(v.Text[lo:hi], a, backwards)
		n := size / int(a.width)
		if !x.pay(n) {
			return
		}
		set := x.phases(size)
		if set == 0 {
			continue
		}
		values, places := x.squeeze(v.Text[lo:hi], a.value)
		if backwards {
			reverse(values)
			reverse(places)
		}
		for start := range min(alignments, n) {
			if set>>(start*int(a.width)%8)&1 == 0 {
				continue
			}
			if !x.pay(n) {
				return
			}
			decoded := pack(x.packed[:0], values[start:], int(a.width))
			x.packed = decoded
			x.stretches(v, decoded, name, func(i int) int {
				n := min(start+i*8/int(a.width), len(places)-1)
				return lo + int(places[n])
			})
		}
	}
}

// pack adds values of so many bits to out, put together to bytes.
func pack(out, values []byte, width int) []byte {
	out = slices.Grow(out, len(values)*width/8)
	switch width { // the same, several at once
	case 6:
		for ; len(values) >= 4; values = values[4:] {
			v := uint32(values[0])<<18 | uint32(values[1])<<12 | uint32(values[2])<<6 | uint32(values[3])
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	case 5:
		for ; len(values) >= 8; values = values[8:] {
			high := uint64(values[0])<<15 | uint64(values[1])<<10 | uint64(values[2])<<5 | uint64(values[3])
			v := high<<20 | uint64(values[4])<<15 | uint64(values[5])<<10 | uint64(values[6])<<5 | uint64(values[7])
			out = append(out, byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
		}
	case 4:
		for ; len(values) >= 2; values = values[2:] {
			out = append(out, values[0]<<4|values[1])
		}
	}
	acc, have := uint(0), 0
	for _, d := range values {
		acc = acc<<width | uint(d)
		if have += width; have >= 8 {
			have -= 8
			out = append(out, byte(acc>>have))
		}
	}
	return out
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}
