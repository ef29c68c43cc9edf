package secret

import "toolward/gateway"

// rule is one credential format.
type rule struct {
	id      string   // stable: "secret." + id is the finding's rule
	service string   // whose credential it is
	forms   []string // patterns, see compile
	verify  verifier // what the format can prove about a token, nil if nothing
	low     bool     // severity medium instead of high: an identifier half, or a test credential
	finds   []string // samples that must be found, in pattern notation; the forms themselves if nil
	miss    []string // near-misses in pattern notation, besides those that every rule gets
}

// verifier returns the confidence, 0 to 1, that a token of the form is a credential; 0 drops it.
type verifier func(token string) float64

func (r rule) severity() gateway.Severity {
	if r.low {
		return gateway.SeverityMedium
	}
	return gateway.SeverityHigh
}

// formScore is the confidence in a token of a distinctive form.
const formScore = 0.97

// rules returns every format. The groups are only for reading.
func rules() []rule {
	var all []rule
	for _, group := range [][]rule{cloudRules, codeRules, modelRules, messageRules, moneyRules, serviceRules} {
		all = append(all, group...)
	}
	return all
}
