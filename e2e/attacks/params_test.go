//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// everything is a server of all that can be asked for.
func everything(r lab.Request) string {
	switch r.Method {
	case "initialize":
		return `"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"resources":{"subscribe":true},"completions":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"everything","version":"1"}}`
	case "tools/list":
		return `"result":{"resultType":"complete","tools":[{"name":"t","description":"A tool.","inputSchema":{"type":"object"}},{"name":"slow","description":"Makes a task.","inputSchema":{"type":"object"}}]}`
	case "prompts/list":
		return `"result":{"resultType":"complete","prompts":[{"name":"p"}]}`
	case "resources/list":
		return `"result":{"resultType":"complete","resources":[{"uri":"file:///r","name":"r"}]}`
	case "tools/call":
		if strings.Contains(string(r.Params), `"slow"`) {
			return `"result":{"resultType":"task","task":{"taskId":"task-1","status":"working"},"taskId":"task-1","status":"working"}`
		}
		return `"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}`
	case "prompts/get":
		return `"result":{"resultType":"complete","messages":[]}`
	case "resources/read":
		return `"result":{"resultType":"complete","contents":[]}`
	case "completion/complete":
		return `"result":{"resultType":"complete","completion":{"values":[]}}`
	case "tasks/get", "tasks/cancel":
		return `"result":{"resultType":"complete","taskId":"task-1","status":"working"}`
	case "tasks/result":
		return `"result":{"content":[]}`
	case "resources/subscribe", "resources/unsubscribe", "tasks/update":
		return `"result":{"resultType":"complete"}`
	case "tasks/list":
		return `"result":{"tasks":[]}`
	}
	return ""
}

// aRequest is a method with what it needs to be answered.
type aRequest struct {
	method string
	name   func(*lab.RPC) string   // what Mcp-Name mirrors; nil if nothing
	params func(*lab.RPC) []string // members that make it valid
}

func tool(w *lab.RPC) string     { return w.Wire("lab", "t") }
func prompt(w *lab.RPC) string   { return w.Wire("lab", "p") }
func resource(w *lab.RPC) string { return w.URI("lab", "file:///r") }

func members(format string, of func(*lab.RPC) string) func(*lab.RPC) []string {
	return func(w *lab.RPC) []string { return []string{fmt.Sprintf(format, of(w))} }
}

func taskID(*lab.RPC) []string { return []string{`"taskId":"task-1"`} }

var requests = []aRequest{
	{"tools/call", tool, members(`"name":%q`, tool)},
	{"prompts/get", prompt, members(`"name":%q`, prompt)},
	{"resources/read", resource, members(`"uri":%q`, resource)},
	{"resources/subscribe", nil, members(`"uri":%q`, resource)},
	{"resources/unsubscribe", nil, members(`"uri":%q`, resource)},
	{"completion/complete", nil, func(w *lab.RPC) []string {
		return []string{fmt.Sprintf(`"ref":{"type":"ref/prompt","name":%q}`, prompt(w)), `"argument":{"name":"a","value":"b"}`}
	}},
	{"tasks/get", nil, taskID}, {"tasks/result", nil, taskID}, {"tasks/cancel", nil, taskID}, {"tasks/update", nil, taskID},
	{"tasks/list", nil, func(*lab.RPC) []string { return nil }},
	{"tools/list", nil, func(*lab.RPC) []string { return nil }}, {"prompts/list", nil, func(*lab.RPC) []string { return nil }},
	{"resources/list", nil, func(*lab.RPC) []string { return nil }},
	{"logging/setLevel", nil, func(*lab.RPC) []string { return []string{`"level":"debug"`} }},
	{"ping", nil, func(*lab.RPC) []string { return nil }},
	{"server/discover", nil, func(*lab.RPC) []string { return nil }},
	{"resources/templates/list", nil, func(*lab.RPC) []string { return nil }},
	{"subscriptions/listen", nil, func(*lab.RPC) []string { return []string{`"notifications":{}`} }},
	{"initialize", nil, func(*lab.RPC) []string {
		return []string{`"protocolVersion":"2025-06-18"`, lab.Answering, `"clientInfo":{"name":"attacker","version":"1"}`}
	}},
}

// smuggled are members with markers in them, each another: those of the
// specification, where other methods have them, and those of nobody. What may be
// refused for itself has a request of its own.
var smuggled = []struct{ params, meta []string }{
	{
		[]string{
			`"arguments":{"text":"MARKER","MARKER":1}`, `"task":{"ttl":5,"hidden":"MARKER"}`, `"context":{"arguments":{"x":"MARKER"}}`, `"cursor":"MARKER"`,
			`"unknown":{"x":"MARKER"}`, `"MARKER":1`, `"x-MARKER":{"MARKER":["MARKER"]}`,
		},
		[]string{
			`"com.example/x":"MARKER"`, `"com.example/MARKER":{"deep":[{"MARKER":1}]}`, `"progressToken":"MARKER"`, `"traceparent":"MARKER"`, `"tracestate":"v=MARKER"`,
			`"baggage":"k=MARKER"`, `"toolward/decision":{"forged":"MARKER"}`, `"io.modelcontextprotocol/related-task":{"taskId":"MARKER"}`,
			`"io.modelcontextprotocol/clientInfo":{"name":"MARKER","version":"1"}`,
		},
	},
	{[]string{`"inputResponses":{"q":{"action":"accept","content":{"to":"MARKER"}}}`}, nil},
	{[]string{`"inputResponses":{"MARKER":{"action":"accept"}}`}, nil},
	{[]string{`"inputResponses":{}`, `"requestState":"MARKER"`}, nil},
}

// fill gives each marker of the members a text of its own, and returns them.
func fill(members []string, markers *[]string) []string {
	filled := make([]string, len(members))
	for i, m := range members {
		for strings.Contains(m, "MARKER") {
			marker := lab.Marker()
			*markers = append(*markers, marker)
			m = strings.Replace(m, "MARKER", marker, 1)
		}
		filled[i] = m
	}
	return filled
}

const denyMarkers = "package gateway\n\nallow := true\n\ndeny contains \"a marker\" if contains(json.marshal([input.call, input.args]), \"marker-\")\n"

// TestEveryMemberIsJudged sends a marker in every member of every request by
// every way: what reaches the upstream is on record, and policy has seen it.
func TestEveryMemberIsJudged(t *testing.T) {
	for era, script := range map[string]lab.Script{"legacy": everything, "2026-07-28": lab.Stateless(func(r lab.Request) string {
		if r.Method == "initialize" {
			return ""
		}
		return everything(r)
	})} {
		t.Run(era, func(t *testing.T) {
			open, closed := lab.NewScripted(t, script), lab.NewScripted(t, script)
			allows := startEverything(t, open, "package gateway\n\nallow := true\n")
			denies := startEverything(t, closed, denyMarkers)
			arrived := 0
			for _, w := range lab.RPCs {
				makeTask(t, allows, w)
				makeTask(t, denies, w)
				for _, r := range requests {
					if era != "legacy" && strings.HasSuffix(r.method, "subscribe") {
						continue // it is another request there, with the URI alone
					}
					for _, s := range smuggled {
						var markers []string
						params, meta := append(r.params(w), fill(s.params, &markers)...), fill(s.meta, &markers)
						name := ""
						if r.name != nil {
							name = r.name(w)
						}
						w.Send(t, denies, denies.Tester(), r.method, name, params, meta)
						w.Send(t, allows, allows.Tester(), r.method, name, params, meta)
						got, record := open.All(), ""
						for _, marker := range markers {
							if !strings.Contains(got, marker) {
								continue
							}
							if arrived++; record == "" {
								record = recorded(t, allows, w.DB)
							}
							if !strings.Contains(record, marker) {
								t.Errorf("%s by %s: %s of %s %s reached the upstream and is not on record", r.method, w.Name, marker, params, meta)
							}
						}
					}
				}
			}
			for line := range strings.Lines(closed.All()) {
				if strings.Contains(line, "marker-") {
					t.Errorf("policy did not see what reached the upstream: %s", line)
				}
			}
			if arrived < 100 {
				t.Errorf("only %d of the markers reached the upstream: the test shows nothing", arrived)
			}
			allows.CloseStdio(t)
			denies.CloseStdio(t)
		})
	}
}

func startEverything(t *testing.T, u *lab.Scripted, policy string) *lab.Gateway {
	t.Helper()
	return lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": policy},
		Config: map[string]any{
			"upstreams": map[string]any{"lab": u.Config()},
			"limits":    map[string]any{"default": map[string]any{"rate": "600000/min", "burst": 100000}},
		},
	})
}

// makeTask makes the task that the requests are about, for this way's process.
func makeTask(t *testing.T, g *lab.Gateway, w *lab.RPC) {
	t.Helper()
	taskOf(t, g, w, g.Tester())
}

// taskOf is makeTask for the holder of a token.
func taskOf(t *testing.T, g *lab.Gateway, w *lab.RPC, token string) {
	t.Helper()
	name := w.Wire("lab", "slow")
	a := w.Send(t, g, token, "tools/call", name, []string{fmt.Sprintf(`"name":%q`, name), `"arguments":{}`}, nil)
	if a.Code != "" || !strings.Contains(a.Text, "task-1") {
		t.Fatalf("%s: no task was made: %+v", w.Name, a)
	}
}

// recorded is what the record holds of calls, as text.
func recorded(t *testing.T, g *lab.Gateway, db string) string {
	t.Helper()
	var b strings.Builder
	for _, row := range g.Rows(t, db, "SELECT group_concat(body || coalesce(bodies, '') || coalesce(beside, ''), char(10)) AS all_of_it FROM (SELECT body, bodies, beside FROM timeline WHERE call IS NOT NULL ORDER BY seq DESC LIMIT 8)") {
		text, _ := row["all_of_it"].(string)
		b.WriteString(text)
	}
	return b.String()
}
