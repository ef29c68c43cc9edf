//go:build e2e

package attacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// underWay is what a call does while its upstream takes its time. The method says
// what it needs (requests) and what a block of kind "tool" names (target).
var underWay = []struct{ name, method, says, asks string }{
	{"prompt", "prompts/get", "", ""},
	{"resource", "resources/read", "", ""},
	{"subscription", "resources/subscribe", "", ""},
	{"completion", "completion/complete", "", ""},
	{"task", "tasks/get", "", ""},
	{"result of a task", "tasks/result", "", ""},
	{"end of a task", "tasks/cancel", "", ""},
	{"tool", "tools/call", "", ""},
	{"tool that streams", "tools/call", `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"working"}}`, ""},
	{"tool that asks a person", "tools/call", `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{"to":{"type":"string"}}}}}`, "elicitation"},
	{"tool that asks the model", "tools/call", `{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}}`, "sampling"},
	{"tool that asks for roots", "tools/call", `{"jsonrpc":"2.0","id":"q","method":"roots/list"}`, "roots"},
}

// patient is an upstream on which every call waits until it is given up.
type patient struct {
	*lab.Scripted
	waiting, left chan string // methods
}

func newPatient(t *testing.T) *patient {
	p := &patient{waiting: make(chan string), left: make(chan string, 8)}
	p.Scripted = lab.NewScripted(t, everything)
	p.Flows = map[string]lab.Flow{}
	for _, c := range underWay {
		p.Flows[c.method] = func(r lab.Request, send func(string), gone <-chan struct{}) string {
			if strings.Contains(string(r.Params), `"slow"`) {
				return everything(r) // it makes the task
			}
			for _, said := range underWay {
				if said.says != "" && strings.Contains(string(r.Params), `"`+said.name+`"`) {
					send(said.says)
				}
			}
			p.waiting <- r.Method
			<-gone
			p.left <- r.Method
			return ""
		}
	}
	return p
}

// A call under way ends with a block of whatever it is by or of, by every way: the
// upstream is left, the agent and the record have code and reason, and a question
// that nobody answered yet ends with its call.
func TestBlocksEndWhatIsUnderWay(t *testing.T) {
	u := newPatient(t)
	config := u.Config()
	config["timeout"] = "30s"
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n", "reverse.rego": "package reverse.lab\n\nallow := true\n"},
		Config:   map[string]any{"upstreams": map[string]any{"lab": config}},
	})
	token := holder(g, "desk")
	cells := 0
	ways := append(slices.Clone(lab.RPCs), lab.RPCs[0].Held(t, g, token, "/mcp"), lab.RPCs[1].Held(t, g, token, "/mcp/lab"), lab.RPCs[5].OfLatest())
	for _, w := range ways {
		t.Run(w.Name, func(t *testing.T) {
			taskOf(t, g, w, token)
			latest, held := strings.Contains(w.Name, "2026-07-28"), strings.HasPrefix(w.Name, "held")
			if w.DB != "" && !latest {
				w.Send(t, g, token, "initialize", "", []string{`"protocolVersion":"2025-06-18"`, lab.Answering}, nil)
			}
			for _, c := range underWay {
				if strings.HasSuffix(c.method, "subscribe") && latest || c.asks != "" && !latest && !held && w.DB == "" {
					continue // there is no such method; nobody can be asked
				}
				for _, b := range stops {
					if (b.kind == "token" || b.kind == "session") && c.name != "tool" {
						continue // as the agent
					}
					cells++
					name := b.name("desk")
					if b.kind == "tool" {
						name = target[c.method]
					}
					way{t, g, w, token, u}.stop(c.method, c.name, c.asks, b.kind, name)
				}
			}
		})
	}
	t.Logf("%d cells", cells)
	g.CloseStdio(t)
	g.CheckChain(t, "")
	g.CheckChain(t, lab.Stdio.DB)
}

type way struct {
	*testing.T
	g     *lab.Gateway
	w     *lab.RPC
	token string
	u     *patient
}

// stop begins a call, stops it, and looks at what became of it.
func (w way) stop(method, does, asks, kind, name string) {
	t := w.T
	t.Helper()
	what := fmt.Sprintf("%s, %s under a block of %s", w.w.Name, does, kind)
	r := requests[slices.IndexFunc(requests, func(r aRequest) bool { return r.method == method })]
	params, called := r.params(w.w), ""
	if r.name != nil {
		called = r.name(w.w)
	}
	if method == "tools/call" {
		params = append(params, fmt.Sprintf(`"arguments":{"do":%q}`, does))
	}
	send := func(more ...string) lab.Answer {
		return w.w.Send(t, w.g, w.token, method, called, append(params, more...), nil)
	}
	answer := make(chan lab.Answer, 1)
	asked := w.questions(asks)
	go func() { answer <- send() }()
	select {
	case <-w.u.waiting:
	case a := <-answer:
		if asks == "" || w.w.DB == "" {
			t.Fatalf("%s: before the block: %+v", what, a)
		}
		<-w.u.waiting
		answer <- a // the question, on the line before
	}
	if asks != "" {
		w.g.Until(t, what+": nothing is asked", func() bool { return w.questions(asks) > asked })
	}
	parked := asks != "" && strings.Contains(w.w.Name, "2026-07-28")
	state := ""
	if parked {
		state, _ = (<-answer).Result()["requestState"].(string)
	}
	on := &lab.Surface{DB: w.w.DB}
	id := block(t, w.g, on, kind, name)
	if got := <-w.u.left; got != method {
		t.Errorf("%s: the upstream was left by %s", what, got)
	}
	var a lab.Answer
	switch {
	case parked:
		a = send(`"inputResponses":{"gw-1":{"action":"accept"}}`, fmt.Sprintf(`"requestState":%q`, state))
	default:
		for a = <-answer; w.w.DB != "" && !strings.Contains(a.Text, `"id":2,`); { // a question, and that it is withdrawn
			a.Text = w.g.StdioLine(t)
		}
	}
	if !strings.Contains(a.Text, `"blocked"`) || !strings.Contains(a.Text, stopReason) {
		t.Errorf("%s: got %s", what, a.Text)
	}
	w.recorded(what, method, asks)
	lift(t, w.g, on, id)
}

// questions is how many questions of a kind are on record.
func (w way) questions(kind string) int {
	if kind == "" {
		return 0
	}
	n, _ := w.g.Rows(w.T, w.w.DB, fmt.Sprintf("SELECT count(*) AS n FROM events WHERE type = 'call.attempt' AND kind = '%s'", kind))[0]["n"].(float64)
	return int(n)
}

// recorded looks at the last attempt of a method, and at what it asked.
func (w way) recorded(what, method, asks string) {
	w.Helper()
	for _, of := range []string{"method = '" + method + "'", "kind = '" + asks + "'"} {
		if of == "kind = ''" {
			continue
		}
		query := "SELECT outcome, code, reasons FROM calls WHERE " + of + " AND id IN (SELECT call FROM events WHERE type = 'call.attempt') ORDER BY seq DESC LIMIT 1"
		row := w.g.Rows(w.T, w.w.DB, query)[0]
		if row["code"] != "blocked" || !strings.Contains(fmt.Sprint(row["reasons"]), stopReason) {
			w.Errorf("%s: on record: %v", what, row)
		}
	}
}

// Between the rounds of a call nothing is under way; the answers that a block meets
// do not reach the server, and
// after the lift the same answers go on with the call.
func TestRoundsOfACallHeedBlocks(t *testing.T) {
	u := lab.NewScripted(t, lab.Stateless(bank))
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n", "reverse.rego": "package reverse.bank\n\nallow := true\n"},
		Config:   map[string]any{"upstreams": map[string]any{"bank": u.Config()}},
	})
	token := holder(g, "desk")
	for _, w := range []*lab.RPC{lab.RPCs[2], lab.RPCs[5].OfLatest()} {
		for _, b := range stops {
			t.Run(w.Name+"/"+b.kind, func(t *testing.T) {
				send := func(more ...string) lab.Answer {
					return w.Send(t, g, token, "tools/call", "bank__pay", append(slices.Clone(paying), more...), nil)
				}
				asked := send()
				state, _ := asked.Result()["requestState"].(string)
				if state == "" {
					t.Fatalf("nothing is asked: %+v", asked)
				}
				answers := []string{`"inputResponses":{"who":{"action":"accept","content":{"to":"bob"}}}`, fmt.Sprintf(`"requestState":%q`, state)}
				name := map[string]string{"tool": "bank__pay", "server": "bank"}[b.kind]
				if name == "" {
					name = b.name("desk")
				}
				on, before := &lab.Surface{DB: w.DB}, len(u.Got("tools/call"))
				id := block(t, g, on, b.kind, name)
				if a := send(answers...); a.Code != "blocked" || !strings.Contains(a.Text, stopReason) {
					t.Errorf("the answers: %+v", a)
				}
				if n := len(u.Got("tools/call")); n != before {
					t.Errorf("%d calls reached the server", n-before)
				}
				lift(t, g, on, id)
				if a := send(answers...); a.Code != "" || !strings.Contains(a.Text, "paid") {
					t.Errorf("after the lift: %+v", a)
				}
			})
		}
	}
	g.CloseStdio(t)
}
