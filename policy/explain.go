package policy

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"toolward/gateway"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision gateway.Decision `json:"decision"`
	Fired    []FiredRule      `json:"fired"`  // rules whose bodies held, also those that others overrode
	Silent   []SilentRule     `json:"silent"` // rules that were asked and did not hold
	Input    json.RawMessage  `json:"input"`  // what the policy saw
}

// FiredRule is a rule that held.
type FiredRule struct {
	gateway.Rule
	Text string `json:"text,omitempty"` // as it stands in the revision that explains
}

// SilentRule is a rule that did not hold, and where it stopped.
type SilentRule struct {
	gateway.Rule
	StoppedAt  int    `json:"stopped_at,omitempty"` // line of the expression that did not hold; 0 if none was reached
	Expression string `json:"expression,omitempty"` // that expression, on one line
}

// Explain decides a stage of a call again, and says which rules took part. It
// follows every rule and so costs much more than deciding.
func (e *Engine) Explain(ctx context.Context, c *gateway.Call, stage gateway.Stage) (Explanation, error) {
	r := e.current.Load()
	input, err := InputJSON(c, stage)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Input: input}
	again := *c
	again.Decision = gateway.Decision{} // so that the result is judged whoever judged the request
	if x.Decision, err = r.decide(ctx, e.opt.Timeout, &again, stage); err != nil && x.Decision.Effect == "" {
		return x, err
	}
	stops := stops{}
	// A decision ends at the first deny; here every rule is asked. Its error, if
	// there is one, is in the decision.
	_, fired, _ := r.eval(ctx, 10*e.opt.Timeout, r.queries[entryAll], ast.LazyObject(r.input(c, stage, all)), c.Time, stops)
	held := map[int]bool{}
	for _, n := range fired {
		held[n] = true
	}
	for n, rule := range r.rules {
		switch {
		case !r.asks(c, rule):
		case held[n]:
			x.Fired = append(x.Fired, FiredRule{rule, r.textOf(rule)})
		default:
			silent := SilentRule{Rule: rule}
			if stop := stops.of(rule); stop != nil {
				silent.StoppedAt, silent.Expression = stop.Location.Row, oneLine(string(stop.Location.Text))
			}
			x.Silent = append(x.Silent, silent)
		}
	}
	return x, nil
}

// textOf is a rule as it was written, "" if the place is no rule's.
func (r *revision) textOf(rule gateway.Rule) string {
	m := r.parsed[rule.File]
	if m == nil {
		return ""
	}
	for _, candidate := range m.Rules {
		if loc := candidate.Location; loc != nil && loc.Row == rule.Line {
			return string(loc.Text)
		}
	}
	return ""
}

// asks reports whether a decision about a call asks the package of a rule.
func (r *revision) asks(c *gateway.Call, rule gateway.Rule) bool {
	m := r.parsed[rule.File]
	if m == nil {
		return false
	}
	a, ok := addressOf(m.Package)
	if rule.Package == "toolward.flow" {
		return true
	}
	t := c.Tool
	if t == nil {
		t = &gateway.Tool{Server: c.Server}
	}
	if !ok || a.root == "reverse" && !c.Kind.Reverse() {
		return false
	}
	return a.covers(t)
}

// stops is a tracer that keeps, per rule, the furthest expression that did not
// hold.
type stops map[uint64]*stop

type stop struct {
	rule *ast.Rule
	at   *ast.Expr
}

// Enabled is part of topdown.QueryTracer.
func (stops) Enabled() bool { return true }

// Config is part of topdown.QueryTracer.
func (stops) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent is part of topdown.QueryTracer.
func (s stops) TraceEvent(event topdown.Event) {
	switch node := event.Node.(type) {
	case *ast.Rule:
		if event.Op == topdown.EnterOp {
			s[event.QueryID] = &stop{rule: node}
		}
	case *ast.Expr:
		if in := s[event.QueryID]; event.Op == topdown.FailOp && in != nil && (in.at == nil || in.at.Index <= node.Index) {
			in.at = node
		}
	}
}

func (s stops) of(rule gateway.Rule) *ast.Expr {
	for _, in := range s {
		if loc := in.rule.Location; loc != nil && loc.File == rule.File && loc.Row == rule.Line && in.at != nil && in.at.Location != nil {
			return in.at
		}
	}
	return nil
}

func oneLine(s string) string { return clip(strings.Join(strings.Fields(s), " ")) }
