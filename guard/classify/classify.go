// Package classify gives a text the probability that it holds an order to the
// model that will read it.
//
// A [Model] is two linear classifiers over the same hashed features, a MiB of
// weights each, embedded in the binary and trained by guard/train: one knows how
// attacks are worded that were published, the other how people word orders who
// know none of them. The likelier answer counts. It is deterministic and needs
// nothing but this package. It reads every view of a [normal.Text]
// sentence by sentence, judges each sentence alone and together with its
// neighbours, and answers with the window that scores highest: an order of one
// line in 200 KiB of log is found as if it stood alone.
//
// Its features are words, pairs of words, parts of words, and what words do in
// an order, whatever the language (lexicon.txt): set aside, instructions, an
// address, an obligation, a secret; and words beside those. Others are the
// marks of hidden text, the way it was hidden, the rules of guard/rules that
// hit, and the surface.
//
// What it cannot do: tell a plain request that an attacker wrote from the same
// words written by a colleague. Labels and provenance are for that.
//
//	m, err := classify.Load()
//	...
//	t := normalizer.Normalize(text)
//	best, over := m.Judge(t, classify.ToolResult, m.Limits().Found)
package classify

import (
	"math"
	"slices"
	"strings"
	"sync"

	"toolward/guard/decode/normal"
	"toolward/guard/rules"
)

// Verdict is what a window of a text was judged to be.
type Verdict struct {
	Score float64  // probability of an injection, 0 to 1
	Span  [2]int   // the window, as byte offsets in Text.Raw; {0,0} if nothing was judged
	View  int      // the view that says so, an index in Text.Views
	Via   string   // how it was hidden, that view's Via; "" for the text itself
	Rules []string // the rules of guard/rules that hit in it, sorted
	Words int      // different words in it; of joined windows, in the one that has most
}

// Model judges texts. It is safe for concurrent use.
type Model struct {
	weights            *buckets
	published, written linear // what the sums of the weights mean
	limits             Limits
	found, most        float64 // log-odds that the written weights count from, and up to
	nearly, surely     float64 // … of these scores

	lex  *lexicon
	set  *rules.Set
	pool sync.Pool
}

// linear makes log-odds of the sum of a set's weights.
type linear struct {
	unit   float64 // what a sum of 1 is worth
	dense  [denseSize]float64
	offset float64
}

// Limits are the scores from which something is made of a text by default.
func (m *Model) Limits() Limits { return m.limits }

// Suspects reports whether a text has wordings of orders, or all that one needs:
// much less work than to judge it.
func (m *Model) Suspects(text string) bool {
	hits, near, all := m.set.FindNear(text, nil, nil)
	return len(hits)+len(near) > 0 || !all
}

// Judge returns the score of the window of t that scores highest, 0 if there is
// none, and all windows that score over threshold, joined where they overlap, by
// view and place.
func (m *Model) Judge(t *normal.Text, s Surface, threshold float64) (best float64, over []Verdict) {
	j, _ := m.pool.Get().(*judge)
	if j == nil {
		j = &judge{x: newExtractor(m.lex, m.weights)}
	}
	defer m.pool.Put(j)
	limit := logit(threshold)
	top := math.Inf(-1)
	near, sure := min(limit, m.nearly), m.surely
	for i := 0; i < len(t.Views); i++ { // what is set apart adds to them
		j.view(m, t, i, s)
		j.apart(m, t, i, near, sure)
		// What is read apart counts where a rule hits only.
		set := strings.HasSuffix(t.Views[i].Via, normal.WordsApart)
		for k := range j.windows {
			w, z := &j.windows[k], j.scores[k]
			if set && len(within(j.hits, w)) == 0 {
				continue
			}
			top = max(top, z)
			if z > limit {
				over = m.join(over, t, w, z, j.rules(m, w), j.x.differing(w))
			}
		}
	}
	if math.IsInf(top, -1) {
		return 0, nil
	}
	return probability(top), over
}

// judge holds the buffers of one judgement.
type judge struct {
	x       extractor
	windows []Window
	scores  []float64
	dense   []uint16
	hits    []rules.Hit // in the view
	near    []int       // places that may be hits but for what stands between the words
	words   wordsApart
}

// view scores the windows of view i.
func (j *judge) view(m *Model, t *normal.Text, i int, s Surface) {
	j.x.run(t.Views[i].Text, s)
	var all bool
	if j.hits, j.near, all = m.set.FindNear(t.Views[i].Text, j.hits[:0], j.near[:0]); !all {
		t.Truncate(i)
	}
	j.windows = j.x.windows(j.windows[:0], i)
	j.scores = j.scores[:0]
	for k := range j.windows {
		w := &j.windows[k]
		var sum sums
		n := int32(0)
		for _, p := range j.x.parts[w.first:w.last] {
			sum.add(p.sums)
			n += p.count
		}
		norm := Norm(int(n))
		j.dense = dense(j.dense[:0], t, w, s, j.hits)
		z := m.published.logOdds(sum.published, norm, j.dense)
		if written := m.written.logOdds(sum.written, norm, j.dense); written >= m.found {
			z = max(z, min(written, m.most))
		}
		j.scores = append(j.scores, z)
	}
}

func (l *linear) logOdds(sum int32, norm float64, dense []uint16) float64 {
	z := float64(sum)*l.unit*norm + l.offset
	for _, d := range dense {
		z += l.dense[d]
	}
	return z
}

// Norm is what the sum over n features is multiplied by. The constant keeps
// windows of few features from being judged by those alone.
func Norm(n int) float64 { return 1 / math.Sqrt(float64(n)+30) }

// rules names the rules that hit in w.
func (j *judge) rules(m *Model, w *Window) []string {
	var names []string
	for _, h := range within(j.hits, w) {
		if h.Start < w.End && h.End > w.Start {
			names = append(names, m.set.Rules()[h.Rule].ID)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (m *Model) verdict(t *normal.Text, w *Window, z float64, rules []string, words int) Verdict {
	v := &t.Views[w.View]
	return Verdict{Score: probability(z), Span: v.Raw(w.Start, w.End), View: w.View, Via: v.Via, Rules: rules, Words: words}
}

// join adds w to over, merged with the last one if they overlap.
func (m *Model) join(over []Verdict, t *normal.Text, w *Window, z float64, rules []string, words int) []Verdict {
	v := m.verdict(t, w, z, rules, words)
	if n := len(over); n > 0 && over[n-1].View == v.View && v.Span[0] <= over[n-1].Span[1] {
		last := &over[n-1]
		last.Span = [2]int{min(last.Span[0], v.Span[0]), max(last.Span[1], v.Span[1])}
		last.Score, last.Words = max(last.Score, v.Score), max(last.Words, v.Words)
		last.Rules = append(last.Rules, v.Rules...)
		slices.Sort(last.Rules)
		last.Rules = slices.Compact(last.Rules)
		return over
	}
	return append(over, v)
}

func probability(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// logit is the inverse of probability.
func logit(p float64) float64 { return math.Log(p / (1 - p)) }
