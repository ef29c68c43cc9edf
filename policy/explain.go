package policy

import (
	"context"
	"slices"

	"toolward/gateway"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision gateway.Decision `json:"decision"`
	Fired    []gateway.Rule   `json:"fired"`  // rules whose bodies held, also those that others overrode
	Silent   []gateway.Rule   `json:"silent"` // rules that were asked and did not hold
	Input    string           `json:"input"`  // what the policy saw, as JSON
}

// Explain decides again and says which rules took part.
func (e *Engine) Explain(ctx context.Context, c *gateway.Call) (Explanation, error) {
	r := e.current.Load()
	input, err := InputJSON(c)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Input: string(input)}
	x.Decision, err = r.decide(ctx, e.opt.Timeout, c)
	if err != nil && x.Decision.Effect == "" {
		return x, err
	}
	_, fired, evalErr := r.eval(ctx, e.opt.Timeout, entryOf(c), r.input(c, c.Result != nil), c.Time, nil)
	if evalErr != nil {
		return x, nil // the decision says what is wrong
	}
	for n, rule := range r.rules {
		switch {
		case slices.Contains(fired, n):
			x.Fired = append(x.Fired, rule)
		case r.asks(rule, c):
			x.Silent = append(x.Silent, rule)
		}
	}
	return x, nil
}

// asks reports whether a rule's package speaks about a call.
func (r *revision) asks(rule gateway.Rule, c *gateway.Call) bool {
	if c.Tool == nil {
		return false
	}
	for _, m := range r.parsed {
		if a, ok := addressOf(m.Package); ok && packageName(m.Package) == rule.Package {
			return (a.root == "reverse") == c.Kind.Reverse() && a.covers(c.Tool)
		}
	}
	return false
}
