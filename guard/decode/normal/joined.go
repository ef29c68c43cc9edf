package normal

import (
	"bytes"
	"strings"
)

// Words that are joined by a sign instead of blanks: "ignore_all_rules",
// "?q=ignore+all+rules". So many of them in one word are text.
const (
	fewestJoined = 5
	leastJoined  = 24 // bytes of all
)

// joiners has the signs that join words, and is their index.
var joiners = func() (set [256]uint8) {
	for i, c := range []byte("_-+.~") {
		set[c] = uint8(i + 1)
	}
	return set
}()

// joined adds what a word without blanks says whose parts are words, joined by
// one sign each time.
func (t *Text) joined(i, from, to, depth int) {
	src := t.Views[i].Text[from:to]
	if len(src) < leastJoined {
		return
	}
	var count [6]int
	for k := 1; k+1 < len(src); k++ {
		if n := joiners[src[k]]; n != 0 && letterIndex[src[k-1]] != 26 && letterIndex[src[k+1]] != 26 {
			count[n]++
		}
	}
	for n, c := range []byte("_-+.~") {
		if count[n+1] >= fewestJoined-1 && len(src) >= 4*count[n+1] {
			v := &t.Views[i]
			t.add(strings.ReplaceAll(src, string(c), " "), join(v.Via, "joined-words"), v.Raw(from, to), depth+1)
			return
		}
	}
}

// softWidth is how long a line is at most that goes on behind its end.
const softWidth = 76

// quotedPrintable adds view i decoded (RFC 2045 §6.7) if it has bytes of that
// form, "=C3=BC", or line ends that it hides, "instruc=\r\ntions".
func (t *Text) quotedPrintable(i, depth int) {
	src := t.Views[i].Text
	coded, soft := 0, 0
	for at := strings.IndexByte(src, '='); at >= 0 && at+2 < len(src); {
		switch {
		case src[at+1] == '\n' || src[at+1] == '\r' && src[at+2] == '\n':
			before := src[max(0, at-softWidth):at]
			if len(before)-1-strings.LastIndexByte(before, '\n') >= softWidth-8 { // encoders fill their lines
				soft++
			}
		case at+3 < len(src) && src[at+3] == '=' && upperHex(src[at+1]) && upperHex(src[at+2]):
			coded++ // one alone may be a number: "id=12"
		}
		k := strings.IndexByte(src[at+1:], '=')
		if k < 0 {
			break
		}
		at += k + 1
	}
	if coded == 0 && soft == 0 {
		return
	}
	b := bytes.ReplaceAll(bytes.ReplaceAll([]byte(src), []byte("=\r\n"), nil), []byte("=\n"), nil)
	if out := fromQuotedPrintable(string(b)); printable(out) {
		v := &t.Views[i]
		t.add(string(out), join(v.Via, "quoted-printable"), v.Raw(0, len(src)), depth+1)
	}
}

func upperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }
