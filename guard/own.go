package guard

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/vault"
)

// ruleOwn is the rule of the gateway's own credentials.
const ruleOwn = vault.RuleOwn

// minOwn is the fewest characters of a credential that is looked for: shorter
// ones would be found by chance.
const minOwn = 8

// newOwn takes the credentials out of header values, "Bearer …" and the like.
func newOwn(values []string) []string {
	var own []string
	for _, v := range values {
		for word := range strings.FieldsSeq(v) {
			if len(word) >= minOwn {
				own = append(own, word)
			}
		}
	}
	return own
}

// findOwn looks for the gateway's own credentials in a text: an upstream may
// echo what it was sent.
func (s *Scanner) findOwn(dst []gateway.Finding, text string) []gateway.Finding {
	for _, token := range s.own {
		for at := 0; ; {
			i := strings.Index(text[at:], token)
			if i < 0 {
				break
			}
			at += i
			dst = append(dst, gateway.Finding{Kind: gateway.FindingSecret, Rule: ruleOwn, Span: [2]int{at, at + len(token)}, Severity: gateway.SeverityHigh,
				Score: 1, Sample: "a credential of the gateway"})
			at += len(token)
		}
	}
	return dst
}
