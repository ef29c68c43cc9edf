//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// teller is a server that says what it is told to.
func teller(t *testing.T, say *atomic.Value) *lab.Scripted {
	return lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}},{"name":"asked","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			if strings.Contains(string(r.Params), `"read"`) {
				return `"result":{"content":[{"type":"text","text":` + quoted(say.Load().(string)) + `}]}`
			}
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		}
		return ""
	})
}

// TestTextOfServersIsNoPlaceholder has a server say what looks like a placeholder: of
// nobody, of the agent's own, cut and re-cased. The agent carries it back as it was.
func TestTextOfServersIsNoPlaceholder(t *testing.T) {
	var say atomic.Value
	u := teller(t, &say)
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": u.Config()}}})
	token := g.Tester()
	say.Store("password: " + keptPassword)
	own := placeholderIn.FindString(lab.CallREST(t, g, token, "lab__read", `{}`).Text)
	for _, text := range []string{
		"[redacted secret.password 000000000000]", own, strings.ToUpper(own), own[:len(own)-6], "[redacted secret.password]",
		"redacted%20secret.password%20000000000000", "see [redacted pii.card 000000000000] and [REDACTED secret.x]",
	} {
		t.Run(text, func(t *testing.T) {
			say.Store("<" + text + ">")
			a := lab.CallREST(t, g, token, "lab__read", `{}`)
			var result struct{ Content []struct{ Text string } }
			if err := json.Unmarshal([]byte(a.Text), &result); err != nil || len(result.Content) != 1 {
				t.Fatal(a.Text)
			}
			said := result.Content[0].Text
			if strings.Contains(said, text) || !strings.Contains(said, "[redacted text.placeholder ") {
				t.Fatalf("the agent is shown %s", said)
			}
			if a := lab.CallREST(t, g, token, "lab__write", lab.Text(said)); a.Code != "" {
				t.Fatalf("carried back: %q: %s", a.Code, a.Text)
			}
			calls := u.Got("tools/call")
			if got := string(calls[len(calls)-1].Params); !strings.Contains(got, quoted("<"+text+">")) && !strings.Contains(got, `"<`+text+`>"`) {
				t.Errorf("the server got %s", got)
			}
		})
	}
	if strings.Contains(u.All(), keptPassword) {
		t.Error("what a server said became a value")
	}
}

// TestWhatPolicyTookOutIsNotWrittenBack reads a record of which a rule takes a member
// out, and writes it back whole.
func TestWhatPolicyTookOutIsNotWrittenBack(t *testing.T) {
	answer := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[],"structuredContent":{"name":"Ann","salary":70000}}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": lab.AllowTesters, "lab.rego": "package servers.lab\n\nredact contains \"result.structuredContent.salary\" if input.tool.name == \"read\"\n"},
		Config:   map[string]any{"upstreams": map[string]any{"lab": answer.Config(), "other": answer.Config()}},
	})
	token := g.Tester()
	const whole = `{"name":"Ann B","salary":"[redacted]"}`
	if a := lab.CallREST(t, g, token, "lab__write", whole); a.Code != "" {
		t.Errorf("before anything was taken out: %q", a.Code)
	}
	if a := lab.CallREST(t, g, token, "lab__read", `{}`); strings.Contains(a.Text, "70000") || !strings.Contains(a.Text, `"salary":"[redacted]"`) {
		t.Fatalf("read: %s", a.Text)
	}
	before := len(answer.Got("tools/call"))
	if a := lab.CallREST(t, g, token, "lab__write", whole); a.Code != "placeholder" || len(answer.Got("tools/call")) != before {
		t.Errorf("written back: %q: %s", a.Code, a.Text)
	}
	for name, a := range map[string]lab.Answer{
		"the rest":       lab.CallREST(t, g, token, "lab__write", `{"name":"Ann B"}`),
		"another server": lab.CallREST(t, g, token, "other__write", whole),
		"another agent":  lab.CallREST(t, g, g.Token("bob", "tester"), "lab__write", whole),
	} {
		if a.Code != "" {
			t.Errorf("%s: %q: %s", name, a.Code, a.Text)
		}
	}
}

// TestAnswersToServersCarryNothing puts a placeholder into the answer to what a server
// asks in a result.
func TestAnswersToServersCarryNothing(t *testing.T) {
	u, own := lab.NewScripted(t, lab.Stateless(bank)), keeper(t)
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n", "reverse.rego": "package reverse.bank\n\nallow := true\n"},
		Config:   map[string]any{"upstreams": map[string]any{"bank": u.Config(), "lab": own.Config()}},
	})
	token := g.Tester()
	p := (&keepers{g: g}).read(t, token, "lab")
	a := lab.RPCs[2].Send(t, g, token, "tools/call", "bank__pay", paying, nil)
	state, _ := a.Result()["requestState"].(string)
	if state == "" {
		t.Fatalf("no question: %+v", a)
	}
	for name, to := range map[string]string{"whole": p, "in pieces": "secret.password " + p[len(p)-13:]} {
		params := append(paying[:2:2], fmt.Sprintf(`"inputResponses":{"who":{"action":"accept","content":{"to":%q}}}`, to), fmt.Sprintf(`"requestState":%q`, state))
		if a := lab.RPCs[2].Send(t, g, token, "tools/call", "bank__pay", params, nil); a.Code != "placeholder" {
			t.Errorf("%s: %q: %s", name, a.Code, a.Text)
		}
	}
	if all := u.All(); strings.Contains(all, "edacted") || strings.Contains(all, keptPassword) || strings.Contains(all, p[len(p)-13:len(p)-1]) {
		t.Errorf("the server was told %s", all)
	}
}
