package policy

import (
	"slices"

	"toolward/gateway"
)

// Left is a rule that OPA is asked about, since Go does not answer all of it. It costs
// tens of microseconds where calls differ in what it reads.
type Left struct {
	gateway.Rule
	Why string `json:"why"`
}

// putTogether is said of a rule whose body is answered.
const putTogether = "what it gives has variables of its body: asked only where the body holds"

// Left lists the rules that are left to OPA, by package, file and line; all of them if
// whole says why.
func (e *Engine) Left() (rules []Left, whole string) {
	r := e.current.Load()
	if r.quick == nil {
		return []Left{}, r.interpreted
	}
	rules = append([]Left{}, r.quick.left...)
	slices.SortFunc(rules, func(a, b Left) int { return compareRules(a.Rule, b.Rule) })
	return rules, ""
}
