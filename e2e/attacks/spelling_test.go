//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// JSON lets every character be written as an escape (RFC 8259 §7): whoever searches a
// message for a word overlooks it, and the agent's reader does not.
//
//	"resultType" -> "\u0072esultType"
var spellings = map[string]func(word string) string{
	"the first letter": func(w string) string { return fmt.Sprintf(`\u%04x%s`, w[0], w[1:]) },
	"the last letter":  func(w string) string { return fmt.Sprintf(`%s\u%04X`, w[:len(w)-1], w[len(w)-1]) },
	"every letter": func(w string) string {
		var b strings.Builder
		for _, c := range w {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	},
}

// What an upstream asks is judged as a question, however its result is spelled: no
// rule here lets it ask.
func TestQuestionsAreJudgedHoweverTheyAreSpelled(t *testing.T) {
	for name, spell := range spellings {
		for _, words := range [][]string{{"resultType"}, {"input_required"}, {"inputRequests"}, {"resultType", "input_required", "inputRequests", "elicitation/create"}} {
			t.Run(name+" of "+strings.Join(words, ", "), func(t *testing.T) {
				u := lab.NewScripted(t, lab.Stateless(func(r lab.Request) string {
					said := bank(r)
					if r.Method == "tools/call" {
						for _, w := range words {
							said = strings.Replace(said, `"`+w+`"`, `"`+spell(w)+`"`, 1)
						}
					}
					return said
				}))
				g := lab.Start(t, lab.Options{
					Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n"},
					Config:   map[string]any{"upstreams": map[string]any{"bank": u.Config()}},
				})
				a := lab.RPCs[2].Send(t, g, g.Tester(), "tools/call", "bank__pay", paying, nil)
				if a.Code != "policy" || strings.Contains(a.Text, "QUESTION-7") {
					t.Errorf("got %q: %s", a.Code, a.Text)
				}
				if n := g.Count(t, "", "kind = 'elicitation' AND outcome = 'refused'"); n != 1 {
					t.Errorf("%d refused questions on record", n)
				}
				g.Stop(t)
			})
		}
	}
}
