//go:build e2e

package attacks

import (
	"encoding/json"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// A call is explained by the revision that decided it, in both stages, also when
// the files hold another by now; and not at all where that cannot be known.
func TestExplainByTheRevisionThatDecided(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{
		"all.rego": "package gateway\n\nallow if \"tester\" in input.agent.roles\n\nlabel contains \"seen\" if input.result\n",
	}})
	id := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("one")).ID
	if id == "" {
		t.Fatal("the call has no ID")
	}
	revision := g.Recorded(t, "", id)["revision"]
	type explanation struct {
		Decision struct{ Effect string }
		Fired    []struct {
			File string
			Line int
		}
	}
	type explained struct {
		Recorded struct{ Revision string }
		By, From string
		Request  explanation
		Result   *explanation
	}
	explain := func() explained {
		t.Helper()
		code, out := g.Run(t, "policy", "explain", id, "-o", "json", "--config", "toolward.yaml")
		var x explained
		if err := json.Unmarshal([]byte(out[max(0, strings.Index(out, "{")):]), &x); code != 0 || err != nil {
			t.Fatalf("%d, %v: %s", code, err, out)
		}
		return x
	}
	check := func(from string) {
		t.Helper()
		x := explain()
		if x.By != revision || x.Recorded.Revision != revision || x.From != from {
			t.Errorf("by %s from %s, recorded %s; want %v from %s", x.By, x.From, x.Recorded.Revision, revision, from)
		}
		if len(x.Request.Fired) != 1 || x.Request.Fired[0].Line != 3 || x.Request.Decision.Effect != "allow" {
			t.Errorf("the request: %+v", x.Request)
		}
		if x.Result == nil || len(x.Result.Fired) != 2 || x.Result.Fired[1].Line != 5 {
			t.Errorf("the result: %+v", x.Result)
		}
	}
	check("files")
	g.Write(t, "policies/all.rego", "package gateway\n\nallow if \"nobody\" in input.agent.roles\n")
	g.Until(t, "the policy is not read again", func() bool { return strings.Contains(g.Log.String(), "policy reloaded") })
	g.Until(t, "two events do not say which policy is in force", func() bool {
		return len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'policy.loaded'")) == 2
	})
	check("record")
	if code, out := g.Run(t, "policy", "explain", id, "-o", "json", "--config", "toolward.yaml", "--policy", "policies"); code != 0 || !strings.Contains(out, `"effect": "deny"`) {
		t.Errorf("by another policy: %d %s", code, out)
	}
}

// What was in force at a start is on record, with the configuration as it was read
// and without its secrets.
func TestWhatIsInForceIsOnRecord(t *testing.T) {
	const secret = "synthetic-header-value-4711-ab"
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Env: []string{"LAB_SECRET=" + secret}, Config: map[string]any{
		"upstreams": map[string]any{"lab": map[string]any{"url": u.URL(), "headers": map[string]any{"X-Lab": "${LAB_SECRET}"}}},
	}})
	rows := g.Rows(t, "", "SELECT body, bodies FROM timeline WHERE type = 'gateway.start'")
	if len(rows) != 1 {
		t.Fatalf("%d starts", len(rows))
	}
	body, text := rows[0]["body"].(string), rows[0]["bodies"].(string)
	for _, member := range []string{"version", "host", "user", "pid", "upstreams", "policy", "config_digest", "key"} {
		if !strings.Contains(body, `"`+member+`":`) {
			t.Errorf("no %s in %s", member, body)
		}
	}
	if !strings.Contains(text, u.URL()) || !strings.Contains(text, "LAB_SECRET") || strings.Contains(text, secret) {
		t.Errorf("the configuration: %s", text)
	}
}
