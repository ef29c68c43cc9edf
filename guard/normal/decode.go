package normal

import (
	"unicode/utf8"
)

// add makes a view of text that was hidden in span by way of via, and looks
// into it in turn. Depth counts the decodings that led to it.
func (t *Text) add(text, via string, span [2]int, depth int) {
	if len(text) == 0 {
		return
	}
	if depth > t.owner.opts.Depth || len(t.Views) > t.owner.opts.Views || len(text) > t.left {
		t.mark(Truncated, span, 1)
		return
	}
	t.left -= len(text)
	i := len(t.Views)
	t.Views = append(t.Views, View{Text: text, Via: via, Span: span})
	t.settle(i, depth)
	t.decode(i, depth)
}

// WordsApart is how views are called that hold the words of a text without what
// stands between them.
const WordsApart = "words-apart"

// AddWords makes such a view of view i, of what its bytes from and to were made
// from. Nothing in it is decoded again.
func (t *Text) AddWords(text string, i, from, to int) {
	v := &t.Views[i]
	if len(text) > t.left {
		t.mark(Truncated, v.Raw(from, to), 1)
		return
	}
	t.left -= len(text)
	t.Views = append(t.Views, View{Text: text, Via: join(v.Via, WordsApart), Span: v.Raw(from, to)})
}

// join names a decoding inside another.
func join(outer, inner string) string {
	if outer == "" {
		return inner
	}
	return outer + ">" + inner
}

// printable reports whether b is valid UTF-8 text nearly without control
// characters.
func printable(b []byte) bool {
	if len(b) < 4 || !utf8.Valid(b) {
		return false
	}
	bad := 0
	for _, c := range b {
		if classes[c] == control {
			bad++
		}
	}
	return bad*32 <= len(b)
}
