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

// The states of the look for regions, five classes of the next character to each: behind
// a character of no class, one such behind a word of a single character, and behind
// one of a class, with which a word of no other begins or does not.
const (
	apart   = 8 * other
	lonely  = 8 * 5
	started = 8 * 5 // and its class times 8
)

// steps has what a character of a class changes in a state: the state in its upper bits,
// and in the lowest eight what is added to the score, and 1.
var steps = func() (steps [128]uint16) {
	for state := range 10 {
		last := state
		if state >= 5 {
			last -= 5 // other if it is lonely
		}
		for class := range 5 {
			next, w := 8*class, weight[last][class]
			switch {
			case class == other && state > 5:
				next = lonely
			case class != other && last == other:
				next += started
				if state == 5 {
					w = 4 // single letters with something between them: "S G V s"
				}
			}
			steps[8*state+class] = uint16(next<<8 | w)
		}
	}
	return steps
}()

// regions calls f for each part of v that may hold something encoded, in
// order and without overlap: where case and digits change more often than in
// words. It errs on the side of looking: a region that holds nothing costs
// time only.
func (x *Expander) regions(v *View, f func(lo, hi int)) {
	text, hot, done := v.Text, x.changes(), 0
	for i := next(hot, 0); i < len(text); i = next(hot, i) { // what adds nothing to nothing is stepped over
		state, token := before(text, i)
		start, score, most := i, 0, 0
		for ; i < len(text); i++ {
			class := oddClass[text[i]]
			step := steps[(state+uint(class))%128]
			state = uint(step >> 8)
			score += int(step&0xff) - 1
			if token++; class-1 >= odd-1 {
				token = 0
			} else if token > longToken {
				score += 4
			}
			if score <= 0 {
				break
			}
			score = min(score, sieveMax)
			most = max(most, score)
		}
		if most >= sieveMark {
			f(backTo(text, start, done), i)
			done = i
		}
		i++
	}
}

// before returns the state in front of text[i], and how many letters and digits are in a
// row there, longToken+1 for any more.
func before(text []byte, i int) (state uint, token int) {
	if i == 0 {
		return apart, 0
	}
	last := oddClass[text[i-1]]
	if last == other && i > 1 && oddClass[text[i-2]] != other && (i == 2 || oddClass[text[i-3]] == other) {
		return lonely, 0
	}
	k := i
	for k > 0 && i-k <= longToken && classOf[text[k-1]] != other {
		k--
	}
	return 8 * uint(last), i - k
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
