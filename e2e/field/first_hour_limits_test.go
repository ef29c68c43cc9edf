//go:build e2e

package field

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// defaults is a gateway whose limits are those that nobody set.
func defaults(t *testing.T, servers int, more map[string]any) (*lab.Gateway, []string) {
	t.Helper()
	up := lab.NewUpstream(t)
	upstreams, names := map[string]any{}, []string{}
	for i := range servers {
		name := "lab"
		if i > 0 {
			name = fmt.Sprint("lab", i)
		}
		names, upstreams[name] = append(names, name), map[string]any{"url": up.URL(), "timeout": "5s"}
	}
	return lab.Start(t, lab.Options{Upstream: up, Config: map[string]any{"upstreams": upstreams, "limits": more}}), names
}

// What an agent's client does in its first minute, on the limits that nobody set: it has
// an entry for each server, lists all of them as it connects, reads with sub-agents and
// runs scripts.
func TestDefaultLimitsFitAgents(t *testing.T) {
	g, names := defaults(t, 13, map[string]any{})
	for name, do := range map[string]func(t *testing.T, token string){
		"thirteen entries of a client, which lists all that there is": func(t *testing.T, token string) {
			var wg sync.WaitGroup
			for _, name := range names {
				s := openSession(t, g, token, "/mcp/"+name, "2025-11-25")
				s.send("POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
				wg.Go(func() {
					for i, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
						a := s.send("POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q}`, i, method))
						if a.Status != 200 || strings.Contains(a.Text, "rate_limited") {
							t.Errorf("%s of %s: %d %s", method, name, a.Status, a.Text)
						}
					}
				})
			}
			wg.Wait()
		},
		"24 calls at once":          func(t *testing.T, token string) { calls(t, g, token, 24, 24) },
		"32 calls of a script":      func(t *testing.T, token string) { calls(t, g, token, 1, 32) },
		"110 calls of four at once": func(t *testing.T, token string) { calls(t, g, token, 4, 110) },
	} {
		t.Run(name, func(t *testing.T) { do(t, g.Token("agent of "+name, "tester")) })
	}
	g.CheckChain(t, "")
}

// calls makes so many calls, as many at once, none of which may be refused.
func calls(t *testing.T, g *lab.Gateway, token string, at, n int) {
	t.Helper()
	s := openSession(t, g, token, "/mcp", "2025-11-25")
	var next atomic.Int64
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				a := s.send("POST", toolCall(fmt.Sprint(i), "lab__echo", lab.Marker()))
				if a.Status != 200 || strings.Contains(a.Text, "isError\":true") {
					t.Errorf("call %d: %d %s", i, a.Status, a.Text)
				}
			}
		})
	}
	wg.Wait()
}

// Over its limit a session's tools/call is a result that says when to come back, and
// REST is 429 with the same; a list neither meets nor uses the limit of calls.
func TestOverALimitInASession(t *testing.T) {
	g, _ := defaults(t, 1, map[string]any{"agents": map[string]any{"hasty": map[string]any{"rate": "1/min", "burst": 2}}})
	token := g.Token("hasty", "tester")
	s := openSession(t, g, token, "/mcp", "2025-11-25") // costs what a call costs
	for i := range 20 {
		if a := s.send("POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":"l%d","method":"tools/list"}`, i)); a.Status != 200 || !strings.Contains(a.Text, "lab__echo") {
			t.Fatalf("list %d: %d %s", i, a.Status, a.Text)
		}
	}
	if a := s.send("POST", toolCall("1", "lab__echo", "hello")); a.Status != 200 || strings.Contains(a.Text, "isError\":true") {
		t.Fatalf("the call that it has: %d %s", a.Status, a.Text)
	}
	a := s.send("POST", toolCall("2", "lab__echo", "hello"))
	if a.Status != 200 || !strings.Contains(a.Text, `"isError":true`) || !strings.Contains(a.Text, "try again in") || a.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %v %s", a.Status, a.Header, a.Text)
	}
	if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("hello")); a.Status != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("over REST: %d %v %s", a.Status, a.Header, a.Text)
	}
}
