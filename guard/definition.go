package guard

import (
	"context"
	"fmt"
	"strings"

	"toolward/gateway"
)

// Definition scans what an upstream says of a tool, prompt or resource: every
// string of its listing entry. Orders to the model and hidden characters are
// poisoning. Reaching for other servers' tools is too, and is another question
// ([Scanner.Shadows]): its answer changes with what others offer.
func (s *Scanner) Definition(ctx context.Context, tool *gateway.Tool) ([]gateway.Finding, error) {
	sc := &scan{s: s, ctx: ctx, tool: tool, stage: gateway.StageResult, defines: true}
	report, err := sc.run(func() { sc.json(tool.Definition) })
	return report.Findings, err
}

// Inspect is [Scanner.Definition] as a verdict: why the definition must be
// quarantined, "" if it need not be. A definition in which the gateway's own
// credentials stand is kept from agents as well.
func (s *Scanner) Inspect(ctx context.Context, tool *gateway.Tool) (string, error) {
	findings, err := s.Definition(ctx, tool)
	if err != nil {
		return "", err
	}
	return verdict(tool, findings), nil
}

// verdict is why findings quarantine a definition, "" if they do not.
func verdict(tool *gateway.Tool, findings []gateway.Finding) string {
	const shown = 3
	var reasons []string
	all := 0
	for _, f := range findings {
		// Nothing of a definition is redacted: agents get it whole or not at all.
		own := f.Rule == ruleOwn && f.Action == gateway.ActionRedact
		if !own && f.Action != gateway.ActionQuarantine && f.Action != gateway.ActionBlock {
			continue
		}
		if all++; all > shown { // a place is looked for in all of the definition
			continue
		}
		where := "several places"
		if f.Where != "" {
			where = gateway.Place(tool.Definition, f.Where, nil)
		}
		reasons = append(reasons, fmt.Sprintf("%s at %s (fingerprint %s)", f.Rule, where, f.Print))
	}
	if all > shown {
		reasons = append(reasons, fmt.Sprintf("and %d more", all-shown))
	}
	return strings.Join(reasons, "; ")
}
