//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// leaky is a private tool whose every way to speak says the same.
const leaked = "CONFIDENTIAL-4711"

func leaky(r lab.Request) string {
	text := `{"content":[{"type":"text","text":"` + leaked + `"}]}`
	switch r.Method {
	case "tools/call":
		if strings.Contains(string(r.Params), `"ttl"`) {
			return `"result":{"task":{"taskId":"task-1","status":"working"}}`
		}
		if strings.Contains(string(r.Params), `"fail"`) {
			return `"error":{"code":-32000,"message":"` + leaked + `","data":{"x":"` + leaked + `"}}`
		}
		return `"result":` + text
	case "tasks/result":
		return `"result":` + text
	case "tasks/get", "tasks/cancel":
		return `"result":{"taskId":"task-1","status":"working","statusMessage":"` + leaked + `"}`
	case "tasks/list":
		return `"result":{"tasks":[{"taskId":"task-1","status":"working","statusMessage":"` + leaked + `","x":"` + leaked + `"}]}`
	}
	return everything(r)
}

// speaking calls the tool in a session and returns all that the agent read.
func speaking(note string) lab.Flow {
	return func(r lab.Request, send func(string), _ <-chan struct{}) string {
		if !strings.Contains(string(r.Params), `"speak"`) {
			return leaky(r)
		}
		send(strings.ReplaceAll(note, "$token", string(r.ID)))
		return `"result":{"content":[{"type":"text","text":"nothing"}]}`
	}
}

// TestRulesOfTheToolHoldOnEveryRoad lets a tool say something confidential on
// every road to the agent, under each kind of rule that the tool's own package
// can have: it is withheld, redacted, or the session is labelled.
func TestRulesOfTheToolHoldOnEveryRoad(t *testing.T) {
	const allow = "package tools.lab.t\n\nallow := true\n\n"
	roads := map[string]struct {
		method string
		params []string
		note   string
	}{
		"result":       {"tools/call", []string{`"name":"lab__t"`}, ""},
		"error":        {"tools/call", []string{`"name":"lab__t"`, `"arguments":{"fail":1}`}, ""},
		"tasks/result": {"tasks/result", []string{`"taskId":"task-1"`}, ""},
		"tasks/get":    {"tasks/get", []string{`"taskId":"task-1"`}, ""},
		"tasks/cancel": {"tasks/cancel", []string{`"taskId":"task-1"`}, ""},
		"progress":     {"tools/call", []string{`"name":"lab__t"`, `"arguments":{"speak":1}`, `"_meta":{"progressToken":7}`}, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":$token,"progress":1,"message":"` + leaked + `"}}`},
		"log message":  {"tools/call", []string{`"name":"lab__t"`, `"arguments":{"speak":1}`}, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"` + leaked + `"}}`},
		"unknown note": {"tools/call", []string{`"name":"lab__t"`, `"arguments":{"speak":1}`}, `{"jsonrpc":"2.0","method":"notifications/com.example/x","params":{"deep":["` + leaked + `"]}}`},
	}
	rules := map[string]struct {
		rule  string
		reads bool // whether the agent may read it
	}{
		"deny":             {`deny contains "confidential" if input.stage == "result"`, false},
		"deny by text":     {`deny contains "confidential" if contains(json.marshal(input.result), "CONFIDENTIAL")`, false},
		"redact all":       {`redact contains sprintf("result.%s", [k]) if some k, _ in input.result`, false},
		"redact elsewhere": {`redact contains p if some p in ["result.content", "result.message", "result.data", "result.statusMessage"]`, false},
		"label":            {`label contains "seen" if input.stage == "result"`, true},
	}
	for ruleName, rule := range rules {
		t.Run(ruleName, func(t *testing.T) {
			u := lab.NewScripted(t, leaky)
			var note string
			u.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), gone <-chan struct{}) string {
				return speaking(note)(r, send, gone)
			}}
			g := lab.Start(t, lab.Options{
				Policies: map[string]string{"t.rego": allow + rule.rule + "\n"},
				Config:   map[string]any{"upstreams": map[string]any{"lab": u.Config()}},
			})
			for name, road := range roads {
				note = road.note
				subject := name
				if strings.HasPrefix(road.method, "tasks/") {
					subject = "tasks" // the task is theirs
				}
				agent := g.Token(subject, "tester")
				send := func(method string, params []string) lab.Answer {
					return lab.RPCs[0].Send(t, g, agent, method, "", params, nil)
				}
				if strings.HasPrefix(road.method, "tasks/") {
					u := send("tools/call", []string{`"name":"lab__t"`, `"task":{"ttl":1000}`})
					if strings.Contains(u.Text, leaked) {
						t.Errorf("%s: %s", name, u.Text)
					}
				}
				a := send(road.method, road.params)
				if got := strings.Contains(a.Text, leaked); got != rule.reads && (got || ruleName == "label") {
					t.Errorf("%s: the agent read it: %v, want %v: %.400s", name, got, rule.reads, a.Text)
				}
				if ruleName == "label" {
					labels := g.Rows(t, "", fmt.Sprintf("SELECT labels FROM calls WHERE agent = '%s' ORDER BY seq DESC LIMIT 1", subject))
					if len(labels) != 1 || fmt.Sprint(labels[0]["labels"]) != `["seen"]` {
						t.Errorf("%s: labels on record: %v", name, labels)
					}
				}
			}
		})
	}
}

// TestNotificationsLabelBeforeTheyAreRead reads private text from a notification
// and cancels the call, or sends before the call ends: what follows is refused.
func TestNotificationsLabelBeforeTheyAreRead(t *testing.T) {
	private, other := lab.NewScripted(t, everything), lab.NewScripted(t, everything)
	hold := make(chan struct{})
	private.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), gone <-chan struct{}) string {
		send(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"` + leaked + `"}}`)
		select {
		case <-gone:
		case <-hold:
		}
		return `"result":{"content":[]}`
	}}
	upstream := func(u *lab.Scripted, labels ...string) map[string]any {
		return with(u.Config(), "labels", labels, "timeout", "1s")
	}
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n"},
		Config: map[string]any{"upstreams": map[string]any{
			"lab": upstream(private, "private"), "untrusted": upstream(other, "untrusted"), "external": upstream(other, "external"),
		}},
	})
	call := func(agent, tool string) lab.Answer {
		name := tool + "__t"
		return lab.RPCs[0].Send(t, g, agent, "tools/call", name, []string{fmt.Sprintf(`"name":%q`, name)}, nil)
	}
	agent := g.Token("reader", "tester")
	if a := call(agent, "external"); a.Code != "" {
		t.Fatalf("the control: %+v", a)
	}
	call(agent, "untrusted")
	if a := call(agent, "lab"); !strings.Contains(a.Text, leaked) || a.Code == "" {
		t.Fatalf("the call should have timed out after its message: %+v", a)
	}
	if a := call(agent, "external"); a.Code != "policy" {
		t.Errorf("private text went out after a call that timed out: %+v", a)
	}
	if n := g.Count(t, "", `agent = 'reader' AND outcome = 'timeout' AND labels LIKE '%private%' AND said_first LIKE '%`+leaked+`%'`); n != 1 {
		t.Errorf("%d calls on record with what was said", n)
	}
	close(hold)
}
