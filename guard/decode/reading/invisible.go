package reading

import (
	"bytes"
	"unicode/utf8"
)

// invisible adds what characters that nobody sees may carry: variation
// selectors that stand for bytes, and zero-width characters that stand for bits.
func (x *Expander) invisible(v *View) {
	if bytes.Contains(v.Text, []byte("\xf3\xa0\x84")) || bytes.Contains(v.Text, []byte("\xef\xb8\x8f")) || bytes.Contains(v.Text, []byte("\xf3\xa0\x85")) {
		x.selectors(v)
	}
	if bytes.Contains(v.Text, []byte("\xe2\x80\x8c")) || bytes.Contains(v.Text, []byte("\xe2\x80\x8d")) || bytes.Contains(v.Text, []byte("\xe2\x80\x8b")) {
		x.zeroWidth(v)
	}
}

// selectors reads U+FE00 to U+FE0F as the bytes 0 to 15 and U+E0100 to U+E01EF
// as 16 to 255, and the latter as ASCII too.
func (x *Expander) selectors(v *View) {
	var full, ascii []byte
	var places []int32
	for i := 0; i < len(v.Text); {
		r, size := utf8.DecodeRune(v.Text[i:])
		switch {
		case r >= 0xfe00 && r <= 0xfe0f:
			full, ascii, places = append(full, byte(r-0xfe00)), append(ascii, byte(r-0xfe00)), append(places, int32(i))
		case r >= 0xe0100 && r <= 0xe01ef:
			full, ascii, places = append(full, byte(r-0xe0100+16)), append(ascii, byte(r-0xe0100)), append(places, int32(i))
		}
		i += size
	}
	place := func(i int) int { return int(places[min(i, len(places)-1)]) }
	x.stretches(v, full, "variation-selectors", place)
	x.stretches(v, ascii, "variation-selectors", place)
}

// zeroWidth reads zero-width characters as bits: the most frequent one as one
// bit, the second as the other, in both ways and at every alignment.
func (x *Expander) zeroWidth(v *View) {
	var seq []rune
	var places []int32
	count := map[rune]int{}
	for i := 0; i < len(v.Text); {
		r, size := utf8.DecodeRune(v.Text[i:])
		switch r {
		case 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff, 0x200e, 0x200f, 0x180e:
			seq, places = append(seq, r), append(places, int32(i))
			count[r]++
		}
		i += size
	}
	if len(seq) < 8*minStretch || len(count) < 2 {
		return
	}
	var zero, one rune
	for _, r := range []rune{0x200b, 0x200c, 0x200d, 0x2060, 0xfeff, 0x200e, 0x200f, 0x180e} {
		switch {
		case count[r] > count[zero]:
			zero, one = r, zero
		case count[r] > count[one]:
			one = r
		}
	}
	var bits []byte
	var at []int32
	for i, r := range seq {
		if r == zero || r == one {
			b := byte(0)
			if r == one {
				b = 1
			}
			bits, at = append(bits, b), append(at, places[i])
		}
	}
	for range 2 {
		for start := range 8 {
			if start >= len(bits) || !x.pay(len(bits)) {
				return
			}
			x.stretches(v, pack(nil, bits[start:], 1), "zero-width", func(i int) int { return int(at[min(start+i*8, len(at)-1)]) })
		}
		for i := range bits {
			bits[i] ^= 1
		}
	}
}
