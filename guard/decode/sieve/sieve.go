// Package sieve looks once at every byte of a text and says for each of a few
// kinds of bytes where they stand, as bits. What takes encodings apart asks it
// first: where a text has not the bytes that an encoding needs there is nothing to
// try, and nearly all text that tools deal in has none of them.
//
//	0         1
//	0123456789012
//	Call  at 10:4
//	1............   Upper
//	.111..11.....   Lower
//	.........11.1   Digit
//	....11..1..1.   Apart
//
// Bit i%64 of block i/64 stands for byte i, the lowest bit for the first.
package sieve

import (
	"math/bits"
	"slices"
)

// Block is 64 bytes of a text, those behind its end being none of any kind.
type Block struct {
	Lower, Upper, Digit uint64 // of ASCII
	Odd                 uint64 // signs that hardly stand between letters in text or JSON, and do in base85
	Apart               uint64 // spaces and signs that set the groups of a series apart
	Cut                 uint64 // signs that words are cut by, and the one that begins a tag
}

// Letter has the letters of ASCII in b.
func (b *Block) Letter() uint64 { return b.Lower | b.Upper }

// Count returns how many letters and digits of ASCII stand in bytes [lo,hi) of a text.
func Count(blocks []Block, lo, hi int) (n int) {
	for lo < hi {
		b, end := &blocks[lo/64], min(hi, lo/64*64+64)
		n += bits.OnesCount64((b.Letter() | b.Digit) >> (lo % 64) << (64 - (end - lo)))
		lo = end
	}
	return n
}

// The kinds of bytes, a bit each.
const (
	lower = 1 << iota
	upper
	digit
	odd
	apart
	cut
)

// The signs of those kinds that are signs.
const (
	Odd   = "!#$%&*+;<>?@^`~"
	Apart = " \t\r\n,;:_/|*[]()\"'"
	Cut   = ".-*_~^+/\\`'=:#<"
)

var kinds = func() (k [256]uint8) {
	for c := range 26 {
		k['a'+c], k['A'+c] = lower, upper
	}
	for c := range 10 {
		k['0'+c] = digit
	}
	for signs, kind := range map[string]uint8{Odd: odd, Apart: apart, Cut: cut} {
		for _, c := range []byte(signs) {
			k[c] |= kind
		}
	}
	return k
}()

// Read returns the blocks of a text, in the memory of blocks if that is enough.
func Read[T string | []byte](blocks []Block, text T) []Block {
	n := (len(text) + 63) / 64
	blocks = slices.Grow(blocks[:0], n)[:n]
	for i := range blocks {
		b, part := &blocks[i], text[i*64:]
		*b = Block{}
		for k := 0; k < 64 && k < len(part); k += 8 {
			v := uint64(0)
			if p := part[k:]; len(p) >= 8 {
				v = uint64(kinds[p[0]]) | uint64(kinds[p[1]])<<8 | uint64(kinds[p[2]])<<16 | uint64(kinds[p[3]])<<24 |
					uint64(kinds[p[4]])<<32 | uint64(kinds[p[5]])<<40 | uint64(kinds[p[6]])<<48 | uint64(kinds[p[7]])<<56
			} else {
				for j := range len(p) {
					v |= uint64(kinds[p[j]]) << (8 * j)
				}
			}
			b.Lower |= row(v) << k
			b.Upper |= row(v>>1) << k
			b.Digit |= row(v>>2) << k
			b.Odd |= row(v>>3) << k
			b.Apart |= row(v>>4) << k
			b.Cut |= row(v>>5) << k
		}
	}
	return blocks
}

// row is the lowest bits of the eight bytes of v, side by side.
//
//	0x01_00_00_00_00_00_01_01 gives 0b10000011
func row(v uint64) uint64 {
	return (v & 0x0101010101010101) * 0x0102040810204080 >> 56
}
