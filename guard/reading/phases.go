package reading

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// phases reports at which of the eight places of a byte's first bit the bits of
// values may be text: bit p of the set stands for bytes that begin at bits p, p+8,
// p+16, … of them. Where it says no, [Expander.stretches] would find nothing, since
// there are no minStretch bytes in a row that may be readable, and no two with
// which a compressed stream begins.
//
// All alignments are looked at at once, 64 bits a step. With the values of base64
//
//	S     G     V     s
//	010010000110010101101100…
//
// bit q of a word says something of the byte whose first bit q is.
func (x *Expander) phases(values []byte, width int) (set uint8) {
	x.stream64(values, width)
	words := x.words[:len(x.words)-2] // behind which are two of zeros
	ok := slices.Grow(x.runs[:0], len(x.words))[:len(x.words)]
	x.runs = ok
	clear(ok[len(words):])
	before, starts := uint64(0), uint64(0)
	for i, w := range words {
		next := x.words[i+1]
		// b1 to b7 are the bits behind the first one.
		b1, b2, b3, b4 := w<<1|next>>63, w<<2|next>>62, w<<3|next>>61, w<<4|next>>60
		b5, b6, b7 := w<<5|next>>59, w<<6|next>>58, w<<7|next>>57
		goesOn := w &^ b1 // 10xxxxxx
		goesOnNext := next &^ (next<<1 | x.words[i+2]>>63)
		ascii := ^w & (b1 | b2 | ^b3&b4)                // from 0x20 on, and 0x08 to 0x0f
		begins := w & b1 &^ (b2 & b3)                   // 110xxxxx and 1110xxxx …
		behind := goesOn<<8 | goesOnNext>>56            // … before a byte that goes on
		high := before<<56 | w>>8                       // the byte before is none of ASCII
		zero := ^(w | b1 | b2 | b3 | b4 | b5 | b6 | b7) // UTF-16 has them
		ok[i] = ascii | zero | goesOn&high | begins&behind
		before = w
		magic := ^w & (^b1&^b2&b3&b4&b5&b6&b7 | b1&b2&b3&b4&^b5&^b6&^b7 | b1&^b2&^b3&^b4&^b5&b6&^b7) // 0x1f, 'x', 'B'
		for ; magic != 0; magic &= magic - 1 {
			if q := bits.LeadingZeros64(magic & -magic); x.magicAt(i, q) {
				starts |= magic & -magic
			}
		}
	}
	// Of each byte: it, and one, three, seven and eleven behind it.
	for i := range words {
		ok[i] &= ok[i]<<8 | ok[i+1]>>56
	}
	for i := range words {
		ok[i] &= ok[i]<<16 | ok[i+1]>>48
	}
	for i := range words {
		ok[i] &= ok[i]<<32 | ok[i+1]>>32
	}
	for i := range words {
		starts |= ok[i] & (ok[i]<<32 | ok[i+1]>>32)
	}
	starts |= starts >> 32
	starts |= starts >> 16
	starts |= starts >> 8
	for p := range 8 {
		set |= uint8(starts>>(7-p)&1) << p
	}
	return set
}

// stream64 makes x.words the bits of values, and two words of zeros behind them.
func (x *Expander) stream64(values []byte, width int) {
	b := pack(x.packed[:0], values, width)
	if left := len(values) * width % 8; left > 0 { // bits of the last byte
		v := uint(0)
		for _, d := range values[max(0, len(values)-8):] {
			v = v<<width | uint(d)
		}
		b = append(b, byte(v<<(8-left)))
	}
	for range 8 {
		b = append(b, 0)
	}
	x.packed, x.words = b, x.words[:0]
	for ; len(b) >= 8; b = b[8:] {
		x.words = append(x.words, binary.BigEndian.Uint64(b))
	}
	x.words = append(x.words, 0, 0)
}

// magicAt reports whether at bit q of word i there is what a compressed stream begins
// with: two bytes of gzip's, zlib's with a window of 32 KiB, or bzip2's.
func (x *Expander) magicAt(i, q int) bool {
	switch (x.words[i]<<q | x.words[i+1]>>(64-q)) >> 48 {
	case 0x1f8b, 0x7801, 0x785e, 0x789c, 0x78da, 0x425a:
		return true
	}
	return false
}
