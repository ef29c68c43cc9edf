package reading

import "slices"

// minOneCase is the number of letters and digits in one case that may be base32:
// base64 hardly has that many by chance.
const minOneCase = 24

// region adds what the bytes [lo,hi) of v decode to.
func (x *Expander) region(v *View, lo, hi int) {
	text := v.Text[lo:hi]
	var count [4]int
	hexes, binary := 0, 0
	for _, c := range text {
		count[classOf[c]]++
		if nibble[c] >= 0 {
			hexes++
		}
		if bit[c] >= 0 {
			binary++
		}
	}
	letters := len(text) - count[other]
	if hexes*10 >= letters*7 {
		x.positional(v, lo, hi, nibble, 4, "hex")
	}
	if binary*10 >= letters*9 {
		x.positional(v, lo, hi, bit, 1, "binary")
	}
	x.positional(v, lo, hi, sextet, 6, "base64")
	x.oneCased(v, lo, hi, lower)
	x.oneCased(v, lo, hi, upper)
	if count[other]*8 >= len(text) {
		x.radix85(v, lo, hi, radixA85, "ascii85")
		x.radix85(v, lo, hi, z85, "z85")
		x.radix85(v, lo, hi, b85, "base85")
	}
	x.radix58(v, lo, hi)
}

// oneCased decodes the parts of a region that have letters of one case only:
// base32, and uuencode where punctuation stands between capitals.
func (x *Expander) oneCased(v *View, lo, hi int, letterCase uint8) {
	for lo < hi {
		n, end := 0, lo
		for ; end < hi; end++ {
			c := classOf[v.Text[end]]
			if c == lower+upper-letterCase {
				break
			}
			if c != other {
				n++
			}
		}
		if n >= minOneCase {
			for _, a := range base32s {
				if a.letters == letterCase {
					x.positional(v, lo, end, a.alphabet, 5, a.name)
				}
			}
			if letterCase == upper && (end-lo-n)*8 >= end-lo {
				x.positional(v, lo, end, uuencode, 6, "uuencode")
			}
		}
		lo = end + 1
	}
}

// positional decodes an encoding of so many bits a character, at every
// alignment: a copy may start anywhere in what was encoded, and a cut or
// another field may precede it. The common encodings are read
// backwards too.
func (x *Expander) positional(v *View, lo, hi int, a *alphabet, width int, name string) {
	values, places := x.squeeze(v.Text[lo:hi], a)
	alignments := 8
	for width*alignments/2%8 == 0 {
		alignments /= 2
	}
	for _, reversed := range []bool{false, true} {
		if reversed {
			if width == 5 || width == 1 {
				return
			}
			reverse(values)
			reverse(places)
			name += ">reversed"
		}
		for start := range min(alignments, len(values)) {
			if !x.pay(len(values)) {
				return
			}
			decoded := pack(x.packed[:0], values[start:], width)
			x.packed = decoded
			x.stretches(v, decoded, name, func(i int) int {
				n := min(start+i*8/width, len(places)-1)
				return lo + int(places[n])
			})
		}
	}
}

// pack adds values of so many bits to out, put together to bytes.
func pack(out, values []byte, width int) []byte {
	out = slices.Grow(out, len(values)*width/8)
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
