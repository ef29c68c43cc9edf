// Package eval measures detectors on labelled text.
//
// A labelled file is JSON lines, gzipped or not, one [Row] each. A [Scorer]
// gives each row a score per label, and [Run] turns the scores into figures
// for each source and in all: ROC AUC, recall at 1 % and 0.1 % false
// positives, precision and false positives at the threshold in use, and time
// per KiB.
//
// Recall at a false-positive rate r is the share of positives that score
// higher than all but a share r of the negatives. A source's recall is taken
// against all negatives of the file, since that is where its threshold would
// come from; its false positives are its own. How much a figure can carry
// depends on how many negatives there are: with n of them, recall at 0.1 %
// rests on the n/1000 highest, so counts are always given.
//
// Each label is measured against the benign rows of tool surfaces; PII against
// those of sources that are known to hold none. Rows of other labels are left
// out. Injection also counts user prompts apart, as [Report.Prompts].
package eval

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Scores are what a [Scorer] says about one text: for each label the score, 0
// if it found nothing, whether there is a finding, and whether that is acted on.
// They differ: a score over the threshold may be no finding, and a finding may
// be left to policy.
type Scores map[Label]Score

// Score of one label.
type Score struct {
	Value float64 // higher is worse; only the order matters
	Found bool    // it is a finding
	Label bool    // … that is left to policy at least: of a result, it makes the session untrusted
	Stops bool    // … that keeps the text from its reader: it is blocked, quarantined or redacted
	Note  string  // what was found, for the list of mistakes
}

// Scorer judges a text that was met on a surface.
type Scorer interface {
	Score(text, surface string) (Scores, error)
}

// Figures are the measures of one label. Shares are 0 to 1; a measure that
// cannot be taken (no positives, or no negatives) is null.
type Figures struct {
	N         int      `json:"n"`        // rows, positives and negatives
	Positives int      `json:"positive"` // rows of the label
	AUC       *float64 `json:"auc"`
	Recall01  *float64 `json:"recall_at_fpr_0.01"`
	Recall001 *float64 `json:"recall_at_fpr_0.001"`
	Recall    *float64 `json:"recall"`    // at the threshold in use
	Precision *float64 `json:"precision"` // at the threshold in use
	FPR       *float64 `json:"fpr"`       // at the threshold in use
	NsPerKiB  float64  `json:"ns_per_kib"`
	Actions            // of the rows of the label
	Alarms             // … and of the negatives
}

// Actions count rows by what was made of them.
type Actions struct {
	Found    int `json:"found"`    // there is a finding of the label
	Labelled int `json:"labelled"` // … that is left to policy at least
	Blocked  int `json:"blocked"`  // … or whose text was blocked, quarantined or redacted
}

// Alarms are the same of rows that ought to have none.
type Alarms struct {
	Found    int `json:"found_benign"`
	Labelled int `json:"labelled_benign"`
	Blocked  int `json:"blocked_benign"`
}

func (a *Actions) add(s Score) {
	a.Found += count(s.Found)
	a.Labelled += count(s.Label)
	a.Blocked += count(s.Stops)
}

// Source is the figures of one source.
type Source struct {
	Source string `json:"source"`
	Measures
}

// Measures are the figures by label.
type Measures struct {
	Injection *Figures `json:"injection,omitempty"`
	Secret    *Figures `json:"secret,omitempty"`
	PII       *Figures `json:"pii,omitempty"`
	Exfil     *Figures `json:"exfil,omitempty"`
}

// Of is the figures of one label, nil if there are none.
func (m *Measures) Of(label Label) *Figures { return *m.at(label) }

func (m *Measures) at(label Label) **Figures {
	switch label {
	case Secret:
		return &m.Secret
	case PII:
		return &m.PII
	case Exfil:
		return &m.Exfil
	}
	return &m.Injection
}

// Report is the outcome of [Run].
type Report struct {
	All      Measures  `json:"all"`               // tool surfaces
	Prompts  *Figures  `json:"prompts,omitempty"` // injection in user prompts, which a gateway does not see
	Sources  []Source  `json:"sources"`           // by name; tool surfaces and user prompts
	Mistakes []Mistake `json:"-"`                 // highest-scoring false positives, lowest-scoring misses
}

// Mistake is a row that was judged wrongly at the threshold in use.
type Mistake struct {
	Row   *Row
	Label Label // what it was measured for
	Score Score
}

// Judged is a row with its scores.
type Judged struct {
	Row    *Row
	Scores Scores
	Took   time.Duration
}

// Run scores every row and measures. It stops at the first error of the scorer.
func Run(rows []Row, s Scorer) (*Report, error) {
	judged := make([]Judged, len(rows))
	for i := range rows {
		start := time.Now()
		scores, err := s.Score(rows[i].Text, rows[i].Surface)
		if err != nil {
			return nil, err
		}
		judged[i] = Judged{&rows[i], scores, time.Since(start)}
	}
	return Measure(judged), nil
}

// Measure makes the report of rows that were scored already.
func Measure(judged []Judged) *Report {
	r := &Report{}
	bySource := map[string][]Judged{}
	for _, j := range judged {
		bySource[j.Row.Source] = append(bySource[j.Row.Source], j)
	}
	for _, name := range sortedKeys(bySource) {
		r.Sources = append(r.Sources, Source{Source: name})
	}
	for _, label := range Labels {
		all := gather(judged, label, func(row *Row) bool { return row.Surface != "user_prompt" })
		*r.All.at(label) = all.figures(all.negative)
		for i := range r.Sources {
			own := gather(bySource[r.Sources[i].Source], label, func(*Row) bool { return true })
			*r.Sources[i].at(label) = own.figures(all.negative)
		}
		r.Mistakes = append(r.Mistakes, all.mistakes(label)...)
	}
	r.Prompts = prompts(judged)
	return r
}

func prompts(judged []Judged) *Figures {
	var s sample
	for _, j := range judged {
		if j.Row.Surface != "user_prompt" {
			continue
		}
		switch j.Row.Label {
		case Injection:
			s.add(j, Injection, true)
		case Benign:
			s.add(j, Injection, false)
		}
	}
	return s.figures(s.negative)
}

// sample is the scores of one label over some rows.
type sample struct {
	positive, negative []float64
	rows               []Judged // all of them
	hits, alarms       Actions  // of positives and of negatives
	took               time.Duration
	bytes              int
}

func gather(judged []Judged, label Label, use func(*Row) bool) *sample {
	s := new(sample)
	for _, j := range judged {
		switch {
		case !use(j.Row):
		case j.Row.Label == label:
			s.add(j, label, true)
		case j.Row.against(label):
			s.add(j, label, false)
		}
	}
	return s
}

func (s *sample) add(j Judged, label Label, positive bool) {
	score := j.Scores[label]
	if positive {
		s.positive = append(s.positive, score.Value)
		s.hits.add(score)
	} else {
		s.negative = append(s.negative, score.Value)
		s.alarms.add(score)
	}
	s.rows = append(s.rows, j)
	s.took += j.Took
	s.bytes += len(j.Row.Text)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// figures measures s; thresholds come from the given negatives.
func (s *sample) figures(negative []float64) *Figures {
	if len(s.rows) == 0 {
		return nil
	}
	f := &Figures{N: len(s.rows), Positives: len(s.positive)}
	f.AUC = auc(s.positive, negative)
	f.Recall01 = recallAt(s.positive, negative, 0.01)
	f.Recall001 = recallAt(s.positive, negative, 0.001)
	f.Recall = share(s.hits.Found, len(s.positive))
	if len(s.positive) > 0 {
		f.Precision = share(s.hits.Found, s.hits.Found+s.alarms.Found)
	}
	f.FPR = share(s.alarms.Found, len(s.negative))
	f.Actions, f.Alarms = s.hits, Alarms(s.alarms)
	f.NsPerKiB = math.Round(float64(s.took.Nanoseconds()) / (float64(max(s.bytes, 1)) / 1024))
	return f
}

func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	x := float64(part) / float64(whole)
	return &x
}

// auc is the probability that a positive scores higher than a negative, ties
// counting half (Mann-Whitney).
func auc(positive, negative []float64) *float64 {
	if len(positive) == 0 || len(negative) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(negative))
	sum := 0.0
	for _, p := range positive {
		below, _ := slices.BinarySearch(sorted, p)
		notAbove, _ := slices.BinarySearch(sorted, math.Nextafter(p, math.Inf(1)))
		sum += float64(below) + float64(notAbove-below)/2
	}
	x := sum / float64(len(positive)) / float64(len(negative))
	return &x
}

// recallAt is the share of positives above the threshold that at most a share
// rate of the negatives reaches.
func recallAt(positive, negative []float64, rate float64) *float64 {
	if len(positive) == 0 || len(negative) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(negative))
	allowed := int(rate * float64(len(sorted)))
	threshold := sorted[len(sorted)-1-min(allowed, len(sorted)-1)]
	found := 0
	for _, p := range positive {
		found += count(p > threshold)
	}
	return share(found, len(positive))
}

// mistakes are the rows on the wrong side of the threshold in use, worst first.
func (s *sample) mistakes(label Label) []Mistake {
	var wrong []Mistake
	for _, j := range s.rows {
		if score := j.Scores[label]; score.Found != (j.Row.Label == label) {
			wrong = append(wrong, Mistake{j.Row, label, score})
		}
	}
	slices.SortStableFunc(wrong, func(a, b Mistake) int {
		aFalse, bFalse := a.Score.Found, b.Score.Found
		switch {
		case aFalse != bFalse:
			return count(bFalse) - count(aFalse)
		case a.Score.Value != b.Score.Value && aFalse == (a.Score.Value > b.Score.Value):
			return -1
		case a.Score.Value != b.Score.Value:
			return 1
		}
		return strings.Compare(a.Row.ID, b.Row.ID)
	})
	return wrong
}
