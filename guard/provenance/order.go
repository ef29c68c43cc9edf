package provenance

import "unicode/utf8"

// frequency of letters in English text, in thousandths; other languages in
// Latin script are closer to it than to any of its rotations.
var frequency = [26]int{82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1}

// A block of letters looks like text if they are on average as frequent as
// this: in English they are 65, random ones 38.
const (
	cipherBlock = 24
	likeText    = 54
)

// enciphered calls f for the parts of a text that do not look like text, with
// some of what is around them: a substitution may have been applied there.
func enciphered(syms []symbol, f func(lo, hi int)) {
	var half [2]int // sums of the two halves of a block
	letters, start, end := 0, -1, 0
	at := [3]int{} // where the block, its second half, and the next block start
	judge := func(i int) {
		if half[0]+half[1] < likeText*cipherBlock {
			if start >= 0 && at[0] > end+gram { // apart from the last part
				f(start, end)
				start = -1
			}
			if start < 0 {
				start = max(0, at[0]-2*gram)
			}
			end = min(len(syms), i+2*gram)
		}
		half[0], half[1] = half[1], 0
		at[0], at[1] = at[1], i
	}
	for i, s := range syms {
		if s < 26 {
			half[1] += frequency[s]
			if letters++; letters%(cipherBlock/2) == 0 && letters >= cipherBlock {
				judge(i + 1)
			} else if letters == cipherBlock/2 {
				half[0], half[1], at[1] = half[1], 0, i+1
			}
		}
	}
	if letters%(cipherBlock/2) != 0 || letters < cipherBlock {
		half[0], half[1] = 0, 0 // what is left is too short to tell
		judge(len(syms))
	}
	if start >= 0 {
		f(start, end)
	}
}

// wordsReversed gives the symbols of a text with its words in reverse order,
// and the index of each among the symbols in the usual order. offs are their
// offsets in text; words end at cuts too.
func wordsReversed(dst []symbol, from []int32, syms []symbol, offs []int32, text []byte, cuts []int) ([]symbol, []int32) {
	for end := len(syms); end > 0; {
		start := end - 1
		for ; start > 0 && oneWord(text, int(offs[start-1]), int(offs[start])); start-- {
			for len(cuts) > 0 && cuts[len(cuts)-1] > int(offs[start]) {
				cuts = cuts[:len(cuts)-1]
			}
			if len(cuts) > 0 && cuts[len(cuts)-1] > int(offs[start-1]) {
				break
			}
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
		case ' ', '\n', '\t', '\r', '+', '=', '?', '&', '"', '\'':
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
