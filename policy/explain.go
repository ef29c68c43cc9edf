package policy

import (
	"context"
	"slices"
	"strings"

	"toolward/gateway"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision gateway.Decision `json:"decision"`
	Fired    []gateway.Rule   `json:"fired"`    // rules whose bodies held, also those that others overrode
	Silent   []gateway.Rule   `json:"silent"`   // rules that were asked and did not hold
	Packages []string         `json:"packages"` // that speak about the call, whether they exist or not
	Input    string           `json:"input"`    // what the policy saw, as JSON
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
	if c.Tool != nil {
		for _, pkg := range packagesOf(c.Tool) {
			x.Packages = append(x.Packages, strings.TrimPrefix(pkg, "data."))
		}
	}
	if c.Kind.Reverse() {
		x.Packages = append(x.Packages, "reverse."+serverOf(c))
	}
	for n, rule := range r.rules {
		switch {
		case slices.Contains(fired, n):
			x.Fired = append(x.Fired, rule)
		case slices.Contains(x.Packages, rule.Package):
			x.Silent = append(x.Silent, rule)
		}
	}
	return x, nil
}

func serverOf(c *gateway.Call) string {
	if c.Tool != nil && c.Tool.Server != "" {
		return c.Tool.Server
	}
	return c.Server
}
