package guard

import (
	"context"
	"encoding/json"

	"toolward/gateway"
	"toolward/guard/classify"
	"toolward/guard/eval"
)

var _ eval.Scorer = (*Scanner)(nil)

// ScanText scans one text as if it had been met on a surface, for people who
// want to know what guard thinks of it.
func (s *Scanner) ScanText(ctx context.Context, text string, surface classify.Surface) (gateway.Report, error) {
	sc := s.loose(ctx, surface)
	return sc.run(func() { sc.leaf(&leaf{text: text}) })
}

// loose is a scan outside any call.
func (s *Scanner) loose(ctx context.Context, surface classify.Surface) *scan {
	sc := &scan{s: s, ctx: ctx, stage: gateway.StageResult}
	switch surface {
	case classify.ToolArgs:
		sc.stage, sc.sends = gateway.StageRequest, true
	case classify.ToolDescription:
		sc.defines = true
	}
	return sc
}

// confident is the score from which a finding other than an injection counts
// as found in [Scanner.Score].
const confident = 0.5

// Score judges a labelled text for guard/eval. Arguments and definitions are
// JSON and are walked as such; results are texts, as they are on the wire.
func (s *Scanner) Score(text, surface string) (eval.Scores, error) {
	at := classify.SurfaceOf(surface)
	sc := s.loose(context.Background(), at)
	report, err := sc.run(func() {
		if structured := at == classify.ToolArgs || at == classify.ToolDescription; structured && gateway.CheckJSON([]byte(text)) == nil {
			sc.json(json.RawMessage(text))
		} else {
			sc.leaf(&leaf{text: text})
		}
	})
	if err != nil {
		return nil, err
	}
	scores := eval.Scores{eval.Injection: {Value: report.Score}}
	for _, f := range report.Findings {
		label := labelOf[f.Kind]
		if label == "" {
			continue
		}
		best := scores[label]
		if best.Note == "" || label != eval.Injection && f.Score >= best.Value {
			best.Note = f.Rule
		}
		if label == eval.Injection {
			best.Found = true
		} else {
			best.Value = max(best.Value, f.Score)
			best.Found = best.Value >= confident
		}
		best.Label = best.Label || f.Action != gateway.ActionObserve
		best.Stops = best.Stops || f.Action.TakesOut() || withheld([]gateway.Finding{f})
		scores[label] = best
	}
	return scores, nil
}

var labelOf = map[gateway.FindingKind]eval.Label{
	gateway.FindingInjection: eval.Injection,
	gateway.FindingPoisoning: eval.Injection,
	gateway.FindingSecret:    eval.Secret,
	gateway.FindingPII:       eval.PII,
	gateway.FindingExfil:     eval.Exfil,
}
