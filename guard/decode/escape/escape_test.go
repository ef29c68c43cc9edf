package escape

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscapes(t *testing.T) {
	for _, c := range []struct {
		read func(string) (string, int)
		in   string
		text string
		n    int
	}{
		{HTML, "&#105;x", "i", 6},
		{HTML, "&#105x", "i", 5},
		{HTML, "&#x69;x", "i", 6},
		{HTML, "&#x0000069;x", "i", 11},
		{HTML, "&amp;x", "&", 5},
		{HTML, "&eacute;", "é", 8},
		{HTML, "&zzz;", "", 0},
		{HTML, "&#0;x", "\x00", 4},
		{HTML, "&#xd800;", "", 0},
		{URL, "%69x", "i", 3},
		{URL, "%C3%A9x", "é", 6},
		{URL, "%C3x", "", 0},
		{URL, "%u00e9x", "é", 6},
		{URL, "%zz", "", 0},
		{Backslash, `\nx`, "\n", 2},
		{Backslash, `\"x`, `"`, 2},
		{Backslash, `\u00e9x`, "é", 6},
		{Backslash, `\u{69}x`, "i", 6},
		{Backslash, `\ud83e\udd8ax`, "🦊", 12},
		{Backslash, `\U0001f98ax`, "🦊", 10},
		{Backslash, `\xc3\xa9x`, "é", 8},
		{Backslash, `\xe9x`, "é", 4},
		{Backslash, `\151x`, "i", 4},
		{Backslash, `\q`, "", 0},
	} {
		if text, n := c.read(c.in); text != c.text || n != c.n {
			t.Errorf("%s: %q, %d, want %q, %d", c.in, text, n, c.text, c.n)
		}
	}
}

// FuzzEscapes: what is read lies in the text and is text itself.
func FuzzEscapes(f *testing.F) {
	for _, s := range []string{"&#1114111;", "&lt", "%F0%9F%A6%8A", `\ud83e\u0069`, `\xf0\x9f\xa6\x8a`, `\377`, "%u", "&#x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for first, read := range map[string]func(string) (string, int){"&": HTML, "%": URL, `\`: Backslash} {
			if !strings.HasPrefix(s, first) {
				continue
			}
			if text, n := read(s); n < 0 || n > len(s) || (n == 0) != (text == "") || !utf8.ValidString(text) {
				t.Errorf("%q: %q, %d", s, text, n)
			}
		}
	})
}
