//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// planting is the gateway that credentials are planted in.
type planting struct {
	g     *lab.Gateway
	said  *atomic.Value // what the upstream "own" says
	token string        // of an agent that may call
	hasty string        // of one that has used up its limit
}

// secretPolicies have rules that quote arguments.
var secretPolicies = map[string]string{
	"all.rego":      lab.AllowTesters,
	"denied.rego":   "package tools.lab.denied\n\ndeny contains sprintf(\"not with %v\", [input.args.text]) if true\n",
	"approved.rego": "package tools.lab.approved\n\napprove contains sprintf(\"about %v\", [input.args.text]) if true\n",
	"masked.rego":   "package tools.lab.masked\n\nredact contains \"args.text\" if true\n",
}

// speaker is an upstream that says what it is told to, in the way that its tool's
// name says.
func speaker(t *testing.T, said *atomic.Value, definitions []string) *lab.Scripted {
	for _, name := range []string{"text", "structured", "failing", "error", "meta", "logging", "progress", "link"} {
		definitions = append(definitions, fmt.Sprintf(`{"name":%q,"description":"Returns a text.","inputSchema":{"type":"object"}}`, name))
	}
	definitions = append(definitions, fmt.Sprintf(`{"name":"poisoned","description":%s,"inputSchema":{"type":"object"}}`, quoted(lab.Injection)))
	u := lab.NewScripted(t, func(r lab.Request) string {
		if r.Method == "tools/list" {
			return `"result":{"tools":[` + strings.Join(definitions, ",") + `]}`
		}
		return ""
	})
	u.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), _ <-chan struct{}) string {
		var call struct {
			Name string
			Meta struct{ ProgressToken json.RawMessage } `json:"_meta"`
		}
		if err := json.Unmarshal(r.Params, &call); err != nil {
			return `"error":{"code":-32602,"message":"no"}`
		}
		text := quoted("it says " + said.Load().(string))
		done := `"result":{"content":[{"type":"text","text":"done"}]}`
		switch call.Name {
		case "text":
			return `"result":{"content":[{"type":"text","text":` + text + `}]}`
		case "structured":
			return `"result":{"content":[],"structuredContent":{"rows":[{"value":` + text + `}]}}`
		case "failing":
			return `"result":{"isError":true,"content":[{"type":"text","text":` + text + `}]}`
		case "error":
			return `"error":{"code":-32000,"message":` + text + `,"data":{"detail":` + text + `}}`
		case "meta":
			return `"result":{"content":[],"_meta":{"example.com/note":` + text + `}}`
		case "link":
			return `"result":{"content":[{"type":"resource","resource":{"uri":"note://a","text":` + text + `}}]}`
		case "logging":
			send(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":` + text + `}}`)
		case "progress":
			if call.Meta.ProgressToken != nil {
				send(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + string(call.Meta.ProgressToken) + `,"progress":1,"message":` + text + `}}`)
			}
		}
		return done
	}}
	return u
}

// place is somewhere to plant a credential.
type place struct {
	name  string
	fits  func(text string) bool // nil: any
	plant func(t *testing.T, s *planting, text string)
}

var places = append(append(append(refusedPlaces(), headerPlaces()...), claimPlaces()...), sentPlaces()...)

// refusedPlaces are in requests that are refused before guard's turn.
func refusedPlaces() []place {
	var all []place
	for _, surface := range []*lab.Surface{lab.REST, lab.Legacy, lab.Modern} {
		call := func(tool string, token func(*planting) string, args func(string) string) func(*testing.T, *planting, string) {
			return func(t *testing.T, s *planting, text string) { surface.Call(t, s.g, token(s), tool, args(text)) }
		}
		good, hasty := func(s *planting) string { return s.token }, func(s *planting) string { return s.hasty }
		all = append(all,
			place{"arguments of an unknown tool over " + surface.Name, nil, call("nosuch", good, lab.Text)},
			place{"arguments that do not fit over " + surface.Name, nil, call("echo", good, func(v string) string { return `{"text":` + quoted(v) + `,"n":"x"}` })},
			place{"a member that the schema has not over " + surface.Name, nil, call("echo", good, func(v string) string { return `{"text":"x",` + quoted(v) + `:1}` })},
			place{"arguments over the limit over " + surface.Name, nil, call("echo", hasty, lab.Text)},
			place{"ambiguous arguments over " + surface.Name, nil, call("echo", good, func(v string) string { return `{"text":` + quoted(v) + `,"text":"x"}` })},
		)
	}
	rpc := func(name, method string, params func(string) []string) []place {
		var two []place
		for _, way := range []*lab.RPC{lab.RPCs[0], lab.RPCs[2]} {
			two = append(two, place{name + " over " + way.Name, nil, func(t *testing.T, s *planting, text string) {
				way.Send(t, s.g, s.token, method, "", params(text), nil)
			}})
		}
		return two
	}
	all = append(all, rpc("the name of an unknown tool", "tools/call", func(v string) []string { return []string{`"name":` + quoted(v), `"arguments":{}`} })...)
	all = append(all, rpc("arguments of a quarantined tool", "tools/call", func(v string) []string {
		return []string{`"name":"own__poisoned"`, `"arguments":{"a":` + quoted(v) + `}`}
	})...)
	all = append(all, rpc("the name of an unknown prompt", "prompts/get", func(v string) []string { return []string{`"name":` + quoted(v)} })...)
	all = append(all, rpc("arguments of an unknown prompt", "prompts/get", func(v string) []string { return []string{`"name":"lab__none"`, `"arguments":{"a":` + quoted(v) + `}`} })...)
	all = append(all, rpc("the URI of an unknown resource", "resources/read", func(v string) []string { return []string{`"uri":` + quoted("note://"+v)} })...)
	all = append(all, rpc("what is to be completed", "completion/complete", func(v string) []string {
		return []string{`"ref":{"type":"ref/prompt","name":"lab__none"}`, `"argument":{"name":"a","value":` + quoted(v) + `}`}
	})...)
	all = append(all, rpc("the reference of a completion", "completion/complete", func(v string) []string {
		return []string{`"ref":{"type":"ref/prompt","name":` + quoted(v) + `}`, `"argument":{"name":"a","value":"x"}`}
	})...)
	all = append(all, rpc("params of an unknown method", "no/such", func(v string) []string { return []string{`"a":` + quoted(v)} })...)
	all = append(all, rpc("the ID of a task", "tasks/get", func(v string) []string { return []string{`"taskId":` + quoted(v)} })...)
	all = append(all, rpc("a cursor", "tools/list", func(v string) []string { return []string{`"cursor":` + quoted(v)} })...)
	return append(all, oddPlaces()...)
}

// oddPlaces are in requests that are hardly any.
func oddPlaces() []place {
	return []place{
		{"the name of an unknown method", nil, func(t *testing.T, s *planting, text string) {
			lab.RPCs[0].Send(t, s.g, s.token, "no/"+text, "", nil, nil)
		}},
		{"the name of an unknown notification", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/mcp", s.token, `{"jsonrpc":"2.0","method":`+quoted("notifications/"+text)+`}`)
		}},
		{"the ID of a message", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/mcp", s.token, `{"jsonrpc":"2.0","id":`+quoted(text)+`,"method":"no/such"}`)
		}},
		{"a message that is none", nil, func(t *testing.T, s *planting, text string) { s.post(t, "/mcp", s.token, "{"+quoted(text)) }},
		{"the name of a client", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/mcp", s.token, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":`+quoted(text)+`,"version":"1"}}}`)
		}},
		{"the revision that a client wants", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/mcp", s.token, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":`+quoted(text)+`,"capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
		}},
		{"the name of a client that calls", nil, func(t *testing.T, s *planting, text string) {
			a := s.post(t, "/mcp", s.token, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"experimental":{"a":{"b":`+quoted(text)+`}}},"clientInfo":{"name":`+quoted(text)+`,"version":"1"}}}`)
			r := lab.NewSessionRequest(t, s.g, s.token, "/mcp", a.Header.Get("Mcp-Session-Id"), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"lab__echo","arguments":{"text":"x"}}}`)
			lab.Do(t, r)
		}},
		{"the path of an unknown server", pathText, func(t *testing.T, s *planting, text string) {
			s.post(t, "/mcp/"+url.PathEscape(text), s.token, lab.Hello)
		}},
		{"the path of an unknown tool", pathText, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tools/"+url.PathEscape(text)+"/call", s.token, `{}`)
		}},
		{"a path that there is not", pathText, func(t *testing.T, s *planting, text string) { s.post(t, "/"+url.PathEscape(text), s.token, `{}`) }},
		{"a query", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tools/lab__echo/call?format="+url.QueryEscape(text), s.token, lab.Text("x"))
		}},
		{"a token in the query", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tools/lab__echo/call?access_token="+url.QueryEscape(text), "", lab.Text("x"))
		}},
		{"the arguments of an unknown function", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tool_calls?format=openai", s.token, fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"lab__nosuch","arguments":%s}}]}`, quoted(lab.Text(text))))
		}},
		{"broken arguments of a function", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tool_calls?format=openai", s.token, fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"lab__echo","arguments":%s}}]}`, quoted(`{"text":`+text)))
		}},
		{"the ID of a function call", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tool_calls?format=openai", s.token, fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":%s,"type":"function","function":{"name":"lab__nosuch","arguments":"{}"}}]}`, quoted(text)))
		}},
	}
}

// headerPlaces are the headers of a request.
func headerPlaces() []place {
	var all []place
	for _, name := range []string{"X-Api-Key", "Cookie", "User-Agent", "Traceparent", "Tracestate", "Baggage", "Mcp-Session-Id", "Mcp-Protocol-Version",
		"Mcp-Method", "Mcp-Name", "Last-Event-Id", "Origin", "Authorization", "Content-Type", "Content-Encoding", "X-Forwarded-For", "Forwarded", "Accept"} {
		all = append(all, place{"the header " + name, nil, func(t *testing.T, s *planting, text string) {
			r := lab.NewRequest(t, s.g.URL+"/mcp", s.token, strings.NewReader(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"lab__echo","arguments":{"text":"x"}}}`))
			r.Header.Set(name, text)
			lab.Do(t, r)
		}})
	}
	return append(all,
		place{"a bad token", nil, func(t *testing.T, s *planting, text string) { s.post(t, "/v1/tools/lab__echo/call", text, `{}`) }},
		place{"tracestate of a call that runs", tokenText, func(t *testing.T, s *planting, text string) {
			r := lab.NewRequest(t, s.g.URL+"/v1/tools/lab__echo/call", s.token, strings.NewReader(lab.Text("x")))
			r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			r.Header.Set("Tracestate", "vendor="+text)
			lab.Do(t, r)
		}},
		place{"the Host header", pathText, func(t *testing.T, s *planting, text string) {
			r := lab.NewRequest(t, s.g.URL+"/v1/tools/lab__echo/call", s.token, strings.NewReader(lab.Text("x")))
			r.Host = text + ".example.com"
			lab.Do(t, r)
		}})
}

// claimPlaces are in what an issuer says of an agent.
func claimPlaces() []place {
	var all []place
	for name, claims := range map[string]func(string) map[string]any{
		"the session of a token":   func(v string) map[string]any { return map[string]any{"sid": v} },
		"a role of a token":        func(v string) map[string]any { return map[string]any{"roles": []string{"tester", v}} },
		"a scope of a token":       func(v string) map[string]any { return map[string]any{"scope": "a " + v} },
		"a claim of a token":       func(v string) map[string]any { return map[string]any{"note": v} },
		"a claim's name":           func(v string) map[string]any { return map[string]any{v: true} },
		"a claim inside of others": func(v string) map[string]any { return map[string]any{"ext": map[string]any{"list": []any{1, v}}} },
	} {
		all = append(all, place{name, nil, func(t *testing.T, s *planting, text string) {
			all := claims(text)
			if all["roles"] == nil {
				all["roles"] = []string{"tester"}
			}
			lab.REST.Call(t, s.g, s.g.Issuer.Sign(s.g.Issuer.Claims("claimed", lab.Audience, all)), "echo", lab.Text("x"))
		}})
	}
	return all
}

// sentPlaces are in calls that guard reads, and in their answers.
func sentPlaces() []place {
	all := []place{
		{"arguments of a call", nil, func(t *testing.T, s *planting, text string) { lab.REST.Call(t, s.g, s.token, "echo", lab.Text(text)) }},
		{"a reason of policy", nil, func(t *testing.T, s *planting, text string) { lab.REST.Call(t, s.g, s.token, "denied", lab.Text(text)) }},
		{"a question to a person", nil, func(t *testing.T, s *planting, text string) {
			lab.REST.Call(t, s.g, s.token, "approved", lab.Text(text))
		}},
		{"what policy redacts", nil, func(t *testing.T, s *planting, text string) { lab.REST.Call(t, s.g, s.token, "masked", lab.Text(text)) }},
		{"_meta", nil, func(t *testing.T, s *planting, text string) {
			lab.RPCs[0].Send(t, s.g, s.token, "tools/call", "", []string{`"name":"lab__echo"`, `"arguments":{"text":"x"}`}, []string{`"example.com/a":` + quoted(text)})
		}},
		{"a member that calls have not", nil, func(t *testing.T, s *planting, text string) {
			lab.RPCs[0].Send(t, s.g, s.token, "tools/call", "", []string{`"name":"lab__echo"`, `"arguments":{"text":"x"}`, quoted(text) + `:1`}, nil)
		}},
		{"a progress token", nil, func(t *testing.T, s *planting, text string) {
			lab.RPCs[0].Send(t, s.g, s.token, "tools/call", "", []string{`"name":"own__progress"`, `"arguments":{}`}, []string{`"progressToken":` + quoted(text)})
		}},
	}
	for _, tool := range []string{"text", "structured", "failing", "error", "meta", "logging", "progress", "link"} {
		all = append(all, place{"what an upstream says in " + tool, nil, func(t *testing.T, s *planting, text string) {
			s.said.Store(text)
			lab.RPCs[0].Send(t, s.g, s.token, "tools/call", "", []string{`"name":"own__` + tool + `"`, `"arguments":{}`}, []string{`"progressToken":7`})
		}})
	}
	return all
}

func (s *planting) post(t *testing.T, path, token, body string) lab.Answer {
	t.Helper()
	return lab.Do(t, lab.NewRequest(t, s.g.URL+path, token, strings.NewReader(body)))
}

// pathText is what can stand in a path or a host.
func pathText(text string) bool { return !strings.ContainsAny(text, `/?#%<>" '\:;&=@`) }

// tokenText is what can stand in a member of tracestate.
func tokenText(text string) bool { return !strings.ContainsAny(text, "=, ") }

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}
