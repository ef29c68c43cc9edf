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
//
// The score is followed where it may become high enough. That is told of eight bytes at
// once, or of 64: at their end it is no more than what they weigh and what was there
// before, less eight, or than what they weigh, less one.
func (x *Expander) regions(v *View, f func(lo, hi int)) {
	most, start, may, done := 0, 0, false, 0
	x.weigh()
	for i, gains := range x.gains {
		all := gains&0x00ff00ff00ff00ff + gains>>8&0x00ff00ff00ff00ff
		if all = all * 0x0001000100010001 >> 48; most+int(all) <= sieveMark { // as of nearly all text
			if most == 0 {
				start = 64 * i
			}
			if most = int(all); most == 0 && may {
				done, may = x.score(v, start, 64*i+64, done, f), false
			}
			continue
		}
		for k := range 8 {
			if most == 0 {
				start = 64*i + 8*k
			}
			gain := int(gains >> (8 * k) & 0xff)
			may = may || most+gain > sieveMark
			most = min(max(gain+max(most-8, -1), 0), sieveMax)
			if most == 0 && may {
				done, may = x.score(v, start, 64*i+8*k+8, done, f), false
			}
		}
	}
	if may {
		x.score(v, start, len(v.Text), done, f)
	}
}

// score follows the score from start to end. It returns where the last region ends,
// done if there is none.
func (x *Expander) score(v *View, start, end, done int, f func(lo, hi int)) int {
	text, hot := v.Text[:min(end, len(v.Text))], x.hot
	for i := next(hot, start); i < len(text); i = next(hot, i) { // what adds nothing to nothing is stepped over
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
	return done
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

// weigh makes bits of the characters of x.blocks that have a weight, and of each eight what
// they weigh.
func (x *Expander) weigh() {
	x.hot, x.gains = x.hot[:0], x.gains[:0]
	var was changing
	for i := range x.blocks {
		b, ahead := &x.blocks[i], uint64(0)
		if i+1 < len(x.blocks) {
			n := &x.blocks[i+1]
			ahead = (n.Word() | n.Odd) << 63
		}
		hot, gains := was.of(b, ahead)
		x.hot, x.gains = append(x.hot, hot), append(x.gains, gains)
	}
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
func (was *changing) of(b *sieve.Block, ahead uint64) (hot, gains uint64) {
	now := changing{lower: b.Lower, upper: b.Upper, digit: b.Digit, odd: b.Odd, any: b.Word() | b.Odd}
	l, u, d, o := b.Lower<<1|was.lower>>63, b.Upper<<1|was.upper>>63, b.Digit<<1|was.digit>>63, b.Odd<<1|was.odd>>63

	word, r, w := b.Word(), &now.row, &was.row
	r[0] = word & (word<<1 | (was.lower|was.upper|was.digit)>>63)
	r[1] = r[0] & (r[0]<<2 | w[0]>>62)
	r[2] = r[1] & (r[1]<<4 | w[1]>>60)
	r[3] = r[2] & (r[2]<<8 | w[2]>>56)
	r[4] = r[3] & (r[3]<<4 | w[3]>>60)
	long := r[4] & (word<<20 | (was.lower|was.upper|was.digit)>>44)

	begins := now.any &^ (now.any<<1 | was.any>>63)
	now.alone = begins &^ (now.any>>1 | ahead)
	lonely := begins & (now.alone<<2 | was.alone>>62)
	*was = now

	ten, eight := b.Digit&(l|u)|b.Letter()&d, b.Upper&l // as weight has them
	three, two := b.Lower&u|b.Odd&(l|u|d)|word&o, b.Upper&u|b.Digit&d
	hot = ten | eight | three | two | long | lonely
	if hot == 0 {
		return 0, 0
	}
	return hot, 10*counts(ten) + 8*counts(eight) + 3*counts(three) + 2*counts(two) + 4*counts(long|lonely)
}

// counts has in each byte how many bits that byte of v has.
func counts(v uint64) uint64 {
	v -= v >> 1 & 0x5555555555555555
	v = v&0x3333333333333333 + v>>2&0x3333333333333333
	return (v + v>>4) & 0x0f0f0f0f0f0f0f0f
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
