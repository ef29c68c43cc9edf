package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
	"toolward/guard/provenance"
)

// learns reports whether what this scan sees is to be remembered.
func (sc *scan) learns() bool {
	return sc.call != nil && sc.call.Agent != nil && sc.stage == gateway.StageResult && !sc.sends && sc.tool != nil && slices.Contains(sc.tool.Labels, labelPrivate)
}

// traceID names a call and its server to the store, so that a match says both.
// What a tool says during its call belongs to that call.
func traceID(c *gateway.Call) string {
	if c.Kind == gateway.KindNotification && c.Parent != nil {
		c = c.Parent
	}
	return c.ID + " " + c.Tool.Server
}

// sent returns the texts of the call itself, which its result may repeat.
func (sc *scan) sent() []provenance.Field {
	var fields []provenance.Field
	walk(sc.call.Args.Raw(), func(l *leaf) {
		fields = append(fields, provenance.Field{Key: l.key, Text: l.text})
	})
	return fields
}

// copies looks up what is sent among what private tools returned.
func (sc *scan) copies() {
	if sc.call.Agent == nil {
		return
	}
	matches, truncated := sc.s.traces.Check(sc.call.Agent.Principal(), sc.fields)
	for _, m := range matches {
		field := &sc.fields[m.Field]
		id, server, _ := strings.Cut(m.From, " ")
		f := gateway.Finding{
			Kind: gateway.FindingProvenance, Rule: "provenance.copy", Span: m.Span,
			Severity: sc.weigh(m, server), Via: m.Via, From: id, Sample: fmt.Sprintf("%d letters and digits of a result of %s", m.Length, server),
		}
		switch {
		case m.Entity:
			f.Rule = "provenance.entity"
		case m.Pieces:
			f.Rule = "provenance.pieces"
		}
		sc.settle(&f, field.Text, sc.places[m.Field])
	}
	if truncated {
		sc.settle(&gateway.Finding{Kind: gateway.FindingProvenance, Rule: "provenance.truncated", Severity: gateway.SeverityMedium,
			Sample: "encoded so often over that not all of it was read"}, "", place{outside: true})
	}
}

// decoyName is the principal whose private results the honeytokens are.
const decoyName = "honeytokens"

// newDecoys makes a store that finds honeytokens in every disguise that copies
// are found in. Those too short to be a run of their own are found as written
// only; see [secret.Options].
func newDecoys(tokens []string) *provenance.Store {
	if len(tokens) == 0 {
		return nil
	}
	const forever = 100 * 365 * 24 * time.Hour
	d := provenance.New(provenance.Options{TTL: forever})
	fields := make([]provenance.Field, len(tokens))
	for i, token := range tokens {
		fields[i].Text = token
	}
	d.Learn(decoyName, "configuration", nil, fields)
	return d
}

// disguised looks for honeytokens that the credential detector cannot read.
func (sc *scan) disguised() {
	if sc.s.decoys == nil {
		return
	}
	matches, _ := sc.s.decoys.Check(decoyName, sc.fields)
	for _, m := range matches {
		field := &sc.fields[m.Field]
		known := slices.ContainsFunc(sc.findings, func(f gateway.Finding) bool {
			return f.Kind == gateway.FindingHoneytoken && (f.Where == field.Where || f.Where == "")
		})
		if known || m.Pieces || m.Entity {
			continue
		}
		sc.settle(&gateway.Finding{Kind: gateway.FindingHoneytoken, Rule: "honeytoken.disguised", Span: m.Span,
			Severity: gateway.SeverityHigh, Score: 1, Via: m.Via, Sample: fmt.Sprintf("%d of its letters and digits", m.Length)}, field.Text, sc.places[m.Field])
	}
}

// weigh says how bad a copy is. The next call rightly repeats IDs and names of
// the last result, so a plain short copy means little; nobody disguises what
// may be sent, and a long copy to a tool that sends it out of the house is
// what the labels exist for.
func (sc *scan) weigh(m provenance.Match, server string) gateway.Severity {
	points := 0
	if sc.tool != nil && slices.Contains(sc.tool.Labels, labelExternal) {
		points++
	}
	if m.Via != "" && m.Via != "url" && m.Via != "json" && m.Via != "html" {
		points += 2
	}
	if m.Length >= 48 && !m.Entity {
		points++
	}
	if points > 0 && sc.tool != nil && sc.tool.Server == server && m.Via == "" {
		points-- // back to where it came from
	}
	switch points {
	case 0:
		return gateway.SeverityLow
	case 1:
		return gateway.SeverityMedium
	}
	return gateway.SeverityHigh
}
