//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/mcp/server"
)

// kept are the methods that a blocked agent is answered on standard input and
// output, where a client whose server is gone does not come back to it. None of
// them says anything of an upstream that the agent may not use.
var kept = map[string]string{
	"initialize":       "or the client gives the server up",
	"server/discover":  "the same, in 2026-07-28",
	"ping":             "a client that gets no answer takes the server for dead",
	"logging/setLevel": "clients send it right after initialize",
}

// target is what a block of kind "tool" names to stop a method.
var target = map[string]string{
	"tools/call": "lab__t", "prompts/get": "lab__p", "completion/complete": "lab__p",
	"resources/read": "toolward://lab/file:///r", "resources/subscribe": "toolward://lab/file:///r", "resources/unsubscribe": "toolward://lab/file:///r",
	"tasks/get": "lab__slow", "tasks/result": "lab__slow", "tasks/cancel": "lab__slow", "tasks/update": "lab__slow",
}

// listed says what each list shows of the target of a block.
var listed = map[string]string{"tools/list": "t", "prompts/list": "p", "resources/list": "file:///r"}

// aWay is one way to send a request of any method.
type aWay struct {
	*lab.RPC
	http, own, opens bool // whether there is a door; the endpoint is the server's own; each request opens a session
}

// Every method that the program answers is refused to who is blocked by every way
// to send it, and so is what is of a blocked server or has a blocked name: with code
// and reason, and without a word to the upstream. What is not refused is in one of
// the tables above.
func TestEveryMethodHeedsBlocks(t *testing.T) {
	u := lab.NewScripted(t, everything)
	g := startEverything(t, u, "package gateway\n\nallow := true\n")
	token := holder(g, "desk")
	by := map[string]*lab.RPC{}
	for _, w := range lab.RPCs {
		by[w.Name] = w
	}
	ways := []aWay{
		{by["session"], true, false, true}, {by["session of one server"], true, true, true},
		{by["session"].Held(t, g, token, "/mcp"), true, false, false}, {by["session of one server"].Held(t, g, token, "/mcp/lab"), true, true, false},
		{by["2026-07-28"], true, false, false}, {by["2026-07-28 of one server"], true, true, false},
		{by["SSE"], true, false, true}, {by["SSE"].OfLatest(), true, false, true},
		{by["stdio"], false, false, false}, {by["stdio"].OfLatest(), false, false, false},
	}
	cells, answered := 0, map[string]bool{}
	for _, w := range ways {
		t.Run(w.Name, func(t *testing.T) {
			taskOf(t, g, w.RPC, token)
			send := func(r aRequest) lab.Answer {
				name := ""
				if r.name != nil {
					name = r.name(w.RPC)
				}
				return w.Send(t, g, token, r.method, name, r.params(w.RPC), nil)
			}
			offered := map[string]bool{}
			for _, r := range requests {
				switch a := send(r); a.Code {
				case "", "error -32602": // from the upstream
					offered[r.method], answered[r.method] = true, true
				case "unsupported":
				default:
					if r.method != "tasks/list" { // on /mcp it is nobody's
						t.Errorf("%s before anything is stopped: %+v", r.method, a)
					}
				}
			}
			for _, b := range stops {
				targets := []string{b.name("desk")}
				if b.kind == "tool" {
					targets = []string{"lab__t", "lab__p", "lab__slow", "toolward://lab/file:///r"}
				}
				for _, name := range targets {
					on := &lab.Surface{DB: w.DB}
					id := block(t, g, on, b.kind, name)
					for _, r := range requests {
						before := len(u.Got(r.method))
						a := send(r)
						cells++
						what := fmt.Sprintf("%s under a block of %s %s", r.method, b.kind, name)
						w.check(t, what, b.kind, name, r.method, a, offered[r.method])
						if a.Code == "blocked" && len(u.Got(r.method)) != before {
							t.Errorf("%s: the upstream got it", what)
						}
					}
					lift(t, g, on, id)
				}
			}
			if a := send(requests[0]); a.Code != "" {
				t.Errorf("after the lifts: %+v", a)
			}
		})
	}
	for _, m := range server.Methods() {
		if !answered[m] {
			t.Errorf("the program answers %s, and nothing here shows that blocks stop it", m)
		}
	}
	t.Logf("%d cells", cells)
	g.CloseStdio(t)
	g.CheckChain(t, "")
	g.CheckChain(t, lab.Stdio.DB)
}

// stops reports whether a block is to stop a method.
func (w aWay) stops(kind, name, method string) bool {
	switch kind {
	case "tool":
		return target[method] == name
	case "server": // a session of its own endpoint does not begin; one that began stays, in silence
		return target[method] != "" || w.own && (kept[method] == "" || method == "initialize" || w.opens)
	}
	return w.http || kept[method] == ""
}

// check holds an answer against what a block is to do.
func (w aWay) check(t *testing.T, what, kind, name, method string, a lab.Answer, offered bool) {
	t.Helper()
	entry := w.Wire("lab", listed[method])
	if method == "resources/list" {
		entry = w.URI("lab", listed[method])
	}
	of := kind == "server" || strings.HasSuffix(name, listed[method])
	stopped := w.stops(kind, name, method)
	switch {
	case !offered && (kind == "tool" || kind == "server"): // it is refused for itself
	case !offered && a.Code == "blocked": // not even that is said
	case stopped != (a.Code == "blocked"), stopped && !strings.Contains(a.Text, stopReason):
		t.Errorf("%s: stopped is to be %v: %+v", what, stopped, a)
	case !stopped && listed[method] != "" && of && strings.Contains(a.Text, `"`+entry+`"`):
		t.Errorf("%s is listed: %s", what, a.Text)
	}
}
