//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestRememberedValuesCanBeErased: what policy remembers of a person is in no row after
// it was erased, also not where later calls saw it; that something was remembered still
// decides, the chain holds, and a replay says what it does not have.
func TestRememberedValuesCanBeErased(t *testing.T) {
	for _, what := range []string{"call", "agent", "session"} {
		t.Run(what, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Policies: map[string]string{"p.rego": `package gateway

allow := true

remember contains {"name": "said", "value": input.args.text, "for": "1h"}

deny contains "this was said" if {
	some e in input.history
	e.value == input.args.text
}

deny contains "enough was said" if {
	input.args.n == 2
	count([e | some e in input.history; e.name == "said"]) >= 2
}
`}})
			const person = "synthetic-person-4711"
			call := func(args string) string { return lab.REST.Call(t, g, g.Tester(), "echo", args).Code }
			first := lab.REST.Call(t, g, g.Tester(), "echo", fmt.Sprintf(`{"text":%q}`, person))
			if first.Code != "" || call(`{"text":"other"}`) != "" || call(fmt.Sprintf(`{"text":%q}`, person)) != "policy" {
				t.Fatalf("%+v", first)
			}
			for _, row := range g.Rows(t, "", "SELECT body FROM events") {
				if strings.Contains(fmt.Sprint(row["body"]), person) {
					t.Errorf("a body that stays holds it: %s", row["body"])
				}
			}
			g.Stop(t)
			row := g.Rows(t, "", "SELECT id, session FROM calls WHERE args ->> '$.text' = '"+person+"' AND outcome = 'ok'")[0]
			args := map[string][]string{"call": {"--call", fmt.Sprint(row["id"])}, "agent": {"--agent", "tester"}, "session": {"--session", fmt.Sprint(row["session"])}}[what]
			if code, out := g.Run(t, append([]string{"audit", "erase", "--why", "a request", "--config", "toolward.yaml"}, args...)...); code != 0 {
				t.Fatal(out)
			}
			if what == "call" { // the call that was refused quoted it in its arguments, as any call may
				for _, row := range g.Rows(t, "", "SELECT id FROM calls WHERE args ->> '$.text' = '"+person+"'") {
					if code, out := g.Run(t, "audit", "erase", "--call", fmt.Sprint(row["id"]), "--why", "a request", "--config", "toolward.yaml"); code != 0 {
						t.Fatal(out)
					}
				}
			}
			for _, table := range []string{"events.body", "bodies.text", "bodies.beside", "interned.text"} {
				name, column, _ := strings.Cut(table, ".")
				if n := len(g.Rows(t, "", fmt.Sprintf("SELECT 1 FROM %s WHERE instr(%s, '%s')", name, column, person))); n != 0 {
					t.Errorf("%d rows of %s hold what was erased", n, name)
				}
			}
			for range 2 {
				g.Restart(t)
				if code := call(`{"text":"third","n":2}`); code != "policy" {
					t.Errorf("what was erased is not remembered any more: %q", code)
				}
				g.Kill()
			}
			g.Restart(t)
			if code := call(fmt.Sprintf(`{"text":%q}`, person)); code != "" {
				t.Errorf("the value still decides: %q", code)
			}
			g.CheckChain(t, "")
		})
	}
}
