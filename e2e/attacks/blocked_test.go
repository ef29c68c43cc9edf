//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// stops are the blocks of each kind, with the names of an agent whose jti and sid
// are its own. door: its lists are refused too, instead of having less in them.
var stops = []struct {
	kind string
	name func(agent string) string
	door bool
}{
	{"agent", func(agent string) string { return agent }, true},
	{"token", func(agent string) string { return "jti-" + agent }, true},
	{"session", func(agent string) string { return "sid-" + agent }, true},
	{"tool", func(string) string { return "lab__wait" }, false},
	{"server", func(string) string { return "lab" }, false},
	{"all", func(string) string { return "" }, true},
}

const stopReason = "incident 4711"

// holder is a token of an agent, with a jti and a sid.
func holder(g *lab.Gateway, agent string) string {
	return g.Issuer.Sign(g.Issuer.Claims(agent, lab.Audience, map[string]any{
		"roles": []string{"tester"}, "jti": "jti-" + agent, "sid": "sid-" + agent}))
}

// operator asks the operators' API of the process that serves a surface: stdio is
// one of its own.
func operator(t *testing.T, g *lab.Gateway, s *lab.Surface, path, body string) string {
	t.Helper()
	db := s.DB
	if db == "" {
		db = "toolward.db"
	}
	raw, err := os.ReadFile(filepath.Join(g.Dir, db+".operator"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ URL, Token string }
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	var a lab.Answer
	g.Until(t, "too many operations", func() bool {
		a = lab.Do(t, lab.NewRequest(t, c.URL+"/v1/admin/"+path, c.Token, strings.NewReader(body)))
		return a.Status != http.StatusTooManyRequests
	})
	if a.Status != http.StatusOK {
		t.Fatalf("%s: %+v", path, a)
	}
	return a.Text
}

// block adds a block and returns its ID.
func block(t *testing.T, g *lab.Gateway, s *lab.Surface, kind, name string) (id string) {
	t.Helper()
	var b struct{ ID string }
	said := operator(t, g, s, "blocks", fmt.Sprintf(`{"kind":%q,"name":%q,"reason":%q}`, kind, name, stopReason))
	if err := json.Unmarshal([]byte(said), &b); err != nil || b.ID == "" {
		t.Fatalf("no block: %s", said)
	}
	return b.ID
}

func lift(t *testing.T, g *lab.Gateway, s *lab.Surface, id string) {
	t.Helper()
	operator(t, g, s, "blocks/"+id+"/lift", `{"reason":"over"}`)
}

// Whoever is stopped is stopped on every surface: the call under way is cancelled at
// the upstream and answered as blocked, the next one does not reach it, lists leave
// out what is blocked, nobody else is hit, and once it is lifted all works.
func TestEveryBlockOnEverySurface(t *testing.T) {
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{"lab": map[string]any{"url": u.URL(), "timeout": "30s"}}}})
	for i, s := range lab.Surfaces {
		t.Run(s.Name, func(t *testing.T) {
			for _, b := range stops {
				t.Run(b.kind, func(t *testing.T) {
					agent := fmt.Sprintf("%s-%d", b.kind, i)
					token := holder(g, agent)
					refused := func(what string, a lab.Answer) {
						t.Helper()
						if a.Code != "blocked" || !strings.Contains(a.Text, stopReason) {
							t.Errorf("%s: got %+v, want it blocked with the reason", what, a)
						}
					}
					marker := lab.Marker()
					under := lab.Beside(func() lab.Answer { return s.Call(t, g, token, "wait", lab.Text(marker)) })
					select {
					case got := <-u.Waiting():
						if got != marker {
							t.Fatalf("the upstream waits with %q", got)
						}
					case a := <-under:
						t.Fatalf("before anything is stopped: %+v", a)
					}
					id := block(t, g, s, b.kind, b.name(agent))
					refused("the call under way", <-under)
					if got := <-u.Left(); got != marker {
						t.Errorf("the upstream was left by %q", got)
					}
					next := lab.Marker()
					refused("the next call", s.Call(t, g, token, "wait", lab.Text(next)))
					if n := u.Executed(next); n != 0 {
						t.Errorf("the next call was executed %d times", n)
					}
					if !b.door && !(b.kind == "server" && strings.Contains(s.Name, "of one server")) { // where no session begins, nothing is listed
						if names := s.List(t, g, token); slices.Contains(names, "wait") || b.kind == "server" && len(names) > 0 {
							t.Errorf("listed: %q", names)
						}
					}
					if s.DB == "" { // a stdio is one agent's
						if a := s.Call(t, g, holder(g, "other"), "echo", lab.Text("x")); (a.Code == "") != (b.kind != "all" && b.kind != "server") {
							t.Errorf("somebody else got %+v", a)
						}
					}
					lift(t, g, s, id)
					if a := s.Call(t, g, token, "echo", lab.Text("x")); a.Code != "" {
						t.Errorf("after the lift: %+v", a)
					}
					if names := s.List(t, g, token); !slices.Contains(names, "wait") {
						t.Errorf("after the lift is listed: %q", names)
					}
				})
			}
			if s.DB != "" {
				g.CloseStdio(t)
			}
			g.CheckChain(t, s.DB)
		})
	}
	g.CheckAlive(t)
}

// What is stopped stays so after kill -9, what was lifted stays lifted, one kind at
// a time and all together, on every surface.
func TestBlocksHoldAfterKill(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	check := func(what, agent, tool, want string) {
		t.Helper()
		for _, s := range lab.Surfaces {
			if s.DB != "" {
				continue // its record is its own
			}
			if a := s.Call(t, g, holder(g, agent), tool, lab.Text("x")); a.Code != want {
				t.Errorf("%s, %s: got %+v, want %q", s.Name, what, a, want)
			}
		}
	}
	again := func() {
		g.Kill()
		g.Restart(t)
	}
	var ids []string
	for _, b := range stops[:3] {
		ids = append(ids, block(t, g, lab.REST, b.kind, b.name("held-"+b.kind)))
	}
	again()
	for _, b := range stops[:3] {
		check(b.kind, "held-"+b.kind, "echo", "blocked")
	}
	check("who is not stopped", "free", "echo", "")
	for _, b := range stops[3:] {
		id := block(t, g, lab.REST, b.kind, b.name(""))
		again()
		check(b.kind, "free", "wait", "blocked")
		lift(t, g, lab.REST, id)
	}
	for _, id := range ids {
		lift(t, g, lab.REST, id)
	}
	again()
	for _, b := range stops[:3] {
		check(b.kind+", lifted", "held-"+b.kind, "echo", "")
	}
	g.CheckAlive(t)
}

// `toolward stdio` is killed and started anew under a block of its agent.
func TestBlockOfAStdioHoldsAfterKill(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	token := holder(g, "desk")
	call := func() lab.Answer { return lab.Stdio.Call(t, g, token, "echo", lab.Text("x")) }
	if a := call(); a.Code != "" {
		t.Fatalf("before: %+v", a)
	}
	id := block(t, g, lab.Stdio, "agent", "desk")
	g.KillStdio()
	if a := call(); a.Code != "blocked" || !strings.Contains(a.Text, stopReason) {
		t.Errorf("after kill -9: %+v", a)
	}
	lift(t, g, lab.Stdio, id)
	if a := call(); a.Code != "" {
		t.Errorf("after the lift, in the same process: %+v", a)
	}
	g.KillStdio()
	if a := call(); a.Code != "" {
		t.Errorf("lifted, after kill -9: %+v", a)
	}
	g.CloseStdio(t)
	g.CheckChain(t, lab.Stdio.DB)
}
