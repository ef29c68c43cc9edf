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
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

// Block is 64 bytes of a text, those behind its end being none of any kind.
type Block struct {
	Lower, Upper, Digit uint64 // of ASCII
	Odd                 uint64 // signs that hardly stand between letters in text or JSON, and do in base85
	Apart               uint64 // spaces and signs that set the groups of a series apart
	Cut                 uint64 // signs that words are cut by, and the one that begins a tag
	Token               uint64 // what encodings of bytes are written with
	Special             uint64 // what may stand for something else: escapes, control characters, and all beyond ASCII
}

// Letter has the letters of ASCII in b.
func (b *Block) Letter() uint64 { return b.Lower | b.Upper }

// Word has the letters and digits of ASCII in b.
func (b *Block) Word() uint64 { return b.Lower | b.Upper | b.Digit }

// Count returns how many letters and digits of ASCII stand in bytes [lo,hi) of a text.
func Count(blocks []Block, lo, hi int) (n int) {
	for lo < hi {
		b, end := &blocks[lo/64], min(hi, lo/64*64+64)
		n += bits.OnesCount64(b.Word() >> (lo % 64) << (64 - (end - lo)))
		lo = end
	}
	return n
}

// Window returns the bits of the 64 bytes from i on, of those that kind gives for a block.
func Window(blocks []Block, i int, kind func(*Block) uint64) uint64 {
	k, shift := i/64, i%64
	if k >= len(blocks) {
		return 0
	}
	w := kind(&blocks[k]) >> shift
	if k+1 < len(blocks) {
		w |= kind(&blocks[k+1]) << 1 << (63 - shift)
	}
	return w
}

// Run returns the first place from i on where n bytes in a row begin, 64 at the most, of
// those that kind gives for a block. It is behind all blocks if there is none.
func Run(blocks []Block, i, n int, kind func(*Block) uint64) int {
	if i/64 >= len(blocks) {
		return 64 * len(blocks)
	}
	here := kind(&blocks[i/64])
	for k, from := i/64, i%64; k < len(blocks); k, from = k+1, 0 {
		row, behind := here, uint64(0)
		if k+1 < len(blocks) {
			behind = kind(&blocks[k+1])
		}
		here = behind
		for have := 1; have < n; { // of so many in a row the first
			more := min(have, n-have)
			row, behind, have = row&(row>>more|behind<<(64-more)), behind&(behind>>more), have+more
		}
		if row = row >> from << from; row != 0 {
			return 64*k + bits.TrailingZeros64(row)
		}
	}
	return 64 * len(blocks)
}

// Next returns the first place from i on of those that kind gives for a block, behind all
// blocks if there is none.
func Next(blocks []Block, i int, kind func(*Block) uint64) int {
	for k, from := i/64, i%64; k < len(blocks); k, from = k+1, 0 {
		if w := kind(&blocks[k]) >> from; w != 0 {
			return 64*k + from + bits.TrailingZeros64(w)
		}
	}
	return 64 * len(blocks)
}

// The kinds of bytes, a byte each.
const (
	lower   = 1 << (8 * iota)
	upper   = 1 << (8 * iota)
	digit   = 1 << (8 * iota)
	odd     = 1 << (8 * iota)
	apart   = 1 << (8 * iota)
	cut     = 1 << (8 * iota)
	token   = 1 << (8 * iota)
	special = 1 << (8 * iota)
)

// The signs of those kinds that are signs. Quotes, commas, angle brackets and braces end a
// token.
const (
	Odd      = "!#$%&*+;<>?@^`~"
	Apart    = " \t\r\n,;:_/|*[]()\"'"
	Cut      = ".-*_~^+/\\`'=:#<"
	notToken = "\"'`,<>{}[]()|\\"
	escape   = "&%\\"
)

var kinds = func() (k [256]uint64) {
	for c := range 26 {
		k['a'+c], k['A'+c] = lower, upper
	}
	for c := range 10 {
		k['0'+c] = digit
	}
	for signs, kind := range map[string]uint64{Odd: odd, Apart: apart, Cut: cut, escape: special} {
		for _, c := range []byte(signs) {
			k[c] |= kind
		}
	}
	for c := range k {
		switch c := byte(c); {
		case c > ' ' && c < 0x7f && strings.IndexByte(notToken, c) < 0:
			k[c] |= token
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0x7f:
			k[c] |= special
		}
	}
	return k
}()

// Read returns the blocks of a text, in the memory of blocks if that is enough.
func Read[T string | []byte](blocks []Block, text T) []Block {
	n := (len(text) + 63) / 64
	blocks = slices.Grow(blocks[:0], n)[:n]
	for i := range blocks {
		var part [64]byte
		k := copy(part[:], text[i*64:])
		blocks[i] = read(&part, k)
	}
	return blocks
}

// read returns the block of 64 bytes, of which the first n are there.
func read(text *[64]byte, n int) Block {
	var of [8][8]byte // for each kind a bit for each byte
	for k := range 8 {
		if 8*k >= n {
			break
		}
		p := (*[8]byte)(text[8*k : 8*k+8])
		v := kinds[p[7]]<<1 | kinds[p[6]]
		v = v<<1 | kinds[p[5]]
		v = v<<1 | kinds[p[4]]
		v = v<<1 | kinds[p[3]]
		v = v<<1 | kinds[p[2]]
		v = v<<1 | kinds[p[1]]
		v = v<<1 | kinds[p[0]]
		of[0][k], of[1][k], of[2][k], of[3][k] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		v >>= 32
		of[4][k], of[5][k], of[6][k], of[7][k] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
	there := ^uint64(0) >> (64 - n)
	bits := func(kind int) uint64 { return binary.LittleEndian.Uint64(of[kind][:]) & there }
	return Block{Lower: bits(0), Upper: bits(1), Digit: bits(2), Odd: bits(3), Apart: bits(4), Cut: bits(5), Token: bits(6), Special: bits(7)}
}
