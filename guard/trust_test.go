package guard

import (
	"bytes"
	"math"
	"testing"

	"toolward/gateway"
	"toolward/guard/classify"
	"toolward/guard/rules"
)

// scoring is a model that gives every text the same score.
func scoring(t *testing.T, score float64, limits classify.Limits) *classify.Model {
	t.Helper()
	set, err := rules.New(rules.Table)
	if err != nil {
		t.Fatal(err)
	}
	same := classify.Linear{Sparse: make([]float32, 1<<classify.Bits), Dense: make([]float32, classify.DenseSize), Slope: 1, Offset: math.Log(score / (1 - score))}
	w := classify.Weights{Published: same, Written: same, Limits: limits}
	var b bytes.Buffer
	if err := w.Write(&b, set); err != nil {
		t.Fatal(err)
	}
	m, err := classify.Read(&b, set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What a score alone may do rises with it, whatever is configured: it is recorded, then
// left to policy, then it blocks. A session is made untrusted by the second only.
func TestScoreDecidesWhatAFindingMayDo(t *testing.T) {
	limits := classify.Limits{Found: 0.5, Suspect: 0.7, Certain: 0.9}
	configured := func(a gateway.Action) Options {
		return Options{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingInjection: a}}
	}
	own := Options{Thresholds: Thresholds{Result: 0.4}}
	for _, tt := range []struct {
		name    string
		score   float64
		options Options
		want    gateway.Action // "" is no finding
		suspect bool
	}{
		{"under all limits", 0.45, Options{}, "", false},
		{"found", 0.6, Options{}, gateway.ActionObserve, false},
		{"found, where policy decides", 0.6, configured(gateway.ActionPolicy), gateway.ActionObserve, false},
		{"found, where it is redacted", 0.6, configured(gateway.ActionRedact), gateway.ActionObserve, false},
		{"suspected", 0.8, Options{}, gateway.ActionPolicy, true},
		{"suspected, where it is observed", 0.8, configured(gateway.ActionObserve), gateway.ActionObserve, false},
		{"suspected, where it is redacted", 0.8, configured(gateway.ActionRedact), gateway.ActionRedact, true},
		{"certain", 0.95, Options{}, gateway.ActionBlock, true},
		{"certain, where policy decides", 0.95, configured(gateway.ActionPolicy), gateway.ActionPolicy, true},
		{"over the operator's own threshold", 0.45, own, gateway.ActionBlock, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.options
			o.Model = scoring(t, tt.score, limits)
			report, err := newScanner(t, o).ScanText(t.Context(), "the harbour opens at seven and closes in the evening", classify.ToolResult)
			if err != nil {
				t.Fatal(err)
			}
			var got gateway.Action
			if len(report.Findings) > 0 {
				got = report.Findings[0].Action
			}
			if suspect := gateway.Suspicion(report.Findings) != ""; got != tt.want || suspect != tt.suspect || len(report.Findings) > 1 {
				t.Errorf("%+v: action %q, want %q; suspected %v, want %v", report.Findings, got, tt.want, suspect, tt.suspect)
			}
		})
	}
}
