package upstream_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
)

// reachesFor is a guard to which the tools of one name of a server are suspicious while
// there is another's tool.
func reachesFor(server, name, victim string) func([]*gateway.Tool) []string {
	return func(all []*gateway.Tool) []string {
		reasons := make([]string, len(all))
		for _, o := range all {
			for i, tool := range all {
				if o.Wire == victim && tool.Server == server && tool.Name == name {
					reasons[i] = "it reaches for " + victim
				}
			}
		}
		return reasons
	}
}

// When a server's list changes what is judged of another's, agents hear that the other's
// list changed, and it is told as quarantined, once.
func TestVerdictsFollowTheListsOfOthers(t *testing.T) {
	var mu sync.Mutex
	var told []string
	a := server(t, "a", tools(def("reaching"), def("good")), client.Options{})
	b := server(t, "b", tools(def("victim")), client.Options{})
	a.Digest, b.Digest = "1", "1"
	c := start(t, upstream.Options{
		Servers: []upstream.Server{a}, Shadows: reachesFor("a", "reaching", "b__victim"),
		Quarantined: func(_ context.Context, ch gateway.Change) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, ch.Wire+": "+ch.Findings)
		},
	})
	if got := names(c.List(gateway.KindTool, "a")); got != "a__reaching a__good" {
		t.Fatalf("alone: %s", got)
	}
	heard := c.events.count("a", "notifications/tools/list_changed")
	for i, step := range []struct {
		servers []upstream.Server
		listed  string
		heard   int
	}{
		{[]upstream.Server{a, b}, "a__good", 1},
		{[]upstream.Server{a}, "a__reaching a__good", 2},
		{[]upstream.Server{b, a}, "a__good", 3},
	} {
		change, err := c.Prepare(t.Context(), step.servers)
		if err != nil {
			t.Fatal(err)
		}
		change.Apply()
		if got := names(c.List(gateway.KindTool, "a")); got != step.listed {
			t.Errorf("step %d: %s, want %s", i, got, step.listed)
		}
		change.Finish(0)
		change.Wait()
		if got := c.events.count("a", "notifications/tools/list_changed") - heard; got != step.heard {
			t.Errorf("step %d: agents heard %d times, want %d", i, got, step.heard)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(told, ", "); got != "a__reaching: it reaches for b__victim, a__reaching: it reaches for b__victim" {
		t.Errorf("told: %s", got)
	}
}

// What guard thinks of all definitions is asked again when it is guard that changed.
func TestVerdictsFollowGuard(t *testing.T) {
	var strict bool
	var mu sync.Mutex
	c := start(t, upstream.Options{
		Servers: []upstream.Server{server(t, "a", tools(def("reaching")), client.Options{}), server(t, "b", tools(def("victim")), client.Options{})},
		Shadows: func(all []*gateway.Tool) []string {
			mu.Lock()
			defer mu.Unlock()
			if !strict {
				return make([]string, len(all))
			}
			return reachesFor("a", "reaching", "b__victim")(all)
		},
	})
	for _, want := range []string{"a__reaching b__victim", "b__victim", "a__reaching b__victim"} {
		c.Inspect(t.Context())
		if got := names(c.List(gateway.KindTool, "")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		mu.Lock()
		strict = !strict
		mu.Unlock()
	}
}
