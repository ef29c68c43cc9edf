package classify

import (
	"toolward/guard/normal"
	"toolward/guard/rules"
)

// Sample is a window with its features, for training.
type Sample struct {
	Window
	Sparse []uint32 // buckets, with repetitions
	Dense  []uint16
	Prints []uint32 // of its sentences, to recognise them elsewhere
}

// Bits is the logarithm of the number of buckets.
const Bits = 20

func bucket(f uint32) uint32 { return f * 0x9e3779b1 >> (32 - Bits) }

// Extractor makes samples. It is not safe for concurrent use.
type Extractor struct {
	x    extractor
	set  *rules.Set
	hits []rules.Hit
}

// NewExtractor returns an Extractor with the embedded word list and the given
// rules.
func NewExtractor(set *rules.Set) *Extractor {
	return &Extractor{x: extractor{lex: newLexicon(lexiconText)}, set: set}
}

// Samples returns every window of t.
func (e *Extractor) Samples(t *normal.Text, s Surface) []Sample {
	var out []Sample
	for i := range t.Views {
		e.x.run(t.Views[i].Text, s)
		e.hits = e.set.Find(t.Views[i].Text, e.hits[:0])
		for _, w := range e.x.windows(nil, i) {
			sm := Sample{Window: w}
			for k := w.first; k < w.last; k++ {
				sm.Prints = append(sm.Prints, e.x.print(k))
				for _, f := range e.x.sentenceFeats(k) {
					sm.Sparse = append(sm.Sparse, bucket(f))
				}
			}
			sm.Dense = dense(nil, t, &w, s, e.hits)
			out = append(out, sm)
		}
	}
	return out
}

func (x *extractor) sentenceFeats(k int) []uint32 {
	from := int32(0)
	if k > 0 {
		from = x.ends[k-1]
	}
	return x.feats[from:x.ends[k]]
}

// print is a fingerprint of the words of sentence k.
func (x *extractor) print(k int) uint32 {
	h := uint32(hashSeed)
	for _, t := range x.tok.tokens[x.tok.sents[k].first:x.tok.sents[k].last] {
		if t.shape != markToken {
			h = mix(h, t.hash, 0)
		}
	}
	return h
}
