package literal

import (
	"cmp"
	_ "embed"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Finder finds literals by their rarest four bytes, their anchors. It looks at every
// second place of a text, whether three bytes stand there that an anchor begins or ends
// with, and only where they do at the anchors themselves. So most of a text costs a few
// instructions a byte, however many literals there are.
//
//	literals token and sk-, anchors "toke" and "sk-": "my TOKEN: sk-1" has token up to 8 and sk- up to 13
//
// ASCII letters match in either case; other bytes match themselves. A Finder is
// immutable and safe for concurrent use.
type Finder struct {
	may     [1 << mayBits]uint8      // by the hash of three bytes, 1 where an anchor may begin or end with them
	first   [1<<firstBits + 1]uint16 // by the hash of the three that an anchor begins with, its place in …
	anchors []anchor                 // … those
	texts   []string                 // the literals in small letters
	signs   []int                    // literals of two bytes
}

// anchor is the part of a literal that it is found by: four bytes, or all of one of three.
type anchor struct {
	bytes, mask uint32 // the first byte lowest, and which of them count
	literal     int32
	back        int32 // bytes of the literal before it
}

// Hit is a place where a literal stands.
type Hit struct {
	End     int32 // the offset behind it
	Literal int32 // its index
}

const (
	mayBits, firstBits = 16, 12

	long  = 4 // bytes of an anchor
	block = 8 // bytes that are loaded together, and …
	step  = 6 // … how many of them are done with then

	lower    = 0x20 // makes capitals small, and some other bytes the same as others
	allLower = 0x2020202020202020
	golden   = 0x9e3779b1 // 2^32 over the golden ratio, which spreads bits well
)

// mix spreads the three bytes of x that are lowest over the highest bits.
func mix(x uint32) uint32 { return x * (golden << 8 & math.MaxUint32) }

// NewFinder compiles up to 65,535 literals. They need three bytes, or two that are no
// letters; NewFinder panics otherwise, since they are the program's own.
func NewFinder(literals []string) *Finder {
	f := &Finder{}
	buckets := make([][]anchor, 1<<firstBits)
	for n, text := range literals {
		text = folded(text)
		f.texts = append(f.texts, text)
		switch {
		case len(text) == 2 && !isLetter(text[0]) && !isLetter(text[1]):
			f.signs = append(f.signs, n)
			continue
		case len(text) < 3:
			panic("literal: " + text + " is too short to be found")
		}
		a := anchorOf(text)
		a.literal = int32(n)
		h := mix(a.bytes) >> (32 - firstBits)
		buckets[h] = append(buckets[h], a)
		f.may[place(uint64(a.bytes))] = 1
		f.may[place(uint64(a.bytes>>8))] = 1
		if a.mask>>24 == 0 { // it ends with any byte
			for c := range uint32(256) {
				f.may[place(uint64(a.bytes>>8|(c|lower)<<16))] = 1
			}
		}
	}
	for h, all := range buckets {
		f.anchors = append(f.anchors, all...)
		f.first[h+1] = uint16(len(f.anchors))
	}
	return f
}

func isLetter(c byte) bool { return 'a' <= Fold(c) && Fold(c) <= 'z' }

func folded(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = Fold(c)
	}
	return string(b)
}

// sample is text of the kinds that tools deal in.
//
//go:embed sample.txt
var sample string

// often counts the bytes of the sample by three, by their hash, and by two.
type often struct{ three, two [1 << 16]uint16 }

var inSample = sync.OnceValue(func() *often {
	o := new(often)
	for i := range len(sample) - 2 {
		x := bytesAt(sample, i, 3)
		o.three[mix(x)>>(32-mayBits)]++
		o.two[x&0xffff]++
	}
	return o
})

// of is how often the three bytes of x that are lowest stand in texts, as a rank: where the sample
// has them as seldom, the rarer of their pairs decides.
func (o *often) of(x uint32) int {
	return int(o.three[mix(x)>>(32-mayBits)])<<10 + int(min(o.two[x&0xffff], o.two[x>>8&0xffff]))
}

// bytesAt is n bytes of s, the first one lowest.
func bytesAt(s string, i, n int) (x uint32) {
	for k := n - 1; k >= 0; k-- {
		x = x<<8 | uint32(s[i+k]|lower)
	}
	return x
}

// anchorOf is the rarest part of a literal.
func anchorOf(text string) anchor {
	at, n := 0, min(len(text), long)
	for i, least := 0, math.MaxInt; i+long <= len(text); i++ {
		x := bytesAt(text, i, long)
		if rank := inSample().of(x) + inSample().of(x>>8); rank < least {
			at, least = i, rank
		}
	}
	return anchor{bytes: bytesAt(text, at, n), mask: 1<<(8*n) - 1, back: int32(at)}
}

// Find appends to hits where literals stand in s, in the order of their ends, of
// those with the same end the longest first.
func (f *Finder) Find(s string, hits []Hit) []Hit {
	base := len(hits)
	i, x, may := f.skip(s, 0)
	for ; may != 0; i, x, may = f.skip(s, i+step) {
		hits = f.in(s, i, x, may, hits, base)
	}
	if i+1 < len(s) { // fewer bytes than a block are left
		x := uint64(0)
		for k := len(s) - 1; k >= i; k-- {
			x = x<<8 | uint64(s[k])
		}
		x |= allLower
		hits = f.in(s, i, x, f.mayIn(x)&(1<<((len(s)-i+1)/2)-1), hits, base) // at places of s only
	}
	anchored := len(hits)
	for _, n := range f.signs {
		for at := 0; ; {
			i := strings.Index(s[at:], f.texts[n])
			if i < 0 {
				break
			}
			at += i + 1
			hits = append(hits, Hit{int32(at + 1), int32(n)})
		}
	}
	if len(hits) > anchored { // far from their places, so that inserting each would take the square of their number
		slices.SortFunc(hits[base:], f.compare)
	}
	return hits
}

// skip returns the first block from s[i:] on in which an anchor may stand: its place, its
// bytes, and a bit for each second place of it that one may begin at, or before. It
// returns none, and where it came to, if fewer bytes than a block are left.
func (f *Finder) skip(s string, i int) (at int, x uint64, may uint8) {
	rest := s[i:]
	for ; len(rest) >= block; rest = rest[step:] {
		x = (uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 | uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56) | allLower // one load
		// At which of them, is asked of few.
		if f.may[place(x)]|f.may[place(x>>16)]|f.may[place(x>>32)] != 0 {
			return len(s) - len(rest), x, f.mayIn(x)
		}
	}
	return len(s) - len(rest), 0, 0
}

func (f *Finder) mayIn(x uint64) uint8 {
	return f.may[place(x)] | f.may[place(x>>16)]<<1 | f.may[place(x>>32)]<<2
}

// place is where may has the three bytes of x that are lowest.
func place(x uint64) uint32 { return mix(uint32(x)) >> (32 - mayBits) }

// in appends the literals whose anchors stand at those places of the block s[i:], which
// begins with x, or one byte before them.
func (f *Finder) in(s string, i int, x uint64, may uint8, hits []Hit, base int) []Hit {
	for ; may != 0; may &= may - 1 {
		k := 2 * bits.TrailingZeros8(may)
		four := uint32(x >> (8 * k))
		if h := mix(four) >> (32 - firstBits); f.first[h] < f.first[h+1] {
			hits = f.at(s, i+k, four, hits, base)
		}
		if i+k == 0 {
			continue
		}
		four = four<<8 | uint32(s[i+k-1]|lower)
		if h := mix(four) >> (32 - firstBits); f.first[h] < f.first[h+1] {
			hits = f.at(s, i+k-1, four, hits, base)
		}
	}
	return hits
}

// at appends the literals whose anchors stand at s[i:], which begins with x.
func (f *Finder) at(s string, i int, x uint32, hits []Hit, base int) []Hit {
	h := mix(x) >> (32 - firstBits)
	for n := f.first[h]; n < f.first[h+1]; n++ {
		a := &f.anchors[n]
		if (x^a.bytes)&a.mask != 0 {
			continue
		}
		from, text := i-int(a.back), f.texts[a.literal]
		if from >= 0 && from+len(text) <= len(s) && same(s[from:from+len(text)], text) {
			hits = f.insert(append(hits, Hit{int32(from + len(text)), a.literal}), base)
		}
	}
	return hits
}

// same reports whether s is text, which is in small letters.
func same(s, text string) bool {
	for i := range len(text) {
		if Fold(s[i]) != text[i] {
			return false
		}
	}
	return true
}

// insert puts the last hit to its place among those from base on, which is near.
func (f *Finder) insert(hits []Hit, base int) []Hit {
	for i := len(hits) - 1; i > base && f.compare(hits[i], hits[i-1]) < 0; i-- {
		hits[i], hits[i-1] = hits[i-1], hits[i]
	}
	return hits
}

func (f *Finder) compare(a, b Hit) int {
	if a.End != b.End {
		return cmp.Compare(a.End, b.End)
	}
	if n, m := len(f.texts[a.Literal]), len(f.texts[b.Literal]); n != m {
		return cmp.Compare(m, n)
	}
	return cmp.Compare(a.Literal, b.Literal)
}
