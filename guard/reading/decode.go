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
			name = backward[name]
		}
		if !x.pay(len(values)) {
			return
		}
		set := x.phases(values, width)
		for start := range min(alignments, len(values)) {
			if set>>(start*width%8)&1 == 0 {
				continue
			}
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
