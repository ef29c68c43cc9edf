package guard

import (
	"context"
	"fmt"
	"strings"

	"toolward/gateway"
	"toolward/guard/definition"
)

// Definition scans what an upstream says of a tool, prompt or resource: every
// string of its listing entry, among those of the other servers. Orders to the
// model, hidden characters, and reaching for other servers' tools are poisoning.
func (s *Scanner) Definition(ctx context.Context, tool *gateway.Tool, others []*gateway.Tool) ([]gateway.Finding, error) {
	sc := &scan{s: s, ctx: ctx, tool: tool, stage: gateway.StageResult, defines: true}
	report, err := sc.run(func() {
		sc.json(tool.Definition)
		for _, shadow := range definition.Shadows(tool, others) {
			f := gateway.Finding{
				Kind: gateway.FindingPoisoning, Rule: "poisoning." + shadow.Rule, Stage: sc.stage, Where: shadow.Where, Span: shadow.Span,
				Severity: gateway.SeverityHigh, Score: 0.9, Sample: "reaches for " + shadow.Victim, Action: s.actions.of(gateway.FindingPoisoning, tool, false),
			}
			f.Print = s.print(f.Rule, tool.Wire+" "+shadow.Victim)
			if !s.allow.covers(&f, tool) {
				sc.keep(f)
			}
		}
	})
	return report.Findings, err
}

// Inspect is [Scanner.Definition] as a verdict: why the definition must be
// quarantined, "" if it need not be. A definition in which the gateway's own
// credentials stand is kept from agents as well.
func (s *Scanner) Inspect(ctx context.Context, tool *gateway.Tool, others []*gateway.Tool) (string, error) {
	findings, err := s.Definition(ctx, tool, others)
	if err != nil {
		return "", err
	}
	var reasons []string
	for _, f := range findings {
		// Nothing of a definition is redacted: agents get it whole or not at all.
		own := f.Rule == ruleOwn && f.Action == gateway.ActionRedact
		if own || f.Action == gateway.ActionQuarantine || f.Action == gateway.ActionBlock {
			where := "several places"
			if f.Where != "" {
				where = gateway.Place(tool.Definition, f.Where, nil)
			}
			reasons = append(reasons, fmt.Sprintf("%s at %s (fingerprint %s)", f.Rule, where, f.Print))
		}
	}
	const shown = 3
	if len(reasons) > shown {
		reasons = append(reasons[:shown], fmt.Sprintf("and %d more", len(reasons)-shown))
	}
	return strings.Join(reasons, "; "), nil
}
