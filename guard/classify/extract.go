package classify

import (
	"slices"

	"toolward/guard/decode/normal"
	"toolward/guard/rules"
)

// Sample is a window with its features, for training. Windows of a view that overlap
// share them.
type Sample struct {
	Window
	Sparse []uint32 // buckets, with repetitions
	Dense  []uint16
	Prints []uint32 // of its sentences, to recognise them elsewhere
}

// Clone is the sample by itself, without what its text has besides.
func (s *Sample) Clone() Sample {
	return Sample{s.Window, slices.Clone(s.Sparse), slices.Clone(s.Dense), slices.Clone(s.Prints)}
}

// Bits is the logarithm of the number of buckets.
const Bits = 20

func bucket(f uint32) uint32 { return f >> (32 - Bits) }

// Extractor makes samples. It is not safe for concurrent use.
type Extractor struct {
	x    extractor
	set  *rules.Set
	hits []rules.Hit
}

// NewExtractor returns an Extractor with the embedded word list and the given
// rules.
func NewExtractor(set *rules.Set) *Extractor {
	return &Extractor{x: newExtractor(newLexicon(lexiconText), nil), set: set}
}

// Samples returns every window of t.
func (e *Extractor) Samples(t *normal.Text, s Surface) []Sample {
	var out []Sample
	for i := range t.Views {
		e.x.run(t.Views[i].Text, s)
		e.hits = e.set.Find(t.Views[i].Text, e.hits[:0])
		buckets, prints := make([]uint32, len(e.x.list)), make([]uint32, len(e.x.parts))
		for k, f := range e.x.list {
			buckets[k] = bucket(f)
		}
		for k := range prints {
			prints[k] = e.x.print(k)
		}
		for _, w := range e.x.windows(nil, i) {
			out = append(out, Sample{w, buckets[e.x.start(w.first):e.x.parts[w.last-1].end], dense(nil, t, &w, s, e.hits), prints[w.first:w.last]})
		}
	}
	return out
}

// start is where the features of sentence k begin.
func (x *extractor) start(k int) int {
	if k == 0 {
		return 0
	}
	return x.parts[k-1].end
}

// print is a fingerprint of the words of sentence k.
func (x *extractor) print(k int) uint32 {
	h := uint32(hashSeed)
	for _, t := range x.tok.tokens[x.tok.sents[k].first:x.tok.sents[k].last] {
		if t.shape != markToken {
			h = scramble(h ^ t.hash)
		}
	}
	return h
}
