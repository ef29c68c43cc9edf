package reading

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// gather makes x.bits of the characters of text that are in an alphabet, the last
// one first if backwards, and returns how many bits they are. Zeros are behind them.
//
//	"SG-V" gives 010010 000110 010101 0…, 18
func (x *Expander) gather(text []byte, a *bitwise, backwards bool) int {
	most := len(text)*int(a.width)/8 + 4*word
	out := slices.Grow(x.bits[:0], most)[:most]
	x.bits = out
	acc, have, at := uint64(0), uint(0), 0
	for len(text) > 0 {
		var four [4]byte
		switch n := len(text); {
		case n < 4: // with what is skipped behind it
			for i := range four {
				four[i] = a.skipped
			}
			copy(four[:], text)
			if backwards {
				reverse(four[:n])
			}
			text = nil
		case backwards:
			last := text[n-4:]
			four = [4]byte{last[3], last[2], last[1], last[0]}
			text = text[:n-4]
		default:
			four = [4]byte(text)
			text = text[4:]
		}
		s0, s1, s2, s3 := a.size[four[0]], a.size[four[1]], a.size[four[2]], a.size[four[3]]
		acc = acc<<(s0&63) | uint64(a.bits[four[0]])
		acc = acc<<(s1&63) | uint64(a.bits[four[1]])
		acc = acc<<(s2&63) | uint64(a.bits[four[2]])
		acc = acc<<(s3&63) | uint64(a.bits[four[3]])
		if have += uint(s0 + s1 + s2 + s3); have >= 32 { // never 64: four characters have 24 at most
			have -= 32
			binary.BigEndian.PutUint32(out[at:], uint32(acc>>(have&63)))
			at += 4
		}
	}
	binary.BigEndian.PutUint32(out[at:], uint32(acc<<(32-have&63)))
	clear(out[at+4:])
	return 8*at + int(have)
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
// bit q of a word says something of the byte whose first bit q is. Twelve bytes in
// a row have two halves of a word in a row, of one alignment; hardly anything has.
func (x *Expander) phases(size int) (set uint8) {
	words := (size+7)/64 + 1
	begins, before, half := uint64(0), uint64(0), uint64(0)
	at := x.bits
	w := binary.BigEndian.Uint64(at)
	for i := range words {
		at = at[word:]
		next := binary.BigEndian.Uint64(at)
		ok, magic := mayBegin(before, w, next)
		for ; magic != 0; magic &= magic - 1 {
			if q := bits.LeadingZeros64(magic & -magic); magicAt(w, next, q) {
				begins |= magic & -magic
			}
		}
		ok &= ok << 16
		ok &= ok << 8 // of its first four bytes in the highest eight bits, of the others in the fifth
		if ok>>56&(ok>>24|half) != 0 {
			begins |= x.longEnough(i, words)
		}
		half = ok >> 24 & 0xff
		before, w = w, next
	}
	begins |= begins >> 32
	begins |= begins >> 16
	begins |= begins >> 8
	for p := range 8 {
		set |= uint8(begins>>(7-p)&1) << p
	}
	return set
}

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

// longEnough returns bits of bytes that may be the first of minStretch readable ones
// with some in word i of so many.
func (x *Expander) longEnough(i, words int) (begins uint64) {
	var ok [4]uint64 // of the word before it, of it, and of the one behind
	for k := range 3 {
		at := i + k - 1
		if at < 0 || at >= words {
			continue
		}
		before := uint64(0)
		if at > 0 {
			before = binary.BigEndian.Uint64(x.bits[(at-1)*word:])
		}
		ok[k], _ = mayBegin(before, binary.BigEndian.Uint64(x.bits[at*word:]), binary.BigEndian.Uint64(x.bits[(at+1)*word:]))
	}
	// Of each byte: it, and one, three, seven and eleven behind it.
	for _, shift := range []int{8, 16, 32} {
		for k := range 3 {
			ok[k] &= ok[k]<<shift | ok[k+1]>>(64-shift)
		}
	}
	for k := range 3 {
		begins |= ok[k] & (ok[k]<<32 | ok[k+1]>>32)
	}
	return begins
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
