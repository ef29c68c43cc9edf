//go:build e2e

package attacks

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// A server that asks outside of all calls reaches no agent that is blocked, and
// none while it is blocked itself: it reads that somebody stopped it, the record has
// why, and the agent that stays connected hears nothing. What it asked before is
// withdrawn.
func TestQuestionsOutsideOfCallsHeedBlocks(t *testing.T) {
	var mu sync.Mutex
	var asides []func(string) // those that all share, of the two gateways, and the session's own
	u := lab.NewScripted(t, everything)
	u.Aside = func(send func(string), gone <-chan struct{}) {
		mu.Lock()
		asides = append(asides, send)
		mu.Unlock()
		<-gone
	}
	config := u.Config()
	config["isolate"] = "session"
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n", "reverse.rego": "package reverse.lab\n\nallow := true\n"},
		Config:   map[string]any{"upstreams": map[string]any{"lab": config}},
	})
	token, w := holder(g, "desk"), lab.RPCs[5]
	call := func() lab.Answer {
		return w.Send(t, g, token, "tools/call", "", []string{`"name":"lab__t"`}, nil)
	}
	if a := w.Send(t, g, token, "initialize", "", []string{`"protocolVersion":"2025-06-18"`, lab.Answering}, nil); a.Code != "" {
		t.Fatalf("%+v", a)
	}
	if a := call(); a.Code != "" { // from here on the session has a connection of its own
		t.Fatalf("%+v", a)
	}
	g.Until(t, "no connection of the session's own", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(asides) == 3
	})
	n := 0
	ask := func(method, params string) (id string) {
		n++
		id = fmt.Sprintf("aside-%d", n)
		asides[2](fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":%q,"params":%s}`, id, method, params))
		return id
	}
	answered := func(id string) (body string) {
		t.Helper()
		g.Until(t, "no answer to "+id, func() bool {
			got := u.Got("")
			i := slices.IndexFunc(got, func(r lab.Request) bool { return string(r.ID) == `"`+id+`"` })
			if i >= 0 {
				body = string(got[i].Body)
			}
			return i >= 0
		})
		return body
	}
	questions := map[string]string{
		"roots/list":             `{}`,
		"elicitation/create":     `{"message":"Who?","requestedSchema":{"type":"object","properties":{"to":{"type":"string"}}}}`,
		"sampling/createMessage": `{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}`,
	}
	cells := 0
	for _, b := range stops {
		if b.kind == "tool" {
			continue // it is no tool's
		}
		for method, params := range questions {
			t.Run(b.kind+"/"+method, func(t *testing.T) {
				cells++
				open := ask(method, params)
				for line := ""; !strings.Contains(line, `"`+method+`"`); {
					line = g.StdioLine(t)
				}
				id := block(t, g, lab.Stdio, b.kind, b.name("desk"))
				for what, question := range map[string]string{"asked before": open, "asked under the block": ask(method, params)} {
					// Why, and who it is, is not the server's to know.
					if got := answered(question); !strings.Contains(got, "operator") || strings.Contains(got, stopReason) || strings.Contains(got, "desk") {
						t.Errorf("%s: the server reads %s", what, got)
					}
				}
				if a := call(); a.Code != "blocked" { // the next message that is no notification: no question has come
					t.Errorf("got %+v", a)
				}
				if n := len(g.Rows(t, w.DB, "SELECT 1 FROM calls WHERE method = '"+method+"' AND code = 'blocked' AND agent = 'desk'")); n == 0 {
					t.Error("not on record")
				}
				lift(t, g, lab.Stdio, id)
			})
		}
	}
	t.Logf("%d cells", cells)
	g.CloseStdio(t)
	g.CheckChain(t, lab.Stdio.DB)
}
