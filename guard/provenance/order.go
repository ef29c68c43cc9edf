package provenance

import (
	"strconv"
	"unicode/utf8"
)

// cipher is a substitution that a text seems to be written in.
type cipher struct {
	name   string
	shift  int
	mirror bool
}

func (c cipher) ring(k *keys) *ring {
	if c.mirror {
		return &k.atbash
	}
	return &k.caesar[c.shift]
}

// frequency of letters in English text, in thousandths; other languages in
// Latin script are closer to it than to any of its rotations.
var frequency = [26]int{82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1}

// cipherBlock is the number of letters by which the cipher is guessed: short
// enough that a ciphered part is not drowned in the text around it.
const cipherBlock = 48

// A block looks like text from this score a letter on: English has 65, random
// letters 38.
const (
	likeText   = 50
	maxCiphers = 4 // shifts tried for one reading
)

// ciphers guesses, from the frequency of letters in overlapping blocks that do
// not look like text, which Caesar shifts and whether Atbash should be tried.
// ROT13 always is.
func ciphers(syms []symbol) []cipher {
	var votes [27]int        // by shift; the last is Atbash
	var half [2][26]int      // letters of the two halves of a block
	letters, counted := 0, 0 // in all, in the block
	judge := func() {
		var count [26]int
		for i := range count {
			count[i] = half[0][i] + half[1][i]
		}
		if score(&count, 0, false) < likeText*counted {
			for shift := range votes {
				if shift != 0 && shift != 13 && score(&count, shift%26, shift == 26) >= likeText*counted {
					votes[shift]++
				}
			}
		}
		half[0], half[1] = half[1], [26]int{}
		counted = cipherBlock / 2
	}
	for _, s := range syms {
		if s < 26 {
			half[1][s]++
			letters++
			if counted++; letters%(cipherBlock/2) == 0 {
				judge()
			}
		}
	}
	if letters >= gram && letters%(cipherBlock/2) != 0 {
		judge()
	}
	var list []cipher
	for len(list) < maxCiphers {
		best := 0
		for shift, n := range votes {
			if n > votes[best] {
				best = shift
			}
		}
		switch {
		case votes[best] == 0:
			return list
		case best == 26:
			list = append(list, cipher{name: "atbash", mirror: true})
		default:
			list = append(list, cipher{name: "caesar" + strconv.Itoa(best), shift: best})
		}
		votes[best] = 0
	}
	return list
}

// score is how much letters, moved back by shift or mirrored, look like text.
func score(count *[26]int, shift int, mirror bool) int {
	sum := 0
	for i, n := range count {
		from := (i - shift + 26) % 26
		if mirror {
			from = 25 - i
		}
		sum += n * frequency[from]
	}
	return sum
}

// wordsReversed gives the symbols of a text with its words in reverse order,
// and the index of each among the symbols in the usual order. offs are their
// offsets in text.
func wordsReversed(dst []symbol, from []int32, syms []symbol, offs []int32, text []byte) ([]symbol, []int32) {
	for end := len(syms); end > 0; {
		start := end - 1
		for start > 0 && oneWord(text, int(offs[start-1]), int(offs[start])) {
			start--
		}
		for i := start; i < end; i++ {
			dst, from = append(dst, syms[i]), append(from, int32(i))
		}
		end = start
	}
	return dst, from
}

// oneWord reports whether no separator stands between two neighbouring letters.
func oneWord(text []byte, a, b int) bool {
	if b == a+1 {
		return true
	}
	for _, c := range text[a:b] {
		switch c {
		case ' ', '\n', '\t', '\r', ',', ';', ':', '"', '|':
			return false
		}
	}
	return true
}

// alternate gives the symbols of every second character of text, starting with
// the first or second, and their offsets.
func alternate(dst []symbol, offs []int32, text []byte, first int) ([]symbol, []int32) {
	i := 0
	for i < len(text) && text[i] < utf8.RuneSelf { // as long as characters are bytes
		if i&1 == first {
			if s := asciiSymbol[text[i]]; s != noneSym {
				dst, offs = append(dst, s), append(offs, int32(i))
			}
		}
		i++
	}
	for n := i; i < len(text); n++ {
		size := 1
		if text[i] >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(text[i:])
		}
		if n&1 == first {
			if text[i] >= utf8.RuneSelf {
				before := len(dst)
				dst, _ = appendSymbols(dst, nil, text[i:i+size])
				for range len(dst) - before {
					offs = append(offs, int32(i))
				}
			} else if s := asciiSymbol[text[i]]; s != noneSym {
				dst, offs = append(dst, s), append(offs, int32(i))
			}
		}
		i += size
	}
	return dst, offs
}

// mark is 1 for the visible ASCII characters that are neither letters nor digits.
var mark = func() (m [256]uint8) {
	for c := byte('!'); c < 0x7f; c++ {
		if !alnum(c) {
			m[c] = 1
		}
	}
	return m
}()

// rotated gives the symbols of a text of which ROT47 was made, and their
// offsets. Text that ROT47 was applied to is full of punctuation; a text that
// nowhere is gives none.
func rotated(dst []symbol, offs []int32, text []byte) ([]symbol, []int32) {
	const block = 48
	marks, dense := 0, false
	for i, c := range text {
		marks += int(mark[c])
		if i%block == block-1 || i == len(text)-1 {
			dense = dense || marks*5 >= block
			marks = 0
		}
	}
	if !dense {
		return dst, offs
	}
	for i, c := range text {
		if c > ' ' && c < 0x7f {
			if s := asciiSymbol['!'+(c-'!'+47)%94]; s != noneSym {
				dst, offs = append(dst, s), append(offs, int32(i))
			}
		}
	}
	return dst, offs
}
