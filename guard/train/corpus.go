package main

import (
	"math"
	"sync"

	"toolward/guard/classify"
	"toolward/guard/decode/normal"
	"toolward/guard/eval"
	"toolward/guard/rules"
)

// Amounts of synthetic text, and how much a row of it, and of text written by hand,
// weighs against a real one.
const (
	syntheticRows   = 54000
	syntheticWeight = 0.3
	syntheticSeed   = 7
	writtenWeight   = 1
)

// How much more weighs, where the orders written by hand are learned, what there is of
// a kind; and of the harmless synthetic rows, in which they would be lost, one in so
// many is there.
const (
	moreReal      = 2
	moreOrdinary  = 2.5
	moreOrders    = 1.5
	syntheticStep = 20
)

// doc is a row with its features.
type doc struct {
	row      *eval.Row
	windows  []classify.Sample
	weight   float64
	positive bool
	use      []int // positive rows: the windows that may hold the attack
}

// corpus is all that can be trained on.
type corpus struct {
	set       *rules.Set
	rows      []eval.Row // labelled data
	files     []eval.Row // ordinary files
	texts     []eval.Row // written by hand
	real      []doc      // of rows
	synthetic []doc
	written   []doc    // of texts
	ordinary  []doc    // of files
	sources   []string // of rows and files; those with attacks first
}

func newCorpus(rows, files, texts []eval.Row, set *rules.Set) *corpus {
	c := &corpus{set: set, rows: rows, files: files, texts: texts, real: featurize(rows, set, whole), written: featurize(texts, set, whole), sources: append(byAttacks(rows), byAttacks(files)...)}
	c.synthetic = featurize(newSynth(syntheticSeed, rows).rows(syntheticRows), set, whole)
	count := map[string]int{}
	for i := range c.real {
		count[c.real[i].row.Source]++
	}
	// Large sources count for less per row, so that none decides alone.
	for i := range c.real {
		d := &c.real[i]
		d.weight = min(1.5, math.Sqrt(300/float64(count[d.row.Source])))
	}
	for i := range c.synthetic {
		c.synthetic[i].weight = syntheticWeight
	}
	for i := range c.written {
		c.written[i].weight = writtenWeight
	}
	locate(c.real, c.synthetic, c.written)
	if len(files) > 0 {
		c.ordinary = mine(files, set, train(c.published(none)))
		written := mine(files, set, train(c.handwritten(none)))
		for i := range c.ordinary {
			c.ordinary[i].windows = append(c.ordinary[i].windows, written[i].windows...)
		}
	}
	return c
}

// none leaves no row out.
func none(*eval.Row) bool { return false }

// published is what the weights learn from that know published attacks: all but what
// was written by hand, and what is left out.
func (c *corpus) published(out func(*eval.Row) bool) (docs []*doc) {
	for _, list := range [][]doc{c.real, c.synthetic, c.ordinary} {
		for i := range list {
			if !out(list[i].row) {
				docs = append(docs, &list[i])
			}
		}
	}
	return docs
}

// handwritten is what the others learn from: the texts written by hand, and what is
// harmless of all else.
func (c *corpus) handwritten(out func(*eval.Row) bool) (docs []*doc) {
	add := func(d doc, more float64) {
		if !out(d.row) {
			d.weight *= more
			docs = append(docs, &d)
		}
	}
	for i := range c.written {
		more := 1.0
		if c.written[i].positive {
			more = moreOrders
		}
		add(c.written[i], more)
	}
	for i := range c.real {
		if !c.real[i].positive {
			add(c.real[i], moreReal)
		}
	}
	for i := range c.ordinary {
		add(c.ordinary[i], moreOrdinary)
	}
	for i := 0; i < len(c.synthetic); i += syntheticStep {
		if !c.synthetic[i].positive {
			add(c.synthetic[i], 1)
		}
	}
	return docs
}

// featurize makes documents of rows; of each the windows that keep leaves.
func featurize(rows []eval.Row, set *rules.Set, keep func([]classify.Sample) []classify.Sample) []doc {
	n := normal.New(normal.Options{})
	extractors := sync.Pool{New: func() any { return classify.NewExtractor(set) }}
	docs := make([]doc, len(rows))
	inParallel(len(rows), func(i int) {
		x := extractors.Get().(*classify.Extractor)
		defer extractors.Put(x)
		t := n.Normalize(rows[i].Text)
		defer t.Release()
		docs[i] = doc{row: &rows[i], windows: keep(x.Samples(t, classify.SurfaceOf(rows[i].Surface))), positive: rows[i].Label == eval.Injection}
	})
	return docs
}

func whole(windows []classify.Sample) []classify.Sample { return windows }

// locate finds where the attack is in positive rows: not in sentences that
// benign rows have too, of which the containers are made.
func locate(lists ...[]doc) {
	known := map[uint32]bool{}
	for _, docs := range lists {
		for i := range docs {
			for j := range docs[i].windows {
				for _, p := range docs[i].windows[j].Prints {
					known[p] = known[p] || !docs[i].positive
				}
			}
		}
	}
	for _, docs := range lists {
		for i := range docs {
			if docs[i].positive {
				docs[i].use = unknown(docs[i].windows, known)
			}
		}
	}
}

// unknown lists the windows of which at least half is not known, or those with
// the largest such share if there are none.
func unknown(windows []classify.Sample, known map[uint32]bool) []int {
	shares := make([]float64, len(windows))
	top := 0.0
	for j := range windows {
		n := 0
		for _, p := range windows[j].Prints {
			if !known[p] {
				n++
			}
		}
		shares[j] = float64(n) / float64(len(windows[j].Prints))
		top = max(top, shares[j])
	}
	var use []int
	for j, s := range shares {
		if s >= min(top, 0.5) {
			use = append(use, j)
		}
	}
	return use
}
