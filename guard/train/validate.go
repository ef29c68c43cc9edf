package main

import (
	"bytes"
	"cmp"
	"errors"
	"hash/fnv"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"toolward/guard"
	"toolward/guard/classify"
	"toolward/guard/eval"
)

// folds is how many pairs of models judge what they have not seen.
const folds = 8

// Shares of rows and files that may exceed a limit in cross-validation, by the score of
// the weights that know published attacks and, besides, by that of the others, which
// never block by themselves.
var (
	mayFind    = shares{ordinary: 0.001, topical: 0.02, files: 0.012}
	maySuspect = shares{ordinary: 0.0005, topical: 0.01, files: 0.003}
	mayBlock   = shares{ordinary: 0.0003, topical: 0.005, files: 0.0008} // wordings of rules block besides

	moreFound     = shares{ordinary: 0.001, topical: 0.01, files: 0.012}
	moreSuspected = shares{ordinary: 0.0003, topical: 0.003, files: 0.0006}
)

// shares are of ordinary tool traffic, of texts about models, prompts and attacks,
// and of ordinary files.
type shares struct{ ordinary, topical, files float64 }

// topical are the sources about models, prompts and attacks; the other benign
// sources are ordinary traffic.
var topical = []string{"prompt-eng-guide", "mitre-atlas", "cursorrules", "awesome-prompts", "garak"}

// validation is the outcome of leaving out each source, kind of file, package and
// writer.
type validation struct {
	rows     []eval.Judged // labelled data: by a model that has not seen the source
	texts    []eval.Judged // written by hand: … the writer
	kinds    []eval.Judged // ordinary files: … the kind of file
	packages []eval.Judged // … the package
	unseen   *eval.Figures // hidden text, with no hidden text of any method in training

	published, written scale
	limits             classify.Limits
}

// scale makes log-odds of a model's sums.
type scale struct{ slope, offset float64 }

// silent is the scale of weights that say nothing.
var silent = scale{0, -50}

// pair is the models of two trainings on the same rows but for the attacks.
type pair struct{ published, written *model }

func (c *corpus) train(out func(*eval.Row) bool) pair {
	return pair{train(c.published(out)), train(c.handwritten(out))}
}

// fold says which fold leaves a row out: one with attacks has the first folds to
// itself.
func (c *corpus) fold(source string) int {
	return slices.Index(c.sources, source) % folds
}

// packageFold says which fold leaves a package out.
func packageFold(group string) int {
	h := fnv.New32a()
	h.Write([]byte(group))
	return int(h.Sum32() % folds)
}

func (c *corpus) validate() (*validation, error) {
	models := make([]pair, folds+1)
	train := func(i int) {
		models[i] = c.train(func(r *eval.Row) bool {
			if i == folds {
				return r.Source == "obfuscated" || r.Label == eval.Injection && strings.HasPrefix(r.Source, "synthetic:obfuscated")
			}
			if strings.HasPrefix(r.Source, "synthetic:") {
				return false
			}
			return c.fold(r.Source) == i || (isFile(r) && packageFold(r.Group) == i) || (byHand(r) && packageFold(r.Source) == i)
		})
	}
	inParallel(len(models), train)
	// The scores of each model alone, as they are, from which the scales and limits come.
	first := &validation{published: scale{1, 0}, written: silent, limits: classify.Limits{Found: 0.5, Suspect: 0.5, Certain: 0.5}}
	if err := first.judge(c, models); err != nil {
		return nil, err
	}
	second := &validation{published: silent, written: scale{1, 0}, limits: classify.Limits{Found: 1e-12, Suspect: 1 - 1e-12, Certain: 1 - 1e-12}}
	if err := second.judge(c, models); err != nil {
		return nil, err
	}
	v := &validation{}
	v.calibrate(first, second)
	return v, v.judge(c, models)
}

// judge has each row and file judged by the model that has not seen it, as the
// gateway would with the limits of v.
func (v *validation) judge(c *corpus, models []pair) error {
	scanners := make([]*guard.Scanner, len(models))
	for i, m := range models {
		var err error
		if scanners[i], err = c.scanner(m, v); err != nil {
			return err
		}
	}
	byFold := func(rows []eval.Row, fold func(*eval.Row) int) ([]eval.Judged, error) {
		judged := make([]eval.Judged, len(rows))
		errs := make([]error, len(rows))
		inParallel(len(rows), func(i int) {
			r := &rows[i]
			judged[i].Row = r
			judged[i].Scores, errs[i] = scanners[fold(r)].Score(r.Text, r.Surface)
		})
		return judged, errors.Join(errs...)
	}
	bySource := func(r *eval.Row) int { return c.fold(r.Source) }
	hidden := slices.DeleteFunc(slices.Clone(c.rows), func(r eval.Row) bool { return r.Source != "obfuscated" })
	var unseen []eval.Judged
	var e1, e2, e3, e4, e5 error
	v.rows, e1 = byFold(c.rows, bySource)
	v.texts, e5 = byFold(c.texts, func(r *eval.Row) int { return packageFold(r.Source) })
	v.kinds, e2 = byFold(c.files, bySource)
	v.packages, e3 = byFold(c.files, func(r *eval.Row) int { return packageFold(r.Group) })
	unseen, e4 = byFold(hidden, func(*eval.Row) int { return folds })
	for _, j := range v.rows {
		if j.Row.Label == eval.Benign {
			unseen = append(unseen, j)
		}
	}
	v.unseen = eval.Measure(unseen).All.Injection
	return errors.Join(e1, e2, e3, e4, e5)
}

// weights are a pair of models, of which v has the scales and limits.
func (v *validation) weights(m pair) *classify.Weights {
	linear := func(m *model, s scale) classify.Linear {
		return classify.Linear{Sparse: m.w, Dense: m.dw, Slope: s.slope, Offset: s.offset}
	}
	return &classify.Weights{Published: linear(m.published, v.published), Written: linear(m.written, v.written), Limits: v.limits}
}

// scanner is guard with models that were just trained.
func (c *corpus) scanner(m pair, v *validation) (*guard.Scanner, error) {
	var b bytes.Buffer
	if err := v.weights(m).Write(&b, c.set); err != nil {
		return nil, err
	}
	model, err := classify.Read(&b, c.set)
	if err != nil {
		return nil, err
	}
	return guard.New(guard.Options{Model: model})
}

// inParallel does n things, as many at once as there are processors.
func inParallel(n int, do func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// calibrate fits the probability curve to the scores of the models of published
// attacks, which are the sums' own sigmoids, and sets the limits. The scale of the
// others is laid so that as much exceeds the first two limits as may.
func (v *validation) calibrate(published, written *validation) {
	v.published = platt(published.rows)
	limit := func(may shares) float64 { return v.published.slope*published.over(may) + v.published.offset }
	found, suspect := limit(mayFind), limit(maySuspect)
	v.limits = classify.Limits{Found: sigmoid(found), Suspect: sigmoid(suspect), Certain: sigmoid(limit(mayBlock))}
	first, second := written.over(moreFound), written.over(moreSuspected)
	v.written.slope = (suspect - found) / (second - first)
	v.written.offset = found - v.written.slope*first
}

// over is the logit that as many rows and files exceed as may.
func (v *validation) over(may shares) float64 {
	return max(quantile(v.rows, may.ordinary, ordinary), quantile(v.rows, may.topical, about), quantile(slices.Concat(v.kinds, v.packages), may.files, isFile))
}

// about and ordinary tell the benign rows of tool surfaces apart.
func about(r *eval.Row) bool {
	return r.Label == eval.Benign && r.Surface != "user_prompt" && slices.Contains(topical, r.Source)
}

func ordinary(r *eval.Row) bool {
	return r.Label == eval.Benign && r.Surface != "user_prompt" && !slices.Contains(topical, r.Source)
}

// byHand reports whether a row is one of the texts written by hand.
func byHand(r *eval.Row) bool { return strings.HasPrefix(r.Source, "written-") }

func isFile(r *eval.Row) bool { return strings.HasPrefix(r.Source, "ordinary/") }

// logit is the model's own score of a row that was judged without calibration.
func logit(j *eval.Judged) float64 {
	p := min(max(j.Scores[eval.Injection].Value, 1e-9), 1-1e-9)
	return math.Log(p / (1 - p))
}

// quantile is the logit that a share of some rows exceeds at most, minus infinity
// of none.
func quantile(judged []eval.Judged, share float64, of func(*eval.Row) bool) float64 {
	var scores []float64
	for i := range judged {
		if of(judged[i].Row) {
			scores = append(scores, logit(&judged[i]))
		}
	}
	if len(scores) == 0 {
		return math.Inf(-1)
	}
	slices.Sort(scores)
	return scores[len(scores)-1-int(share*float64(len(scores)))]
}

// platt fits slope and offset of the logistic curve by Newton's method.
func platt(judged []eval.Judged) scale {
	slope, offset := 1.0, 0.0
	for range 50 {
		var ga, gb, haa, hab, hbb float64
		for i := range judged {
			j := &judged[i]
			if j.Row.Surface == "user_prompt" || j.Row.Label != eval.Injection && j.Row.Label != eval.Benign {
				continue
			}
			z := logit(j)
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
	return scale{slope, offset}
}

// byAttacks puts sources with attacks first, the most first.
func byAttacks(rows []eval.Row) []string {
	attacks := map[string]int{}
	for i := range rows {
		n := attacks[rows[i].Source]
		if rows[i].Label == eval.Injection {
			n++
		}
		attacks[rows[i].Source] = n
	}
	var sources []string
	for s := range attacks {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, func(a, b string) int { return cmp.Or(attacks[b]-attacks[a], strings.Compare(a, b)) })
	return sources
}
