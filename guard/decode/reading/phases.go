package reading

import (
	"encoding/binary"
	"math/bits"

	"toolward/guard/decode/inflate"
)

// pack makes x.bits of values of so many bits and returns how many they are. Zeros
// are behind them.
//
//	18, 6, 21 of 6 bits give 010010 000110 010101 0…, 18
func (x *Expander) pack(values []byte, width uint) int {
	out := pack(x.bits, values, width)
	x.bits = append(out[:len(out)+1], make([]byte, 3*word)...) // with what is less than a byte
	return len(values) * int(width)
}

// word is how many bytes of bits are looked at in one step.
const word = 8

// phases reports at which of the eight places of a byte's first bit the so many bits
// of x.bits may be text: bit p of the set stands for bytes that begin at bits p, p+8,
// p+16, … of them. Where it says no, [Expander.stretches] would find nothing, since
// there are no minStretch bytes in a row that may be readable, and no two with
// which a compressed stream begins.
//
// All alignments are looked at at once, 64 bits a step. With the values of base64
//
//	S     G     V     s
//	010010000110010101101100…
//
// bit q of a word says something of the byte whose first bit q is: that it may be the last
// of one, two, four, eight, and minStretch readable bytes in a row.
func (x *Expander) phases(size int, width uint) (set uint8) {
	first, words, at := firsts[width], (size+7)/64+1, x.bits
	var found, before, one, two, four uint64
	w := binary.BigEndian.Uint64(at)
	for i := range words {
		at = at[word:]
		next := binary.BigEndian.Uint64(at)
		ok, magic := mayBegin(before, w, next)
		for magic &= first; magic != 0; magic &= magic - 1 {
			if q := bits.LeadingZeros64(magic & -magic); magicAt(w, next, q) && x.packedAt(64*i+q, size) {
				found |= magic & -magic
			}
		}
		ok &= first
		ok2 := ok & (ok>>8 | one<<56)
		ok4 := ok2 & (ok2>>16 | two<<48)
		ok8 := ok4 & (ok4>>32 | four<<32)
		found |= ok8 & four
		before, w, one, two, four = w, next, ok, ok2, ok4
	}
	found |= found >> 32
	found |= found >> 16
	found |= found >> 8
	for p := range 8 {
		set |= uint8(found>>(7-p)&1) << p
	}
	return set
}

// allText reports whether at one alignment all bytes of so many of x.bits may be text,
// but for the first and the last, of which a part may be missing.
func (x *Expander) allText(size int) bool {
	all, before := ^uint64(0), uint64(0)
	w := binary.BigEndian.Uint64(x.bits)
	for q := 0; q < size; q += 64 {
		next := binary.BigEndian.Uint64(x.bits[q/8+word:])
		ok, _ := mayBegin(before, w, next)
		if q == 0 {
			ok |= ^(^uint64(0) >> 8)
		}
		if rest := size - 15 - q; rest < 64 {
			ok |= ^uint64(0) >> max(0, rest)
		}
		all &= ok
		before, w = w, next
	}
	all &= all << 32
	all &= all << 16
	all &= all << 8
	return all>>56 != 0
}

// packedBegins reports whether a compressed stream may begin in so many of x.bits.
func (x *Expander) packedBegins(size int) bool {
	w := binary.BigEndian.Uint64(x.bits)
	for q := 0; q < size; q += 64 {
		next := binary.BigEndian.Uint64(x.bits[q/8+word:])
		_, magic := mayBegin(0, w, next)
		for ; magic != 0; magic &= magic - 1 {
			if p := bits.LeadingZeros64(magic & -magic); magicAt(w, next, p) && x.packedAt(q+p, size) {
				return true
			}
		}
		w = next
	}
	return false
}

// firsts has for each width of values the bits that are the first of one.
var firsts = [...]uint64{1: 1<<64 - 1, 4: 0x8888_8888_8888_8888, 5: 1<<64 - 1, 6: 0xaaaa_aaaa_aaaa_aaaa}

// mayBegin returns the bits of w that may be the first of a readable byte, and those
// that may be the first of one that a compressed stream begins with, given the words
// before and behind.
func mayBegin(before, w, next uint64) (ok, magic uint64) {
	// b1 to b7 are the bits behind the first one.
	b1, b2, b3, b4 := w<<1|next>>63, w<<2|next>>62, w<<3|next>>61, w<<4|next>>60
	b5, b6, b7 := w<<5|next>>59, w<<6|next>>58, w<<7|next>>57
	ascii := ^w & (b1 | b2 | ^b3&b4)                                                            // from 0x20 on, and 0x08 to 0x0f
	begins := w & b1 &^ (b2 & b3)                                                               // 110xxxxx and 1110xxxx …
	behind := (w<<8 | next>>56) &^ (w<<9 | next>>55)                                            // … before a byte that goes on
	goesOn := w &^ b1 & (before<<56 | w>>8)                                                     // 10xxxxxx behind one that is none of ASCII
	zero := ^(w | b1 | b2 | b3 | b4 | b5 | b6 | b7)                                             // UTF-16 has them
	magic = ^w & (^b1&^b2&b3&b4&b5&b6&b7 | b1&b2&b3&b4&^b5&^b6&^b7 | b1&^b2&^b3&^b4&^b5&b6&^b7) // 0x1f, 'x', 'B'
	return ascii | zero | goesOn | begins&behind, magic
}

// packedAt reports whether a compressed stream may begin at bit q of so many of x.bits.
func (x *Expander) packedAt(q, size int) bool {
	var b [inflate.Head]byte
	n := 0
	for ; n < len(b) && q+8*n+8 <= size; n++ {
		b[n] = byte((uint(x.bits[q/8+n])<<8 | uint(x.bits[q/8+n+1])) >> (8 - q%8))
	}
	return inflate.Format(b[:n]) != ""
}

// magicAt reports whether at bit q of word w there is what a compressed stream begins
// with: two bytes of gzip's, zlib's with a window of 32 KiB, or bzip2's.
func magicAt(w, next uint64, q int) bool {
	switch (w<<q | next>>(64-q)) >> 48 {
	case 0x1f8b, 0x7801, 0x785e, 0x789c, 0x78da, 0x425a:
		return true
	}
	return false
}
