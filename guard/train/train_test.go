package main

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toolward/guard/classify"
	"toolward/guard/eval"
)

func TestGrammarLeavesNoSymbol(t *testing.T) {
	g := newGrammar(1)
	for _, r := range recipe {
		if r.symbol != "" && len(g.rules[r.symbol]) == 0 {
			t.Errorf("recipe %s: no wordings of %q", r.name, r.symbol)
		}
	}
	// Every {name} in a wording is a symbol, a value, or meant literally.
	literal := []string{"conversation", "system"}
	for name, alts := range g.rules {
		for _, alt := range alts {
			for _, m := range regexp.MustCompile(`\{\^?([a-z0-9.]+)\}`).FindAllStringSubmatch(alt, -1) {
				if !g.known(m[1]) && !slices.Contains(literal, m[1]) {
					t.Errorf("%s: %q names %q, which is nothing", name, alt, m[1])
				}
			}
		}
	}
}

func TestSynthIsDeterministic(t *testing.T) {
	rows := []eval.Row{
		{Surface: "tool_result", Label: eval.Benign, Text: `{"note": "The parcel has arrived.", "id": 7}`},
		{Surface: "tool_description", Label: eval.Benign, Text: `{"name": "add", "description": "Adds numbers."}`},
	}
	a, b := newSynth(3, rows).rows(400), newSynth(3, rows).rows(400)
	if !slices.Equal(a, b) {
		t.Error("the same seed made other rows")
	}
	labels := map[eval.Label]int{}
	for _, r := range a {
		labels[r.Label]++
		if strings.TrimSpace(r.Text) == "" {
			t.Errorf("%s is empty", r.ID)
		}
	}
	if labels[eval.Benign] < 50 || labels[eval.Injection] < 50 {
		t.Errorf("rows by label: %v", labels)
	}
}

func TestLocatePassesOverWhatBenignRowsHave(t *testing.T) {
	window := func(prints ...uint32) classify.Sample { return classify.Sample{Prints: prints} }
	attack := doc{positive: true, windows: []classify.Sample{window(1), window(1, 9), window(9), window(2)}}
	benign := doc{windows: []classify.Sample{window(1, 2)}}
	lists := [][]doc{{attack, benign}}
	locate(lists...)
	if got, want := lists[0][0].use, []int{1, 2}; !slices.Equal(got, want) {
		t.Errorf("use = %v, want %v", got, want)
	}
}

func TestTrainLearnsWhatTellsTheClassesApart(t *testing.T) {
	var docs []*doc
	for i := range 40 {
		positive := i%2 == 0
		s := classify.Sample{Sparse: []uint32{1, 2, 3}, Prints: []uint32{uint32(i)}}
		if positive {
			s.Sparse = []uint32{1, 2, 4}
		}
		docs = append(docs, &doc{windows: []classify.Sample{s}, weight: 1, positive: positive, use: []int{0}})
	}
	m := train(docs)
	attack, _ := m.best(docs[0])
	benign, _ := m.best(docs[1])
	if attack <= 0 || benign >= 0 {
		t.Errorf("logits: attack %.2f, benign %.2f", attack, benign)
	}
}

func TestPlattMakesProbabilities(t *testing.T) {
	var judged []eval.Judged
	row := func(label eval.Label) *eval.Row { return &eval.Row{Label: label, Surface: "tool_result"} }
	for i := range 100 { // at score 0 one in four is an attack, at 1 three in four
		for k := range 4 {
			z := float64(i % 2)
			label := eval.Benign
			if k < 1+2*int(z) {
				label = eval.Injection
			}
			judged = append(judged, eval.Judged{Row: row(label), Scores: eval.Scores{eval.Injection: {Value: sigmoid(z)}}})
		}
	}
	s := platt(judged)
	for z, want := range map[float64]float64{0: 0.25, 1: 0.75} {
		if got := sigmoid(s.slope*z + s.offset); math.Abs(got-want) > 1e-6 {
			t.Errorf("probability at %v = %v, want %v", z, got, want)
		}
	}
}
