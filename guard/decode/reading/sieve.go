package reading

import (
	"math/bits"

	"toolward/guard/decode/sieve"
)

// The classes of characters that the score tells apart.
const (
	other = iota
	lower
	upper
	digit
)

var classOf = func() (c [256]uint8) {
	for i := range 26 {
		c['a'+i], c['A'+i] = lower, upper
	}
	for i := range 10 {
		c['0'+i] = digit
	}
	return c
}()

// weight is what two neighbours of these classes add to the score.
var weight = [8][8]int{
	lower: {upper: 8, digit: 10, odd: 3},
	upper: {lower: 3, digit: 10, upper: 2, odd: 3},
	digit: {lower: 10, upper: 10, digit: 2, odd: 3},
	odd:   {lower: 3, upper: 3, digit: 3},
}

// odd are characters that hardly stand between letters in text or JSON, and do
// in base85.
const odd = 4

var oddClass = func() (c [256]uint8) {
	c = classOf
	for _, b := range []byte(sieve.Odd) {
		c[b] = odd
	}
	return c
}()

const (
	longToken = 20 // letters and digits in a row that hardly any word has
	sieveMark = 36 // score from which a region counts
	sieveMax  = 72 // highest score, so that a region ends soon after what made it
)

// regions calls f for each part of v that may hold something encoded, in
// order and without overlap: where case and digits change more often than in
// words. It errs on the side of looking: a region that holds nothing costs
// time only.
func (x *Expander) regions(v *View, f func(lo, hi int)) {
	text, hot := v.Text, x.changes()
	score, start, marked, done := 0, 0, false, 0
	var last uint8  // class of the character before
	var token int   // letters and digits in a row up to it; longToken+1 is any more
	var lonely bool // the last word begins with the last of its characters
	for i := 0; i < len(text); i++ {
		if score == 0 { // what adds nothing to nothing is stepped over
			if i = next(hot, i); i >= len(text) {
				break
			}
			last, token, lonely = before(text, i)
			start = i
		}
		class := oddClass[text[i]]
		w := weight[last&7][class&7]
		if class-1 < odd-1 {
			if token++; token > longToken {
				w += 4
			}
		} else {
			token = 0
		}
		if class != other {
			begins := last == other
			if begins && lonely && oddClass[text[i-2]] != other {
				w = 4 // single letters with something between them: "S G V s"
			}
			lonely = begins
		}
		last = class
		score = min(score+w-1, sieveMax)
		if score >= sieveMark {
			marked = true
		}
		if score <= 0 {
			if marked {
				f(backTo(text, start, done), i)
				done = i
			}
			score, marked = 0, false
		}
	}
	if marked {
		f(backTo(text, start, done), len(text))
	}
}

// before returns what the weight of text[i] depends on beside itself.
func before(text []byte, i int) (last uint8, token int, lonely bool) {
	if i == 0 {
		return other, 0, false
	}
	last = oddClass[text[i-1]]
	k := i
	for k > 0 && i-k <= longToken && classOf[text[k-1]] != other {
		k--
	}
	lonely = i > 1 && last == other && oddClass[text[i-2]] != other && (i == 2 || oddClass[text[i-3]] == other)
	return last, i - k, lonely
}

// changes returns bits of the characters of x.blocks that have a weight.
func (x *Expander) changes() []uint64 {
	hot := x.hot[:0]
	var was changing
	for i := range x.blocks {
		b, ahead := &x.blocks[i], uint64(0)
		if i+1 < len(x.blocks) {
			n := &x.blocks[i+1]
			ahead = (n.Lower | n.Upper | n.Digit | n.Odd) << 63
		}
		hot = append(hot, was.of(b, ahead))
	}
	x.hot = hot
	return hot
}

// changing is what the bits of a block depend on in the block before.
type changing struct {
	lower, upper, digit, odd, any uint64
	alone                         uint64    // words of one character
	row                           [5]uint64 // letters and digits with 1, 3, 7, 15 and 19 before them
}

// of returns the characters of a block that have a weight: by their class and that of
// the one before, in a long token, and single ones behind single ones. ahead is
// whether the next block goes on with a word.
func (was *changing) of(b *sieve.Block, ahead uint64) uint64 {
	now := changing{lower: b.Lower, upper: b.Upper, digit: b.Digit, odd: b.Odd, any: b.Lower | b.Upper | b.Digit | b.Odd}
	l, u, d, o := b.Lower<<1|was.lower>>63, b.Upper<<1|was.upper>>63, b.Digit<<1|was.digit>>63, b.Odd<<1|was.odd>>63
	hot := b.Upper&(l|u|d|o) | b.Digit&(l|u|d|o) | b.Lower&(u|d|o) | b.Odd&(l|u|d)

	word, r, w := b.Letter()|b.Digit, &now.row, &was.row
	r[0] = word & (word<<1 | (was.lower|was.upper|was.digit)>>63)
	r[1] = r[0] & (r[0]<<2 | w[0]>>62)
	r[2] = r[1] & (r[1]<<4 | w[1]>>60)
	r[3] = r[2] & (r[2]<<8 | w[2]>>56)
	r[4] = r[3] & (r[3]<<4 | w[3]>>60)
	hot |= r[4] & (word<<20 | (was.lower|was.upper|was.digit)>>44)

	begins := now.any &^ (now.any<<1 | was.any>>63)
	now.alone = begins &^ (now.any>>1 | ahead)
	hot |= begins & (now.alone<<2 | was.alone>>62)
	*was = now
	return hot
}

// next returns the first place from i on that has a bit, 64 times their number at
// the least if there is none.
func next(set []uint64, i int) int {
	k := i / 64
	if k >= len(set) {
		return i
	}
	w := set[k] >> (i % 64) << (i % 64)
	for w == 0 {
		if k++; k == len(set) {
			return 64 * k
		}
		w = set[k]
	}
	return 64*k + bits.TrailingZeros64(w)
}

// backTo extends a region to the start of the token that it begins in.
func backTo(text []byte, start, least int) int {
	for n := 0; start > least && n < 64 && sextet.value[text[start-1]] >= 0; n++ {
		start--
	}
	return start
}
