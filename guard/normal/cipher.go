package normal

import (
	"strings"
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
	src := t.Views[i].Text
	var run found
	for at := 0; at < len(src); {
		end, mean, letters := segment(src, at)
		if end-at >= shortestSegment {
			signs := 0
			if letters*4 < (end-at)*3 { // prose has more letters than that
				signs = leetDigits(src[at:end])
			}
			if letters >= enough && (mean < fluent+2 && letters*2 > end-at || signs >= 4 && signs > letters/4) {
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
	sum, n, prev := 0, 0, uint8(26)
	stop := min(len(src), at+longestSegment)
	for end = at; end < stop; end++ {
		cur := letterIndex[src[end]]
		if cur < 26 {
			letters++
		} else if endsSegment[src[end]] {
			break
		}
		if prev != 26 || cur != 26 {
			sum += int(bigramTable[prev][cur])
			n++
		}
		prev = cur
	}
	if n == 0 {
		return end, 0, letters
	}
	return end, sum / n, letters
}

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
	plain := strings.ToValidUTF8(string(f.c.undo(nil, coded)), "") // a rail fence may part the bytes of a character
	t.add(plain, join(via, f.c.name), span, depth+1)
	if f.c.name == "reversed" { // letters cannot tell whether the order of words is reversed too
		t.add(string(reversedWords(nil, coded)), join(via, "reversed-words"), span, depth+1)
	}
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
	try("upside-down", upsideDown)
	for rails := 2; rails <= 4; rails++ {
		try("rail-fence", func(dst []byte, s string) []byte { return railFence(dst, s, rails) })
	}
	return best
}

func reversed(dst []byte, s string) []byte { return append(dst, reverse(s)...) }

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

// rotation finds the turn of the alphabet, mirrored or not, whose letters are
// distributed most like English. It returns 0, false when s is best as it is.
func rotation(s string) (shift int, mirrored bool) {
	var count [26]int
	for i := range len(s) {
		if k := letterIndex[s[i]]; k != 26 {
			count[k]++
		}
	}
	best := -1
	for turn := range 52 {
		sum := 0
		for k, n := range count {
			to := (k + turn) % 26
			if turn >= 26 {
				to = (turn - k) % 26
			}
			sum += n * int(letterLog[to])
		}
		if sum > best {
			best, shift, mirrored = sum, turn%26, turn >= 26
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

// leetDigits counts the signs that stand beside a letter.
func leetDigits(s string) int {
	n := 0
	for i := 1; i < len(s); i++ {
		a, b := letterIndex[s[i-1]] != 26, letterIndex[s[i]] != 26
		if a && leetLetters[s[i]] != 0 || b && leetLetters[s[i-1]] != 0 {
			n++
		}
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

func upsideDown(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, "ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ") {
		return dst
	}
	return append(dst, turned.Replace(reverse(s))...)
}

// railFence undoes the rail fence of so many rails.
func railFence(dst []byte, s string, rails int) []byte {
	if len(s) > longestSegment {
		s = s[:longestSegment]
	}
	var order [longestSegment]int16
	n, period := 0, 2*(rails-1)
	for rail := range rails {
		for i := range len(s) {
			if k := i % period; min(k, period-k) == rail {
				order[n] = int16(i)
				n++
			}
		}
	}
	at := len(dst)
	dst = append(dst, s...)
	for k := range n {
		dst[at+int(order[k])] = s[k]
	}
	return dst
}
