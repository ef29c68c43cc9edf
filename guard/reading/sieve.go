package reading

// The classes of characters that the sieve tells apart.
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
var weight = [5][5]int{
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
	for _, b := range []byte("!#$%&*+;<>?@^`~") {
		c[b] = odd
	}
	return c
}()

const (
	longToken = 20 // letters and digits in a row that hardly any word has
	sieveMark = 36 // score from which a region counts
	sieveMax  = 72 // highest score, so that a region ends soon after what made it
)

// regions calls f for each part of text that may hold something encoded, in
// order and without overlap: where case and digits change more often than in
// words. It errs on the side of looking: a region that holds nothing costs
// time only.
func regions(text []byte, f func(lo, hi int)) {
	score, start, marked, last := 0, 0, false, uint8(other)
	lonely, done, token := 0, 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if score == 0 && last == lower && token < longToken { // small letters behind small letters weigh nothing, until there are many
			k := i
			for k < len(text) && k-i < longToken-token && c-'a' < 26 {
				if k++; k < len(text) {
					c = text[k]
				}
			}
			if k > i {
				token, lonely = token+k-i, 0
				i = k
				if i == len(text) {
					break
				}
			}
		}
		class := oddClass[c]
		w := weight[last][class]
		if token++; class == other || class == odd {
			token = 0
		} else if token > longToken {
			w += 4
		}
		if w == 0 && class != other && last == other && i >= 2 && oddClass[text[i-2]] != other && lonely > 0 {
			w = 4 // single letters with something between them: "S G V s"
		}
		if class != other && last == other {
			lonely++
		} else if class != other {
			lonely = 0
		}
		last = class
		if w == 0 && score == 0 {
			continue
		}
		if score == 0 {
			start = i
		}
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

// backTo extends a region to the start of the token that it begins in.
func backTo(text []byte, start, least int) int {
	for n := 0; start > least && n < 64 && sextet[text[start-1]] >= 0; n++ {
		start--
	}
	return start
}
