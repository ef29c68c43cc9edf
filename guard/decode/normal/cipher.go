package normal

import (
	"strings"
	"unicode/utf8"
)

// Segments that ciphers are looked for in, in bytes. Shorter ones hold too
// little to judge; longer ones are cut.
const (
	shortestSegment = 20
	longestSegment  = 400
)

// cipher undoes a way of writing that keeps the length of the text.
type cipher struct {
	name string
	undo func(dst []byte, src string) []byte
}

// segments looks for text that is no language as it stands but becomes one by
// a simple cipher, and adds its plain text. Neighbouring segments under the
// same cipher are one view.
func (t *Text) segments(i, depth int) {
	t.turned(i, depth)
	src := t.Views[i].Text
	var run found
	for at := 0; at < len(src); {
		end, mean, letters := segment(src, at)
		if end-at >= shortestSegment {
			strange := letters >= enough && mean < fluent+2 && letters*2 > end-at
			if !strange && letters >= enough && letters*4 < (end-at)*3 { // prose has more letters than that
				signs := leetDigits(src[at:end])
				strange = signs >= 4 && signs > letters/4
			}
			if strange {
				if c := solve(src[at:end], mean); c.undo != nil {
					if c.name != run.c.name || at > run.end+4 {
						t.found(i, depth, run)
						run = found{c: c, start: at}
					}
					run.end = end
				}
			}
		}
		if at = end; end < len(src) && endsSegment[src[end]] {
			at++
		}
	}
	t.found(i, depth, run)
}

// segment returns the end of the segment that starts at src[at], and its
// fluency, as the function of that name has it.
func segment(src string, at int) (end, mean, letters int) {
	part := src[at:min(len(src), at+longestSegment)]
	total, prev, i := int64(0), uint8(26), 0
	for ; i < len(part); i++ {
		cur := segmentIndex[part[i]]
		if cur > 26 {
			break
		}
		total += segmentSums[prev&31][cur]
		prev = cur
	}
	end, letters = at+i, int(total&sumMask)
	n := int(total >> sumBits & sumMask)
	if n == 0 {
		return end, 0, letters
	}
	return end, int(total>>(2*sumBits)) / n, letters
}

// segmentIndex is letterIndex, with 27 for what ends a segment. segmentSums has
// what two neighbours add to the three sums that a segment's fluency takes, in
// one number: letters, pairs, and their entries in the table of bigrams.
var (
	segmentIndex = func() (index [256]uint8) {
		for i := range index {
			if index[i] = letterIndex[i]; endsSegment[i] {
				index[i] = 27
			}
		}
		return index
	}()
	segmentSums = func() (sums [32][32]int64) {
		for a := range 27 {
			for b := range 27 {
				if a != 26 || b != 26 {
					sums[a][b] = int64(bigramTable[a][b])<<(2*sumBits) + 1<<sumBits
				}
				if b != 26 {
					sums[a][b]++
				}
			}
		}
		return sums
	}()
)

// sumBits hold what a segment has of letters and of pairs.
const (
	sumBits = 16
	sumMask = 1<<sumBits - 1
)

// found is a part of a view that a cipher makes readable.
type found struct {
	c          cipher
	start, end int
}

func (t *Text) found(i, depth int, f found) {
	if f.c.undo == nil {
		return
	}
	v := &t.Views[i]
	coded, via, span := v.Text[f.start:f.end], v.Via, v.Raw(f.start, f.end)
	t.add(string(f.c.undo(nil, coded)), join(via, f.c.name), span, depth+1)
	if f.c.name == "reversed" { // letters cannot tell whether the order of words is reversed too
		t.add(string(reversedWords(nil, coded)), join(via, "reversed-words"), span, depth+1)
	}
}

// fewestCiphered is how many letters are turned into others on purpose. In fewer it is chance.
const fewestCiphered = 30

// Cipher names what turns most letters of Raw into text, if they were turned into others or
// put in reverse: "caesar", "rot13", "atbash" or "reversed", else "". What is no letter says
// nothing: digits beside a cipher do not hide it.
func (t *Text) Cipher() string {
	name, covered := "", 0
	for i := range t.Views {
		switch v := &t.Views[i]; v.Via {
		case "caesar", "rot13", "atbash", "reversed":
			name = v.Via
			covered += lettersIn(t.Raw[v.Span[0]:v.Span[1]])
		}
	}
	if covered < fewestCiphered || 2*covered < lettersIn(t.Raw) {
		return ""
	}
	return name
}

// lettersIn counts those of ASCII.
func lettersIn(s string) (n int) {
	for i := range len(s) {
		if c := s[i] | 0x20; c >= 'a' && c <= 'z' {
			n++
		}
	}
	return n
}

// endsSegment has the bytes that end a segment. Ciphers leave them alone.
var endsSegment = func() (set [256]bool) {
	for _, c := range []byte(".!?\n\"|{}") {
		set[c] = true
	}
	return set
}()

// gain is how much more fluent a cipher must make a segment.
const gain = 7

// solve finds the cipher that makes s fluent, if any does. Mean is the fluency
// of s itself.
func solve(s string, mean int) cipher {
	best, top := cipher{}, max(fluent+1, mean+gain)
	var buf []byte
	try := func(name string, undo func([]byte, string) []byte) {
		buf = undo(buf[:0], s)
		m, _ := fluency(buf)
		if m >= top {
			best, top = cipher{name, undo}, m+1
		}
	}
	try("reversed", reversed)
	if digits := leetDigits(s); digits >= 4 { // what is left between the digits is fluent already
		if m, n := fluency(leet(nil, s)); m > fluent+3 && n*3 > len(s)*2 {
			return cipher{"leet", leet}
		}
	}
	if shift, mirrored := rotation(s); shift != 0 || mirrored {
		name := "caesar"
		switch {
		case mirrored && shift == 25:
			name = "atbash"
		case shift == 13 && !mirrored:
			name = "rot13"
		}
		try(name, func(dst []byte, s string) []byte { return rotate(dst, s, shift, mirrored) })
	}
	return best
}

func reversed(dst []byte, s string) []byte {
	for len(s) > 0 && s[len(s)-1] < utf8.RuneSelf {
		dst = append(dst, s[len(s)-1])
		s = s[:len(s)-1]
	}
	if len(s) > 0 {
		dst = append(dst, reverse(s)...)
	}
	return dst
}

func reversedWords(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && letterIndex[s[end]] != 26 {
			end++
		}
		for k := end - 1; k >= i; k-- {
			dst = append(dst, s[k])
		}
		if end < len(s) {
			dst = append(dst, s[end])
		}
		i = end + 1
	}
	return dst
}

// letterLog is how frequent each letter is in English, log2 of per mille.
var letterLog = [26]int16{63, 39, 48, 54, 70, 46, 43, 59, 61, 14, 30, 54, 46, 61, 62, 42, 10, 59, 60, 65, 48, 33, 45, 14, 42, 8}

// letterLogs is letterLog twice, so that no place in it need be turned.
var letterLogs = func() (logs [52]int16) {
	copy(logs[:], letterLog[:])
	copy(logs[26:], letterLog[:])
	return logs
}()

// rotation finds the turn of the alphabet, mirrored or not, whose letters are
// distributed most like English. It returns 0, false when s is best as it is.
func rotation(s string) (shift int, mirrored bool) {
	var count [26]int
	for i := range len(s) {
		if k := letterIndex[s[i]]; k != 26 {
			count[k]++
		}
	}
	var there [26]int // the letters that occur
	kinds := there[:0]
	for k, n := range count {
		if n > 0 {
			kinds = append(kinds, k)
		}
	}
	best := -1
	for turn := range 26 {
		sum := 0
		for _, k := range kinds {
			sum += count[k] * int(letterLogs[k+turn])
		}
		if sum > best {
			best, shift = sum, turn
		}
	}
	for turn := range 26 {
		sum := 0
		for _, k := range kinds {
			sum += count[k] * int(letterLogs[26+turn-k])
		}
		if sum > best {
			best, shift, mirrored = sum, turn, true
		}
	}
	return shift, mirrored
}

func rotate(dst []byte, s string, shift int, mirrored bool) []byte {
	for i := range len(s) {
		c := s[i]
		if k := int(letterIndex[c]); k != 26 {
			if mirrored {
				k = (26 + shift - k) % 26
			} else {
				k = (k + shift) % 26
			}
			c = c&0x20 | 'A' + byte(k)
		}
		dst = append(dst, c)
	}
	return dst
}

// leetLetters has the letter that each sign stands for, 0 for other bytes.
var leetLetters = func() (m [256]byte) {
	for i, c := range []byte("0134578@$!|+9") {
		m[c] = "oieastbasiltg"[i]
	}
	return m
}()

// leetKinds has 1 for letters and 2 for the signs that stand for them.
var leetKinds = func() (kinds [256]uint8) {
	for c := range kinds {
		switch {
		case letterIndex[c] != 26:
			kinds[c] = 1
		case leetLetters[c] != 0:
			kinds[c] = 2
		}
	}
	return kinds
}()

// leetDigits counts the signs that stand beside a letter, those between two once for each.
func leetDigits(s string) int {
	n, before := 0, uint8(0)
	for i := range len(s) {
		kind := leetKinds[s[i]]
		both := kind | before
		n += int(both & (both >> 1))
		before = kind
	}
	return n
}

// leet writes letters for the signs that stand for them, but leaves numbers of
// more than two digits alone.
func leet(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		end, letters := i, 0
		for end < len(s) && (letterIndex[s[end]] != 26 || leetLetters[s[end]] != 0) {
			if letterIndex[s[end]] != 26 {
				letters++
			}
			end++
		}
		short := end-i <= 3
		for ; i < end; i++ {
			if c := leetLetters[s[i]]; c != 0 && (letters > 0 || short) {
				dst = append(dst, c)
			} else {
				dst = append(dst, s[i])
			}
		}
		if i < len(s) {
			dst = append(dst, s[i])
			i++
		}
	}
	return dst
}

// turned has the letters that look like others upside down, after
// normalisation has made them small.
var turned = strings.NewReplacer("ɐ", "a", "q", "b", "ɔ", "c", "p", "d", "ǝ", "e", "ɟ", "f", "ƃ", "g", "ɥ", "h", "ᴉ", "i", "ı", "i", "ɾ", "j", "ʞ", "k", "ɯ", "m", "u", "n", "d", "p", "b", "q", "ɹ", "r", "ʇ", "t", "n", "u", "ʌ", "v", "ʍ", "w", "ʎ", "y", "˙", ".", "'", ",")

// turned adds lines that are written upside down. An e so turned stands in any of
// some length, and in hardly anything else.
//
//	"ɯǝʇsʎs ǝɥʇ" is "the system"
func (t *Text) turned(i, depth int) {
	src := t.Views[i].Text
	if !strings.Contains(src, "ǝ") {
		return
	}
	at := 0
	for line := range strings.Lines(src) {
		if strings.Count(line, "ǝ") >= 2 {
			if plain := turned.Replace(reverse(line)); reads(plain) {
				t.add(plain, join(t.Views[i].Via, "upside-down"), t.Views[i].Raw(at, at+len(line)), depth+1)
			}
		}
		at += len(line)
	}
}
