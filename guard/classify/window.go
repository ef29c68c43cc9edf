package classify

import (
	"sort"
	"strings"

	"toolward/guard/decode/normal"
	"toolward/guard/rules"
)

// Sizes of windows in bytes of a view. Every sentence is judged alone, and
// together with those behind it up to about windowSize; the next such window
// begins half a window on, so that what two sentences say is seen together.
const (
	windowSize = 360
	windowStep = 160
)

// Window is a run of sentences that are judged together.
type Window struct {
	View       int // index in Text.Views
	Start, End int // byte offsets in that view's Text

	first, last int // sentences
}

// windows appends the windows of a tokenized view.
func (x *extractor) windows(out []Window, view int) []Window {
	sents, toks := x.tok.sents, x.tok.tokens
	start := func(i int) int { return int(toks[sents[i].first].start) }
	end := func(i int) int { return int(toks[sents[i].last-1].end) }
	next := 0
	for i := range sents {
		if sents[i].last-sents[i].first >= 4 {
			out = append(out, Window{view, start(i), end(i), i, i + 1})
		}
		if start(i) < next {
			continue
		}
		j := i + 1
		for j < len(sents) && end(j)-start(i) <= windowSize {
			j++
		}
		if j > i+1 || sents[i].last-sents[i].first < 4 {
			out = append(out, Window{view, start(i), end(j - 1), i, j})
		}
		next = start(i) + windowStep
	}
	return out
}

// differing counts the different words of a window. An address is one, and so are
// two characters of a script without spaces; a single letter, an identifier and
// what has digits in it are none. Unlike a share of the window, it cannot be made
// less by what else is put in.
func (x *extractor) differing(w *Window) int {
	var seen [1024 / 64]uint64 // a hash of a word is a bit: of the few that matter hardly two share one
	words, signs := 0, 0
	for _, s := range x.tok.sents[w.first:w.last] {
		for _, t := range x.tok.tokens[s.first:s.last] {
			switch t.shape {
			case wordToken:
				if !isWord(&t) {
					continue
				}
			case numberToken, identToken, markToken:
				continue
			}
			bit := t.hash * 0x9e3779b1 >> 22
			if seen[bit/64]>>(bit%64)&1 > 0 {
				continue
			}
			seen[bit/64] |= 1 << (bit % 64)
			if t.shape == cjkToken {
				signs++
			} else {
				words++
			}
		}
	}
	return words + signs/2
}

// Dense features are few and weigh in full, however long the window is.
const (
	denseSurface = 0                // 4 surfaces
	denseMark    = denseSurface + 4 // a mark of a kind overlaps
	denseVia     = denseMark + 16   // how the text was hidden
	denseLength  = denseVia + 8     // short and long windows
	denseRule    = denseLength + 8  // a rule hit
	denseSize    = denseRule + 64
)

// Ways of hiding text, as far as they differ in what honest people do.
const (
	viaRare   = iota // nobody hides text like this by chance
	viaBase64        // files in JSON
	viaNested        // in more than one layer
)

// dense appends the dense features of w; hits are those in its view.
func dense(out []uint16, t *normal.Text, w *Window, s Surface, hits []rules.Hit) []uint16 {
	for _, h := range within(hits, w) {
		if h.Start < w.End && h.End > w.Start {
			out = append(out, denseRule+uint16(h.Rule))
		}
	}
	out = append(out, uint16(denseSurface)+uint16(s))
	v := &t.Views[w.View]
	if len(t.Marks) > 0 {
		kinds := uint16(0)
		t.MarksIn(v.Raw(w.Start, w.End), func(m *normal.Mark) {
			if m.Count >= leastCount(m.Kind) {
				kinds |= 1 << m.Kind
			}
		})
		for k := normal.Kind(0); kinds>>k > 0; k++ {
			if kinds>>k&1 > 0 {
				out = append(out, uint16(denseMark)+uint16(k))
			}
		}
	}
	switch n := w.End - w.Start; {
	case n < 40:
		out = append(out, denseLength)
	case n < 100:
		out = append(out, denseLength+1)
	case n < 250:
		out = append(out, denseLength+2)
	default:
		out = append(out, denseLength+3)
	}
	return via(out, v.Via)
}

// within cuts hits down to those that may overlap w. They come in the order of
// their keywords, so their starts and ends are in order but for one window of
// the rules.
func within(hits []rules.Hit, w *Window) []rules.Hit {
	if len(hits) == 0 {
		return nil
	}
	from := sort.Search(len(hits), func(i int) bool { return hits[i].End > w.Start-rules.Reach })
	to := sort.Search(len(hits), func(i int) bool { return hits[i].Start >= w.End+rules.Reach })
	return hits[from:max(from, to)]
}

// leastCount is how many characters make a mark mean something.
func leastCount(k normal.Kind) int {
	switch k {
	case normal.Escaped:
		return 6
	case normal.ZeroWidth, normal.Homoglyph:
		return 3
	}
	return 1
}

// via appends the features of the way a view was hidden.
func via(out []uint16, name string) []uint16 {
	switch {
	case name == "" || name == normal.WordsApart: // the words are not hidden
		return out
	case strings.Contains(name, ">"):
		out = append(out, denseVia+viaNested)
	}
	if name == "base64" {
		return append(out, denseVia+viaBase64)
	}
	return append(out, denseVia+viaRare)
}
