//go:build e2e

package attacks

import (
	"net/http"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// TestOneAtATime sends a hundred calls at once under a rule that lets one run: one
// reaches the upstream, and while it runs nothing else of the agent does, on any
// surface; what it left is free when it is over, given up, timed out or killed.
func TestOneAtATime(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Config: map[string]any{"limits": map[string]any{"concurrency": 1000, "default": map[string]any{"rate": "600000/min", "burst": 100000}}},
		Policies: map[string]string{"p.rego": `package gateway

allow := true

meter contains {"name": "open", "on": "running"}

deny contains "one at a time" if input.meters.open.count > 0
`},
	})
	token := g.Token("a")
	free := func(after string) {
		t.Helper()
		g.Until(t, "it still runs after "+after, func() bool { return lab.CallREST(t, g, token, "lab__echo", lab.Text("x")).Code == "" })
	}
	var all sync.WaitGroup
	codes := make(chan string, 100)
	for range 100 {
		all.Go(func() { codes <- lab.CallREST(t, g, token, "lab__wait", lab.Text(after100)).Code })
	}
	<-g.Upstream.Waiting()
	for _, s := range []*lab.Surface{lab.REST, lab.Modern, lab.Legacy, lab.SSE} {
		if a := s.Call(t, g, token, "echo", lab.Text("x")); a.Code != "policy" {
			t.Errorf("%s: beside it: %+v", s.Name, a)
		}
		if a := s.Call(t, g, g.Token("b"), "echo", lab.Text("x")); a.Code != "" {
			t.Errorf("%s: another agent: %+v", s.Name, a)
		}
	}
	all.Wait()
	close(codes)
	got := map[string]int{}
	for code := range codes {
		got[code]++
	}
	if got["upstream_timeout"] != 1 || got["policy"] != 99 || g.Upstream.Executed(after100) != 1 {
		t.Errorf("%v, and %d were executed", got, g.Upstream.Executed(after100))
	}
	free("a timeout")
	gone := lab.Beside(func() int { return raw(t, g, token, "wait", lab.Text("killed")) })
	<-g.Upstream.Waiting()
	if status := raw(t, g, token, "echo", lab.Text("x")); status != http.StatusForbidden {
		t.Errorf("beside it: %d", status)
	}
	g.Kill()
	<-gone
	g.Restart(t)
	free("kill -9")
	g.Upstream.Release()
	if a := lab.CallREST(t, g, token, "lab__wait", lab.Text("released")); a.Code != "" {
		t.Errorf("%+v", a)
	}
	free("an answer")
	g.CheckChain(t, "")
}

const after100 = "of-a-hundred"
