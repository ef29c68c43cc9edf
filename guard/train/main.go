package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"toolward/guard/classify"
	"toolward/guard/eval"
	"toolward/guard/normal"
)

type doc struct {
	row      *eval.Row
	windows  []classify.Sample
	weight   float64
	positive bool
	use      []int // windows that may hold the attack
}

// locate finds where the attack is in positive rows: not in sentences that
// occur in benign rows, of which the containers are made.
func locate(docs, more []doc) {
	known := map[uint32]bool{}
	for _, ds := range [][]doc{docs, more} {
		for i := range ds {
			if ds[i].positive {
				continue
			}
			for j := range ds[i].windows {
				for _, p := range ds[i].windows[j].Prints {
					known[p] = true
				}
			}
		}
	}
	for _, ds := range [][]doc{docs, more} {
		for i := range ds {
			d := &ds[i]
			if !d.positive {
				continue
			}
			best := 0.0
			fr := make([]float64, len(d.windows))
			for j := range d.windows {
				n := 0
				for _, p := range d.windows[j].Prints {
					if !known[p] {
						n++
					}
				}
				fr[j] = float64(n) / float64(len(d.windows[j].Prints))
				best = max(best, fr[j])
			}
			for j := range fr {
				if fr[j] >= min(best, 0.5) {
					d.use = append(d.use, j)
				}
			}
		}
	}
}

func featurize(rows []eval.Row) []doc {
	n := normal.New(normal.Options{})
	docs := make([]doc, len(rows))
	var wg sync.WaitGroup
	next := make(chan int, 100)
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x := classify.NewExtractor()
			for i := range next {
				t := n.Normalize(rows[i].Text)
				docs[i] = doc{row: &rows[i], windows: x.Samples(t, classify.SurfaceOf(rows[i].Surface)), weight: 1, positive: rows[i].Label == eval.Injection}
				t.Release()
			}
		}()
	}
	for i := range rows {
		next <- i
	}
	close(next)
	wg.Wait()
	return docs
}

const size = 1 << classify.Bits

type model struct {
	w, g   []float32
	dw, dg []float32
}

func newModel() *model {
	m := &model{w: make([]float32, size), g: make([]float32, size), dw: make([]float32, classify.DenseSize), dg: make([]float32, classify.DenseSize)}
	return m
}

func (m *model) logit(s *classify.Sample) float64 {
	var sum float32
	for _, f := range s.Sparse {
		sum += m.w[f]
	}
	z := float64(sum) / math.Sqrt(float64(len(s.Sparse))+30)
	for _, d := range s.Dense {
		z += float64(m.dw[d])
	}
	return z
}

func (m *model) step(s *classify.Sample, g float64, lr, l2 float32) {
	norm := float32(1 / math.Sqrt(float64(len(s.Sparse))+30))
	gs := float32(g) * norm
	for _, f := range s.Sparse {
		gr := gs + l2*m.w[f]*norm
		m.g[f] += gr * gr
		m.w[f] -= lr * gr / float32(math.Sqrt(float64(m.g[f])+1e-3))
	}
	for _, d := range s.Dense {
		gr := float32(g) + 0.003*m.dw[d]
		m.dg[d] += gr * gr
		m.dw[d] -= 0.5 * lr * gr / float32(math.Sqrt(float64(m.dg[d])+1))
	}
}

func (m *model) best(d *doc) (float64, int) {
	best, at := math.Inf(-1), -1
	for i := range d.windows {
		if z := m.logit(&d.windows[i]); z > best {
			best, at = z, i
		}
	}
	return best, at
}

func (m *model) bestOf(d *doc, use []int) (float64, int) {
	best, at := math.Inf(-1), -1
	for _, i := range use {
		if z := m.logit(&d.windows[i]); z > best {
			best, at = z, i
		}
	}
	return best, at
}

var (
	epochs = flag.Int("epochs", 8, "")
	lr     = flag.Float64("lr", 0.2, "")
	l2     = flag.Float64("l2", 0.002, "")
	nsyn   = flag.Int("synth", 12000, "")
	sw     = flag.Float64("sw", 0.7, "")
	out    = flag.String("out", "", "")
	show   = flag.Bool("show", false, "")
	topk   = flag.Int("topk", 3, "")
)

func train(docs []*doc, seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := newModel()
	order := rng.Perm(len(docs))
	type zi struct {
		z float64
		i int
	}
	for e := range *epochs {
		rate := float32(*lr) / float32(1+0.3*float64(e))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, k := range order {
			d := docs[k]
			if len(d.windows) == 0 {
				continue
			}
			if d.positive {
				z, i := m.bestOf(d, d.use)
				if e == 0 {
					i = d.use[rng.IntN(len(d.use))]
					z = m.logit(&d.windows[i])
				}
				p := 1 / (1 + math.Exp(-z))
				m.step(&d.windows[i], d.weight*(p-1), rate, float32(*l2))
				continue
			}
			var top [8]zi
			n := 0
			for i := range d.windows {
				z := m.logit(&d.windows[i])
				if n < *topk {
					top[n] = zi{z, i}
					n++
				} else {
					lo := 0
					for j := 1; j < n; j++ {
						if top[j].z < top[lo].z {
							lo = j
						}
					}
					if z > top[lo].z {
						top[lo] = zi{z, i}
					}
				}
			}
			for _, t := range top[:n] {
				p := 1 / (1 + math.Exp(-t.z))
				m.step(&d.windows[t.i], d.weight*p, rate, float32(*l2))
			}
		}
	}
	return m
}

func main() {
	data := flag.String("data", "../shared/data/guard/dev.jsonl.gz", "labelled file")
	errs := flag.String("errors", "", "source whose mistakes to list")
	flag.Parse()
	start := time.Now()
	rows, err := eval.Open(*data)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	syn := newSynth(7, rows).rows(*nsyn)
	if *show {
		for _, r := range syn {
			if rand.IntN(len(syn)) < 60 {
				fmt.Printf("%s %s %.500q\n", r.Source, r.Variant, r.Text)
			}
		}
		return
	}
	sdocs := featurize(syn)
	docs := featurize(rows)
	locate(docs, sdocs)
	var nw, nf int
	for i := range docs {
		nw += len(docs[i].windows)
		for j := range docs[i].windows {
			nf += len(docs[i].windows[j].Sparse)
		}
	}
	fmt.Fprintln(os.Stderr, "featurized", len(docs), "windows", nw, "features", nf, time.Since(start))
	if *out != "" {
		var tr []*doc
		for i := range docs {
			docs[i].weight = 0.7
			tr = append(tr, &docs[i])
		}
		for i := range sdocs {
			sdocs[i].weight = *sw
			tr = append(tr, &sdocs[i])
		}
		m := train(tr, 1)
		w := classify.Weights{Sparse: m.w, Dense: m.dw, Slope: 1, Offset: 0, Threshold: 0.9}
		f, err := os.Create(*out)
		if err == nil {
			err = w.Write(f)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	// leave one source out
	fold := map[string]int{}
	nfold := 0
	count := map[string]int{}
	for i := range docs {
		s := docs[i].row.Source
		count[s]++
		if _, ok := fold[s]; !ok {
			fold[s] = nfold
			nfold++
		}
	}
	for i := range docs {
		c := float64(count[docs[i].row.Source])
		docs[i].weight = math.Sqrt(300 / c)
		if docs[i].weight > 1.5 {
			docs[i].weight = 1.5
		}
	}
	for i := range sdocs {
		sdocs[i].weight = *sw
	}
	judged := make([]eval.Judged, len(docs))
	var wg sync.WaitGroup
	sem := make(chan bool, runtime.NumCPU())
	for f := range nfold {
		wg.Add(1)
		sem <- true
		go func() {
			defer func() { <-sem; wg.Done() }()
			var tr []*doc
			for i := range docs {
				if fold[docs[i].row.Source] != f {
					tr = append(tr, &docs[i])
				}
			}
			for i := range sdocs {
				tr = append(tr, &sdocs[i])
			}
			m := train(tr, 1)
			for i := range docs {
				if fold[docs[i].row.Source] == f {
					z, _ := m.best(&docs[i])
					if math.IsInf(z, -1) {
						z = -20
					}
					judged[i] = eval.Judged{Row: docs[i].row, Scores: eval.Scores{eval.Injection: {Value: z, Found: z > 0}}}
				}
			}
		}()
	}
	wg.Wait()
	var keep []eval.Judged
	for _, j := range judged {
		if j.Row.Label == eval.Injection || j.Row.Label == eval.Benign {
			keep = append(keep, j)
		}
	}
	r := eval.Measure(keep)
	r.Write(os.Stdout)
	if *errs != "" {
		for _, m := range r.Mistakes {
			if m.Row.Source == *errs {
				t := m.Row.Text
				if len(t) > 300 {
					t = t[:300]
				}
				fmt.Printf("%v %.2f %s %q\n", m.Label, m.Score.Value, m.Row.Variant, t)
			}
		}
	}
	fmt.Fprintln(os.Stderr, time.Since(start))
}
