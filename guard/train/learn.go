package main

import (
	"math"
	"math/rand/v2"

	"toolward/guard/classify"
)

// Settings of the training, chosen by cross-validation.
const (
	epochs    = 8     // passes over the rows
	rate      = 0.2   // AdaGrad's step
	decay     = 0.3   // step in pass e is rate/(1+decay*e)
	shrink    = 0.015 // L2 on bucket weights, for each time a bucket is used
	negatives = 3     // windows of a benign row that are taught in a pass: the worst
	nearby    = 8     // … and that are looked at in the passes between
	looks     = 3     // passes from one look at all windows to the next
)

// model is weights in training, with AdaGrad's sums of squares.
type model struct{ w, g, dw, dg []float32 }

func newModel() *model {
	const size = 1 << classify.Bits
	return &model{make([]float32, size), make([]float32, size), make([]float32, classify.DenseSize), make([]float32, classify.DenseSize)}
}

func (m *model) logit(s *classify.Sample) float64 {
	var sum float32
	for _, f := range s.Sparse {
		sum += m.w[f]
	}
	z := float64(sum) * classify.Norm(len(s.Sparse))
	for _, d := range s.Dense {
		z += float64(m.dw[d])
	}
	return z
}

// step moves the weights of s against the gradient g of its loss.
func (m *model) step(s *classify.Sample, g float64, rate float32) {
	norm := float32(classify.Norm(len(s.Sparse)))
	for _, f := range s.Sparse {
		grad := float32(g)*norm + shrink*m.w[f]*norm
		m.g[f] += grad * grad
		m.w[f] -= rate * grad / float32(math.Sqrt(float64(m.g[f])+1e-3))
	}
	for _, d := range s.Dense {
		grad := float32(g) + 0.003*m.dw[d]
		m.dg[d] += grad * grad
		m.dw[d] -= 0.5 * rate * grad / float32(math.Sqrt(float64(m.dg[d])+1))
	}
}

// best is the highest logit of the windows of d, and which one has it; minus
// infinity and -1 if it has none.
func (m *model) best(d *doc) (float64, int) {
	top, at := math.Inf(-1), -1
	for i := range d.windows {
		if z := m.logit(&d.windows[i]); z > top {
			top, at = z, i
		}
	}
	return top, at
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// train makes a model.
func train(docs []*doc) *model {
	rng := rand.New(rand.NewPCG(1, 1))
	m := newModel()
	order := rng.Perm(len(docs))
	near := make([][]int32, len(docs))
	for e := range epochs {
		rate := float32(rate / (1 + decay*float64(e)))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, k := range order {
			switch d := docs[k]; {
			case len(d.windows) == 0:
			case d.positive:
				m.attack(d, e == 0, rng, rate)
			default:
				near[k] = m.benign(d, near[k], e%looks == 0, rate)
			}
		}
	}
	return m
}

// attack teaches the window of d that most looks like one, and any that may
// hold the attack in the first pass, when nothing is known.
func (m *model) attack(d *doc, first bool, rng *rand.Rand, rate float32) {
	at, top := d.use[rng.IntN(len(d.use))], math.Inf(-1)
	if !first {
		for _, i := range d.use {
			if z := m.logit(&d.windows[i]); z > top {
				top, at = z, i
			}
		}
	}
	s := &d.windows[at]
	m.step(s, d.weight*(sigmoid(m.logit(s))-1), rate)
}

// scored is a window with its logit.
type scored struct {
	z float64
	i int32
}

// benign teaches the windows of d that most look like attacks. Most never do: one
// pass of each three looks at all, the others at those that were near in it.
func (m *model) benign(d *doc, near []int32, all bool, rate float32) []int32 {
	var worst [nearby]scored
	n := 0
	put := func(i int32) {
		s := scored{m.logit(&d.windows[i]), i}
		at := n
		for at > 0 && s.z > worst[at-1].z {
			at--
		}
		if at == nearby {
			return
		}
		n = min(n+1, nearby)
		copy(worst[at+1:n], worst[at:])
		worst[at] = s
	}
	if all {
		for i := range d.windows {
			put(int32(i))
		}
		near = near[:0]
		for _, s := range worst[:n] {
			near = append(near, s.i)
		}
	} else {
		for _, i := range near {
			put(i)
		}
	}
	for _, s := range worst[:min(n, negatives)] {
		m.step(&d.windows[s.i], d.weight*sigmoid(s.z), rate)
	}
	return near
}
