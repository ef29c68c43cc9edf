package main

import (
	"slices"
	"testing"

	"toolward/guard/classify"
)

func TestLikelyKeepsTheWorst(t *testing.T) {
	m := newModel()
	var windows []classify.Sample
	for i := range 500 {
		m.dw[0] = 1
		windows = append(windows, classify.Sample{Dense: make([]uint16, i%250), Prints: []uint32{uint32(i)}})
	}
	kept := likely(windows, m)
	if len(kept) != keptLikely+keptAny {
		t.Fatalf("%d windows", len(kept))
	}
	var top []int
	for _, w := range kept {
		top = append(top, len(w.Dense))
	}
	for _, n := range top[:keptLikely] {
		if n < 250-keptLikely/2 {
			t.Errorf("kept windows score %v", top)
		}
	}
	if slices.Max(top[keptLikely+1:]) >= 250-keptLikely/2 {
		t.Errorf("all kept windows are likely: %v", top)
	}
	if few := windows[:5]; len(likely(few, m)) != 5 {
		t.Error("of few windows some are dropped")
	}
}
