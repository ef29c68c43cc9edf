//go:build e2e

package attacks

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/auth/authtest"
	"toolward/e2e/lab"
)

// TestFailedAuthenticationsAreSeen guesses tokens and replays a bad one: none of
// it is invisible, though strangers cannot fill the record.
func TestFailedAuthenticationsAreSeen(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"limits": map[string]any{
		"default": map[string]any{"rate": "600000/min", "burst": 100000}, "failures": map[string]any{"rate": "1/d", "burst": 20},
	}}})
	stranger := authtest.New(t)
	replayed := stranger.Sign(g.Issuer.Claims("attacker", lab.Audience, nil))
	for range 60 {
		lab.REST.Call(t, g, replayed, "echo", lab.Text("x"))
	}
	for i := range 140 {
		lab.REST.Call(t, g, fmt.Sprintf("guess-%d.x.y", i), "echo", lab.Text("x"))
	}
	resp, err := http.Get(g.URL + "/metrics")
	must(t, err)
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	must(t, err)
	total := 0
	for line := range strings.Lines(string(metrics)) {
		var n int
		if rest, ok := strings.CutPrefix(line, "toolward_auth_failures_total{reason=\""); ok {
			if _, err := fmt.Sscan(rest[strings.Index(rest, "} ")+2:], &n); err == nil {
				total += n
			}
		}
	}
	if total != 200 {
		t.Errorf("%d of 200 failures are counted", total)
	}
	g.Stop(t)
	rows := g.Rows(t, "", `SELECT max(e.value) AS same FROM events, json_each(body, '$.tokens') AS e WHERE events.type = 'auth.failures'`)
	events := g.Rows(t, "", `SELECT sum(body ->> 'n') AS n FROM events WHERE type = 'auth.failures'`)
	if len(events) != 1 || fmt.Sprint(events[0]["n"]) != "200" {
		t.Errorf("on record are %v", events)
	}
	if len(rows) != 1 || fmt.Sprint(rows[0]["same"]) != "60" {
		t.Errorf("the replayed token is not seen: %v", rows)
	}
	if n := g.Count(t, "", "code = 'unauthenticated'"); n > 21 {
		t.Errorf("%d refusals of strangers are on record", n)
	}
}
