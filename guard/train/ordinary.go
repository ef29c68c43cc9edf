package main

import (
	"cmp"
	"slices"

	"toolward/guard/classify"
	"toolward/guard/eval"
	"toolward/guard/rules"
)

// What is taught of ordinary files. A file has hundreds of windows, nearly all of
// which no model ever takes for an order: those that look most like one to a model
// that knows no such file are kept, and a few beside.
const (
	keptLikely     = 14
	keptAny        = 4
	ordinaryWeight = 0.8 // of a file, against a row of labelled data
)

// mine makes documents of ordinary files: their windows that look most like orders
// to a model, and a few others.
func mine(files []eval.Row, set *rules.Set, m *model) []doc {
	docs := featurize(files, set, func(windows []classify.Sample) []classify.Sample { return likely(windows, m) })
	for i := range docs {
		docs[i].weight = ordinaryWeight
	}
	return docs
}

// likely keeps of windows those that m scores highest, and some at equal distances.
func likely(windows []classify.Sample, m *model) []classify.Sample {
	if len(windows) <= keptLikely+keptAny {
		return windows
	}
	all := make([]scored, len(windows))
	for i := range windows {
		all[i] = scored{m.logit(&windows[i]), int32(i)}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(b.z, a.z), int(a.i-b.i)) })
	kept := make([]classify.Sample, 0, keptLikely+keptAny)
	for _, s := range all[:keptLikely] {
		kept = append(kept, windows[s.i].Clone())
	}
	for k := range keptAny {
		kept = append(kept, windows[all[keptLikely+k*(len(all)-keptLikely)/keptAny].i].Clone())
	}
	return kept
}
