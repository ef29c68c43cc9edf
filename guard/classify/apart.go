package classify

import (
	"strings"

	"toolward/guard/decode/normal"
	"toolward/guard/rules"
)

// An order is still read when there is something between its words: digits,
// bars, cells of a table, tags, the same word again and again. But a sentence
// then has few words and many other tokens, or is cut in the middle, and scores
// less. So where the words of a text stand apart and an order may be, they are
// also judged by themselves: "ignore | 1 | all | 2 | instructions" as "ignore
// all instructions", a view of its own.

// nearly is the score from which a window's surroundings are read once more.
const nearly = 0.05

// surely is the score of windows whose surroundings need no second reading.
const surely = 0.99

const (
	reachApart  = 1 << 10 // bytes before a place that are read with it, and twice as many behind it
	overApart   = 256     // bytes to either side of where one reading ends that both have
	fewestApart = 5       // words that are worth reading
	sparse      = 4       // a view is read as a whole if its words are so small a part of it
)

// wordsApart is the buffers of reading words apart.
type wordsApart struct {
	out   []byte
	found []Window               // that are orders as they stand
	hits  []rules.Hit            // in what was read apart
	count [1 << countBits]uint16 // how often each word stands there, by slot
}

const (
	countBits = 9
	mostCount = 1<<16 - 1 // more than there are tokens in reach
)

// slot is where a word is counted. Two seldom share one, and then count as one.
func slot(hash uint32) uint32 { return hash * 0x9e3779b1 >> (32 - countBits) }

// apart adds views of the words alone: of the surroundings of each window that
// nearly is an order, of each rule's hit and near hit, and of the whole view if it
// has few words. Readings share but their edges.
func (j *judge) apart(m *Model, t *normal.Text, i int, near, sure float64) {
	if strings.HasSuffix(t.Views[i].Via, normal.WordsApart) {
		return
	}
	toks := j.x.tok.tokens
	if n := j.x.words; n > 0 && n*sparse < len(t.Views[i].Text) {
		j.setApart(m, t, i, toks)
		return
	}
	j.words.found = j.words.found[:0]
	for k := range j.windows {
		if j.scores[k] > sure {
			j.words.found = append(j.words.found, j.windows[k])
		}
	}
	done, first, past := 0, 0, 0
	read := func(at, end int) {
		for past < len(j.words.found) && j.words.found[past].End <= at {
			past++
		}
		if at < done || past < len(j.words.found) && j.words.found[past].Start < end {
			return // read already, or an order as it stands
		}
		for first < len(toks) && int(toks[first].start) < max(done-overApart, at-reachApart) {
			first++
		}
		last := first
		for last < len(toks) && int(toks[last].end) <= at+2*reachApart {
			last++
		}
		j.setApart(m, t, i, toks[first:last])
		done = at + 2*reachApart - overApart
	}
	hit, miss := 0, 0
	for k := range j.windows {
		w := &j.windows[k]
		for ; hit < len(j.hits) && j.hits[hit].Start < w.Start; hit++ {
			read(j.hits[hit].Start, j.hits[hit].End)
		}
		for ; miss < len(j.near) && j.near[miss] < w.Start; miss++ {
			read(j.near[miss], j.near[miss]+1)
		}
		if j.scores[k] > near {
			read(w.Start, w.End)
		}
	}
	for ; hit < len(j.hits); hit++ {
		read(j.hits[hit].Start, j.hits[hit].End)
	}
	for ; miss < len(j.near); miss++ {
		read(j.near[miss], j.near[miss]+1)
	}
}

// setApart adds the words of some tokens as a view, if more than blanks and
// ordinary punctuation stands between them, or they are few among the tokens.
func (j *judge) setApart(m *Model, t *normal.Text, i int, toks []token) {
	text := t.Views[i].Text
	a := &j.words
	a.count = [1 << countBits]uint16{}
	count, gaps, last, most := 0, 0, -1, uint16(0)
	for k := range toks {
		tok := &toks[k]
		if !isWord(tok) {
			if tok.shape == identToken {
				gaps++
			}
			continue
		}
		if last >= 0 && !beside(text, last, tok) && !ordinary(text, last, tok) {
			gaps++
		}
		n := &a.count[slot(tok.hash)]
		*n++
		most = max(most, *n)
		count, last = count+1, int(tok.end)
	}
	if gaps*5 < count && len(toks) < 3*count && (most <= 5 || int(most)*5 <= count) {
		return // prose, which most texts are
	}
	a.out = a.out[:0]
	kept, odd := 0, 0
	last = -1
	for k := 0; k < len(toks); k++ {
		tok := &toks[k]
		switch tok.shape {
		case markToken:
			if end := tagEnd(text, toks, k); end > k {
				k = end - 1
			} else if ends(text, toks, k) && len(a.out) > 0 {
				a.out = append(a.out, text[tok.start])
			}
			continue
		case identToken:
			n := a.pieces(text[tok.start:tok.end])
			kept, odd, last = kept+n, odd+n, int(tok.end)
			continue
		case wordToken, cjkToken:
			if !isWord(tok) {
				continue
			}
			if n := &a.count[slot(tok.hash)]; *n > 5 && int(*n)*5 > count { // the same word again and again …
				if *n == mostCount {
					continue
				}
				*n = mostCount // … but once it may be the order's
			}
		case numberToken:
			continue
		}
		if last >= 0 && !beside(text, last, tok) && !ordinary(text, last, tok) {
			odd++
		}
		if len(a.out) > 0 && tok.shape != cjkToken {
			a.out = append(a.out, ' ')
		}
		a.out = append(a.out, text[tok.start:tok.end]...)
		kept, last = kept+1, int(tok.end)
	}
	if kept < fewestApart || odd*4 <= kept && len(toks) <= 3*kept {
		return
	}
	// Names and keywords of a program, read one after the other, may sound like
	// an order: a rule has to hit as well, and to look is a tenth of the work.
	words := string(a.out)
	if a.hits = m.set.Find(words, a.hits[:0]); len(a.hits) > 0 {
		t.AddWords(words, i, int(toks[0].start), int(toks[len(toks)-1].end))
	}
}

// ordinary reports whether what stands between the word that ends at last and tok is
// as in prose: a blank, with a sign before it or not; in a script without blanks,
// nothing.
func ordinary(text string, last int, tok *token) bool {
	gap := text[last:tok.start]
	switch len(gap) {
	case 0:
		return tok.shape == cjkToken
	case 1:
		return gap == " "
	case 2:
		return gap[1] == ' ' && strings.IndexByte(".,:;!?'\")", gap[0]) >= 0
	case 3:
		return gap == "、" || gap == "。" || gap == "，"
	}
	return false
}

// beside reports whether a blank stands there, as mostly.
func beside(text string, last int, tok *token) bool {
	return int(tok.start)-last == 1 && text[last] == ' '
}

// isWord reports whether a token is a word: of two letters at least, all of
// them letters.
func isWord(t *token) bool {
	switch t.shape {
	case cjkToken:
		return true
	case wordToken:
		return !t.digits && t.end-t.start > 1
	}
	return false
}

// pieces writes the words that an identifier is made of: ignore_all_rules.
func (a *wordsApart) pieces(w string) (words int) {
	for i := 0; i < len(w); {
		start := i
		for i < len(w) && (byteKinds[w[i]] == kLetter || byteKinds[w[i]] == kWide) {
			i++
		}
		if i-start > 1 {
			if len(a.out) > 0 {
				a.out = append(a.out, ' ')
			}
			a.out = append(a.out, w[start:i]...)
			words++
		}
		i++
	}
	return words
}

// ends reports whether token k is one sign that ends a sentence or a clause, at
// the end of a word.
func ends(text string, toks []token, k int) bool {
	t := &toks[k]
	return k > 0 && t.end-t.start == 1 && toks[k-1].end == t.start && toks[k-1].shape != markToken && strings.IndexByte(".!?:", text[t.start]) >= 0
}

// longestTagApart is how far the end of a tag is looked for, in tokens.
const longestTagApart = 24

// tagEnd returns the token behind the tag of HTML that starts at token k; to
// itself if none does.
func tagEnd(text string, toks []token, k int) int {
	if text[toks[k].start] != '<' || toks[k].end-toks[k].start != 1 || k+1 == len(toks) {
		return k
	}
	if next := text[toks[k].end]; next != '/' && next != '!' && byteKinds[next] != kLetter {
		return k
	}
	for n := k + 1; n < min(len(toks), k+longestTagApart); n++ {
		if text[toks[n].end-1] == '>' {
			return n + 1
		}
	}
	return k
}
