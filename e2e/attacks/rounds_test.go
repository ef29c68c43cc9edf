//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// bank is a server of MCP 2026-07-28 whose tool asks whom to pay before it does.
func bank(r lab.Request) string {
	switch r.Method {
	case "initialize":
		return ""
	case "tools/list":
		return `"result":{"resultType":"complete","tools":[{"name":"pay","description":"Pays.","inputSchema":{"type":"object"}}]}`
	case "tools/call":
		var p struct{ InputResponses json.RawMessage }
		_ = json.Unmarshal(r.Params, &p)
		if p.InputResponses == nil {
			return `"result":{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"Pay whom? QUESTION-7","requestedSchema":{"type":"object","properties":{"to":{"type":"string"}}}}}},"requestState":"st-1"}`
		}
		return `"result":{"resultType":"complete","content":[{"type":"text","text":"paid"}]}`
	}
	return ""
}

var paying = []string{`"name":"bank__pay"`, `"arguments":{"amount":7}`}

// TestAnswersToQuestionsAreJudged answers what was asked, what was not, as
// another agent, for another call, and without a rule that lets the server ask.
func TestAnswersToQuestionsAreJudged(t *testing.T) {
	u := lab.NewScripted(t, lab.Stateless(bank))
	start := func(reverse string) *lab.Gateway {
		policies := map[string]string{"all.rego": "package gateway\n\nallow := true\n"}
		if reverse != "" {
			policies["reverse.rego"] = "package reverse.bank\n\n" + reverse + "\n"
		}
		return lab.Start(t, lab.Options{Policies: policies, Config: map[string]any{"upstreams": map[string]any{"bank": u.Config()}}})
	}
	send := func(g *lab.Gateway, token string, params ...string) lab.Answer {
		return lab.RPCs[2].Send(t, g, token, "tools/call", "bank__pay", params, nil)
	}
	answer := func(to, state string) []string {
		return append(paying[:2:2], fmt.Sprintf(`"inputResponses":{"who":{"action":"accept","content":{"to":%q}}}`, to), fmt.Sprintf(`"requestState":%q`, state))
	}
	answered := func() int {
		n := 0
		for _, r := range u.Got("tools/call") {
			if strings.Contains(string(r.Params), "inputResponses") {
				n++
			}
		}
		return n
	}

	t.Run("no rule lets it ask", func(t *testing.T) {
		g := start("")
		if a := send(g, g.Tester(), paying...); a.Code != "policy" || strings.Contains(a.Text, "QUESTION-7") {
			t.Errorf("got %q: %s", a.Code, a.Text)
		}
		if n := g.Count(t, "", "kind = 'elicitation' AND outcome = 'refused'"); n != 1 {
			t.Errorf("%d refused questions on record", n)
		}
		g.Stop(t)
	})

	t.Run("a rule judges the answer", func(t *testing.T) {
		g := start("allow if input.call.kind == \"elicitation\"\n\ndeny contains \"not to eve\" if input.result.content.to == \"eve\"")
		a := send(g, g.Tester(), paying...)
		state, _ := a.Result()["requestState"].(string)
		if a.Code != "" || !strings.Contains(a.Text, "QUESTION-7") || state == "" || strings.Contains(state, "st-1") {
			t.Fatalf("the question did not arrive: %+v", a)
		}
		before := answered()
		for name, params := range map[string][]string{
			"answer without a question":    append(paying[:2:2], `"inputResponses":{"who":{"action":"accept","content":{"to":"bob"}}}`),
			"the upstream's own state":     answer("bob", "st-1"),
			"answer to another question":   append(paying[:2:2], `"inputResponses":{"who":{"action":"accept"},"other":{"action":"accept"}}`, fmt.Sprintf(`"requestState":%q`, state)),
			"other arguments":              append([]string{`"name":"bank__pay"`, `"arguments":{"amount":8}`}, answer("bob", state)[2:]...),
			"an answer that is no object":  append(paying[:2:2], `"inputResponses":{"who":"bob"}`, fmt.Sprintf(`"requestState":%q`, state)),
			"an answer that policy denies": answer("eve", state),
		} {
			if a := send(g, g.Tester(), params...); a.Code == "" {
				t.Errorf("%s: %s", name, a.Text)
			}
		}
		if a := send(g, g.Token("mallory", "tester"), answer("bob", state)...); a.Code == "" {
			t.Errorf("another agent answered: %s", a.Text)
		}
		if n := answered(); n != before {
			t.Fatalf("%d of them reached the upstream", n-before)
		}
		if a := send(g, g.Tester(), answer("bob", state)...); a.Code != "" || !strings.Contains(a.Text, "paid") {
			t.Errorf("the answer was refused: %+v", a)
		}
		if got := u.Got("tools/call"); !strings.Contains(string(got[len(got)-1].Params), `"requestState":"st-1"`) {
			t.Errorf("the upstream got %s", got[len(got)-1].Params)
		}
		if n := g.Count(t, "", `method = 'tools/call' AND outcome = 'ok' AND beside LIKE '%"to":"bob"%'`); n != 1 {
			t.Errorf("%d calls with the answer on record", n)
		}
		if n := g.Count(t, "", `kind = 'elicitation' AND outcome = 'ok' AND args LIKE '%QUESTION-7%' AND result LIKE '%"to":"bob"%' AND parent IS NOT NULL`); n != 1 {
			t.Errorf("%d answers on record", n)
		}
		g.Stop(t)
	})
}

// TestApproverSeesTheAnswer approves a call with an answer: what is shown and
// what the consent is bound to hold the answer and _meta.
func TestApproverSeesTheAnswer(t *testing.T) {
	u := lab.NewScripted(t, lab.Stateless(bank))
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{
			"all.rego":     "package gateway\n\napprove contains \"money\" if input.call.answers\n\nallow := true\n",
			"reverse.rego": "package reverse.bank\n\nallow := true\n",
		},
		Config: map[string]any{"upstreams": map[string]any{"bank": u.Config()}, "approvals": map[string]any{"wait": "0s"}},
	})
	send := func(meta string, params ...string) lab.Answer {
		return lab.RPCs[2].Send(t, g, g.Tester(), "tools/call", "bank__pay", params, nonEmpty(meta))
	}
	state, _ := send("", paying...).Result()["requestState"].(string)
	answer := func(to string) []string {
		return append(paying[:2:2], fmt.Sprintf(`"inputResponses":{"who":{"action":"accept","content":{"to":%q}}}`, to), fmt.Sprintf(`"requestState":%q`, state))
	}
	a := send(`"com.example/note":"NOTE-9","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`, answer("bob")...)
	if a.Code != "approval_pending" {
		t.Fatalf("got %+v", a)
	}
	_, list := g.Run(t, "approvals", "list", "--config", "toolward.yaml", "--output", "json")
	var open []struct{ ID string }
	if err := json.Unmarshal([]byte(list), &open); err != nil || len(open) != 1 {
		t.Fatalf("%v in %s", err, list)
	}
	if _, shown := g.Run(t, "approvals", "show", open[0].ID, "--config", "toolward.yaml"); !strings.Contains(shown, `"bob"`) || !strings.Contains(shown, "NOTE-9") {
		t.Errorf("the approver is shown %s", shown)
	}
	if code, out := g.Run(t, "approvals", "approve", open[0].ID, "--config", "toolward.yaml"); code != 0 {
		t.Fatal(out)
	}
	for name, a := range map[string]lab.Answer{
		"another answer": send(`"com.example/note":"NOTE-9"`, answer("eve")...),
		"another _meta":  send(`"com.example/note":"NOTE-10"`, answer("bob")...),
		"less of it":     send("", answer("bob")...),
	} {
		if a.Code != "approval_pending" {
			t.Errorf("%s ran on the consent: %+v", name, a)
		}
	}
	if a := send(`"com.example/note":"NOTE-9","traceparent":"00-0af7651916cd43dd8448eb211c80319c-aaaaaaaaaaaaaaaa-01"`, answer("bob")...); a.Code != "" {
		t.Errorf("the same call was refused: %+v", a)
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
