package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"toolward/guard/eval"
)

// Shares of rows that may exceed the default threshold in cross-validation.
const (
	ordinaryFPR = 0.0005 // of ordinary tool traffic
	topicalFPR  = 0.02   // of texts about models, prompts and attacks
)

// topical are the sources about models, prompts and attacks; the other benign
// sources are ordinary traffic.
var topical = []string{"prompt-eng-guide", "mitre-atlas", "cursorrules", "awesome-prompts", "garak"}

// validation is the outcome of leaving out each source in turn.
type validation struct {
	judged        []eval.Judged
	unseen        *eval.Figures // hidden text, with no hidden text of any method in training
	slope, offset float64
	threshold     float64
}

func (c *corpus) validate() *validation {
	v := &validation{judged: make([]eval.Judged, len(c.real))}
	var wg sync.WaitGroup
	turn := make(chan bool, runtime.NumCPU())
	for _, source := range c.sources {
		turn <- true
		wg.Go(func() {
			defer func() { <-turn }()
			m := trainMean(c.without(func(r *eval.Row) bool { return r.Source == source }))
			for i := range c.real {
				if c.real[i].row.Source == source {
					v.judged[i] = m.judge(&c.real[i])
				}
			}
		})
	}
	wg.Wait()
	v.judged = slices.DeleteFunc(v.judged, func(j eval.Judged) bool {
		return j.Row.Label != eval.Injection && j.Row.Label != eval.Benign
	})
	v.calibrate()
	v.unseen = c.unseen(v)
	return v
}

func (m *model) judge(d *doc) eval.Judged {
	z, at := m.best(d)
	score := eval.Score{Value: max(z, -20)}
	if at >= 0 {
		w := &d.windows[at]
		score.Note = d.texts[w.View][w.Start:w.End]
	}
	return eval.Judged{Row: d.row, Scores: eval.Scores{eval.Injection: score}}
}

// unseen judges hidden text with a model that has seen none: neither the
// source nor synthetic rows. What it finds it finds by decoding alone.
func (c *corpus) unseen(v *validation) *eval.Figures {
	m := trainMean(c.without(func(r *eval.Row) bool {
		return r.Source == "obfuscated" || r.Label == eval.Injection && strings.HasPrefix(r.Source, "synthetic:obfuscated")
	}))
	var judged []eval.Judged
	for i := range c.real {
		if c.real[i].row.Source == "obfuscated" {
			judged = append(judged, m.judge(&c.real[i]))
		}
	}
	for _, j := range v.judged {
		if j.Row.Label == eval.Benign {
			judged = append(judged, j)
		}
	}
	return eval.Measure(judged).All.Injection
}

// calibrate fits the probability curve to the scores and sets the threshold.
func (v *validation) calibrate() {
	v.slope, v.offset = platt(v.judged)
	limit := max(v.quantile(false, ordinaryFPR), v.quantile(true, topicalFPR))
	v.threshold = sigmoid(v.slope*limit + v.offset)
	for _, j := range v.judged {
		s := j.Scores[eval.Injection]
		s.Found = s.Value > limit
		j.Scores[eval.Injection] = s
	}
}

// quantile is the score that a share of the benign rows of tool surfaces
// exceeds at most.
func (v *validation) quantile(about bool, share float64) float64 {
	var scores []float64
	for _, j := range v.judged {
		if j.Row.Label == eval.Benign && j.Row.Surface != "user_prompt" && slices.Contains(topical, j.Row.Source) == about {
			scores = append(scores, j.Scores[eval.Injection].Value)
		}
	}
	slices.Sort(scores)
	return scores[len(scores)-1-int(share*float64(len(scores)))]
}

// platt fits slope and offset of the logistic curve by Newton's method.
func platt(judged []eval.Judged) (slope, offset float64) {
	slope = 1
	for range 50 {
		var ga, gb, haa, hab, hbb float64
		for _, j := range judged {
			if j.Row.Surface == "user_prompt" {
				continue
			}
			z := j.Scores[eval.Injection].Value
			p, y := sigmoid(slope*z+offset), 0.0
			if j.Row.Label == eval.Injection {
				y = 1
			}
			w := p * (1 - p)
			ga, gb = ga+(p-y)*z, gb+p-y
			haa, hab, hbb = haa+w*z*z, hab+w*z, hbb+w
		}
		det := haa*hbb - hab*hab
		if math.Abs(det) < 1e-9 {
			break
		}
		slope -= (hbb*ga - hab*gb) / det
		offset -= (haa*gb - hab*ga) / det
	}
	return slope, offset
}

// write prints the figures.
func (v *validation) write(w io.Writer, errors bool) error {
	r := eval.Measure(v.judged)
	if err := r.Write(w); err != nil {
		return err
	}
	quoting := eval.Measure(slices.DeleteFunc(slices.Clone(v.judged), func(j eval.Judged) bool { return j.Row.Variant == "quotes_attack" }))
	fmt.Fprintf(w, "probability = 1/(1+exp(-(%.3f*score%+.3f))), threshold %.3f\n", v.slope, v.offset, v.threshold)
	fmt.Fprintf(w, "without documents that quote an attack: recall %.3f at 1 %%, %.3f at 0.1 %%\n", *quoting.All.Injection.Recall01, *quoting.All.Injection.Recall001)
	fmt.Fprintf(w, "hidden text, no hidden attack in training: recall %.3f at 1 %%, %.3f at 0.1 %%\n", *v.unseen.Recall01, *v.unseen.Recall001)
	for _, about := range []bool{false, true} {
		n, over := 0, 0
		for _, j := range v.judged {
			if j.Row.Label == eval.Benign && j.Row.Surface != "user_prompt" && slices.Contains(topical, j.Row.Source) == about {
				n++
				if j.Scores[eval.Injection].Found {
					over++
				}
			}
		}
		fmt.Fprintf(w, "over the threshold: %d of %d benign rows, about models and attacks: %v\n", over, n, about)
	}
	if errors {
		for _, m := range r.Mistakes {
			fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%q\n", m.Row.Label, m.Row.Source, m.Row.Variant, m.Score.Value, m.Score.Note)
		}
	}
	return nil
}
