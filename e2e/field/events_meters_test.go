//go:build e2e

package field

import (
	"fmt"
	"testing"

	"toolward/e2e/lab"
)

const threeMeters = `package gateway

allow := true

meter contains {"name": "said", "key": input.args.text, "window": "1h"}

meter contains {"name": "told", "per": "session", "window": "1h"}

meter contains {"name": "used", "per": "tool", "window": "1h"}
`

// resets are meters that people let count anew: an agent's, by key and issuer, a
// session's and a tool's.
func resets(t *testing.T) []event {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": threeMeters}})
	run := commands(t, g)
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")); a.Code != "" {
		t.Fatalf("%+v", a)
	}
	session := g.Rows(t, "", "SELECT session FROM sessions WHERE agent = 'tester'")[0]["session"]
	run("meters", "reset", "said", "--agent", "tester", "--issuer", g.Issuer.Name(), "--key", "x", "--why", "a test")
	run("meters", "reset", "told", "--session", fmt.Sprint(session), "--why", "a test")
	run("meters", "reset", "used", "--tool", "lab__echo", "--why", "a test")
	g.Stop(t)
	return events(t, g, "")
}
