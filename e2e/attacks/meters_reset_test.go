//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestOperatorsSeeAndResetMeters walks a meter that is full: who may see it, who may
// let it begin anew and for whom, that this is on record with a name and a reason, and
// that it holds after kill -9.
func TestOperatorsSeeAndResetMeters(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"admin": map[string]any{"viewers": []string{"viewer"}, "approvers": []string{"approver"}, "admins": []string{"admin"}}},
		Policies: map[string]string{"p.rego": spending},
	})
	spend := func(agent, n string) string {
		return lab.REST.Call(t, g, g.Token(agent, "tester"), "echo", fmt.Sprintf(`{"text":"x","n":%s}`, n)).Code
	}
	for _, agent := range []string{"ann", "ben"} {
		if code := spend(agent, "100"); code != "" || spend(agent, "0.5") != "policy" {
			t.Fatalf("%s: %q", agent, code)
		}
	}
	list := func(args ...string) string {
		_, out := g.Run(t, append([]string{"meters", "list", "--config", "toolward.yaml", "--output", "json"}, args...)...)
		var all []struct {
			Name, Agent string
			Count       int
			Sum         json.Number
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var said []string
		for _, m := range all {
			said = append(said, fmt.Sprintf("%s %s %d/%s", m.Name, m.Agent, m.Count, m.Sum))
		}
		return strings.Join(said, ", ")
	}
	if got := list("spent", "--agent", "ann"); got != "spent ann 1/100" {
		t.Errorf("list: %s", got)
	}
	body := `{"agent":"ann","reason":"a goodwill campaign"}`
	for _, tt := range []struct {
		who, path, body string
		status          int
	}{
		{g.Tester(), "meters", "", http.StatusForbidden},
		{g.Token("vera", "viewer"), "meters", "", http.StatusOK},
		{g.Tester(), "meters/spent/reset", body, http.StatusForbidden},
		{g.Token("vera", "viewer"), "meters/spent/reset", body, http.StatusForbidden},
		{g.Token("rita", "approver"), "meters/spent/reset", body, http.StatusForbidden},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"agent":"ann"}`, http.StatusBadRequest},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"reason":"x"}`, http.StatusBadRequest},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"agent":"ann","everyone":true,"reason":"x"}`, http.StatusBadRequest},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"name":"other","agent":"ann","reason":"x"}`, http.StatusBadRequest},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"tool":"lab__echo","reason":"x"}`, http.StatusNotFound},
		{g.Token("adam", "admin"), "meters/spent/reset", `{"agent":"eve","reason":"x"}`, http.StatusNotFound},
		{g.Token("adam", "admin"), "meters/other/reset", body, http.StatusNotFound},
	} {
		method := http.MethodPost
		if tt.body == "" {
			method = http.MethodGet
		}
		if a := g.Operate(t, tt.who, method, tt.path, tt.body, nil); a.Status != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.path, tt.body, a.Status, a.Text, tt.status)
		}
	}
	if spend("ann", "1") != "policy" {
		t.Error("a reset that was refused let a call in")
	}
	if a := g.Operate(t, g.Token("adam", "admin"), http.MethodPost, "meters/spent/reset", body, nil); a.Status != http.StatusOK || strings.TrimSpace(a.Text) != `{"counters":1}` {
		t.Errorf("%d %s", a.Status, a.Text)
	}
	for _, tt := range []struct{ agent, n, code string }{{"ann", "60", ""}, {"ann", "41", "policy"}, {"ben", "1", "policy"}} {
		if code := spend(tt.agent, tt.n); code != tt.code {
			t.Errorf("%s spends %s: %q, want %q", tt.agent, tt.n, code, tt.code)
		}
	}
	g.Kill()
	g.Restart(t)
	for _, tt := range []struct{ agent, n, code string }{{"ann", "41", "policy"}, {"ben", "1", "policy"}, {"ann", "40", ""}, {"ann", "1", "policy"}} {
		if code := spend(tt.agent, tt.n); code != tt.code {
			t.Errorf("after kill -9, %s spends %s: %q, want %q", tt.agent, tt.n, code, tt.code)
		}
	}
	g.Stop(t) // without a gateway the command opens the record
	if code, out := g.Run(t, "meters", "reset", "spent", "--agent", "ben", "--why", "ticket 89", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, "1 counters of spent begin anew") {
		t.Errorf("%d %s", code, out)
	}
	g.Restart(t)
	if code := spend("ben", "100"); code != "" {
		t.Errorf("ben: %q", code)
	}
	g.CheckChain(t, "")
	g.Stop(t)
	rows := g.Rows(t, "", "SELECT person, about, note FROM people WHERE type = 'meter.reset' ORDER BY seq")
	if len(rows) != 2 || rows[0]["person"] != "adam" || rows[0]["about"] != "spent" || rows[0]["note"] != "a goodwill campaign" || rows[1]["note"] != "ticket 89" {
		t.Errorf("on record: %v", rows)
	}
	rows = g.Rows(t, "", "SELECT agent, count(*) AS n, sum(amount) AS total FROM meters WHERE name = 'spent' GROUP BY agent ORDER BY agent")
	if fmt.Sprint(rows) != "[map[agent:ann n:3 total:200] map[agent:ben n:2 total:200]]" {
		t.Errorf("meters: %v", rows)
	}
}
