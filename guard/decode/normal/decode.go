package normal

import (
	"strings"
	"unicode/utf8"

	"toolward/guard/decode/inflate"
)

// add makes a view of text that was hidden in span by way of via, and looks
// into it in turn. Depth counts the decodings that led to it.
func (t *Text) add(text, via string, span [2]int, depth int) {
	if len(text) == 0 {
		return
	}
	left := t.budget(via)
	if depth > t.owner.opts.Depth || len(t.Views) > t.views || len(text) > *left {
		t.mark(Truncated, span, 1)
		return
	}
	*left -= len(text)
	i := len(t.Views)
	t.Views = append(t.Views, View{Text: text, Via: via, Span: span})
	t.settle(i, depth, t.look(i, depth))
	t.decode(i, depth)
}

// WordsApart is how views are called that hold the words of a text without what
// stands between them.
const WordsApart = "words-apart"

// AddWords makes such a view of view i, of what its bytes from and to were made
// from. Nothing in it is decoded again.
func (t *Text) AddWords(text string, i, from, to int) {
	v := &t.Views[i]
	left := t.budget(v.Via)
	if len(text) > *left {
		t.mark(Truncated, v.Raw(from, to), 1)
		return
	}
	*left -= len(text)
	t.Views = append(t.Views, View{Text: text, Via: join(v.Via, WordsApart), Span: v.Raw(from, to)})
}

// Truncate marks all of view i as not read to its end.
func (t *Text) Truncate(i int) { t.mark(Truncated, t.Views[i].Span, 1) }

// budget is what a text that was hidden by way of via takes its bytes from.
func (t *Text) budget(via string) *int {
	if unpacked(via) {
		return &t.pack
	}
	return &t.left
}

// unpacked reports whether something on the way to a text was compressed, so that
// it may be longer than what it was made from.
func unpacked(via string) bool {
	return strings.Contains(via, "gzip") || strings.Contains(via, "zlib") || strings.Contains(via, "bzip2") || strings.Contains(via, inflate.Deflate)
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
