//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestAValueForgottenWhileAPersonIsAsked gives a server's name to another, or takes it
// away, while a person looks at a call that carries a value of it. The person approves,
// and nothing is sent to anybody.
func TestAValueForgottenWhileAPersonIsAsked(t *testing.T) {
	for name, edit := range map[string]func(upstreams map[string]any, other *lab.Scripted){
		"its name is another's": func(upstreams map[string]any, other *lab.Scripted) { upstreams["lab"] = other.Config() },
		"it is gone":            func(upstreams map[string]any, _ *lab.Scripted) { delete(upstreams, "lab") },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeepers(t, revealing)
			token := k.g.Tester()
			p := k.read(t, token, "lab")
			answered := lab.Beside(func() lab.Answer { return lab.CallREST(t, k.g, token, "lab__write", `{"ask":`+quoted(p)+`}`) })
			id := k.g.Waiting(t)
			k.g.Edit(t, func(c map[string]any) { edit(c["upstreams"].(map[string]any), k.other) })
			if a := k.g.Reload(t); a.Detail != "" {
				t.Fatal(a.Detail)
			}
			if code, out := k.g.Run(t, "approvals", "approve", id, "--config", "toolward.yaml"); code != 0 {
				t.Log(out) // what it was about may be gone with the server
			}
			if a := <-answered; a.Code == "" || strings.Contains(a.Text, keptPassword) {
				t.Errorf("%q: %s", a.Code, a.Text)
			}
			k.silent(t, p)
			k.recordIsClean(t)
			k.g.CheckChain(t, "")
		})
	}
}

// TestQuestionsShowPlaceholders has a server ask with its password in the message, the
// title and the default of a form: the agent is shown one placeholder, which it can carry back to
// that server, and not into its answer.
func TestQuestionsShowPlaceholders(t *testing.T) {
	for where, question := range map[string]string{
		"the message": `"message":"password: %s","requestedSchema":{"type":"object","properties":{"to":{"type":"string"}}}`,
		"a title":     `"message":"Pay whom?","requestedSchema":{"type":"object","properties":{"to":{"type":"string","title":"password: %s"}}}`,
		"a text":      `"message":"Pay whom?","requestedSchema":{"type":"object","properties":{"to":{"type":"string","description":"password: %s"}}}`,
	} {
		t.Run(where, func(t *testing.T) {
			asks := fmt.Sprintf(question, keptPassword)
			u := lab.NewScripted(t, lab.Stateless(func(r lab.Request) string {
				if r.Method == "tools/call" && strings.Contains(string(r.Params), `"pay"`) && !strings.Contains(string(r.Params), "inputResponses") {
					return `"result":{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{` + asks + `}}},"requestState":"st-1"}`
				}
				if r.Method == "tools/list" {
					return `"result":{"resultType":"complete","tools":[{"name":"pay","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}}]}`
				}
				if r.Method == "tools/call" {
					return `"result":{"resultType":"complete","content":[]}`
				}
				return ""
			}))
			g := lab.Start(t, lab.Options{
				Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n", "reverse.rego": "package reverse.bank\n\nallow := true\n"},
				Config:   map[string]any{"upstreams": map[string]any{"bank": u.Config()}},
			})
			token := g.Tester()
			a := lab.RPCs[2].Send(t, g, token, "tools/call", "bank__pay", paying, nil)
			p := placeholderIn.FindString(a.Text)
			state, _ := a.Result()["requestState"].(string)
			if p == "" || state == "" || strings.Contains(a.Text, keptPassword) {
				t.Fatalf("asked %s", a.Text)
			}
			params := append(paying[:2:2], fmt.Sprintf(`"inputResponses":{"who":{"action":"accept","content":{"to":%q}}}`, p), fmt.Sprintf(`"requestState":%q`, state))
			if a := lab.RPCs[2].Send(t, g, token, "tools/call", "bank__pay", params, nil); a.Code != "placeholder" {
				t.Errorf("in the answer: %q: %s", a.Code, a.Text)
			}
			if strings.Contains(u.All(), keptPassword) {
				t.Error("the answer became the value")
			}
			b := lab.CallREST(t, g, token, "bank__write", `{"text":`+quoted(p)+`}`)
			if b.Code != "" || !strings.Contains(u.All(), `{"text":"`+keptPassword+`"}`) {
				t.Errorf("carried back: %q: %s", b.Code, b.Text)
			}
			g.CheckChain(t, "")
		})
	}
}
