//go:build e2e

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Answer is what an agent learned.
type Answer struct {
	Status int         // HTTP status; 0 where there is none
	Header http.Header // nil where there is none
	Code   string      // of the refusal; "" if the result was delivered
	ID     string      // of the call in the record, if the answer names it
	Text   string      // all of the answer
}

// A Surface is one way for an agent to call a tool.
type Surface struct {
	Name string
	DB   string // the record, in the gateway's folder; "" for the gateway's own
	// Frame is the message that calls a tool of the upstream "lab".
	Frame func(tool, args string) string
	// Send sends a message as it is. Tool is what it names, where that has to be
	// said outside of the message as well.
	Send func(t testing.TB, g *Gateway, token, tool, message string) Answer
	// List returns the names that the surface offers, without a server's prefix.
	List func(t testing.TB, g *Gateway, token string) []string
}

// Call calls a tool of the upstream "lab".
func (s *Surface) Call(t testing.TB, g *Gateway, token, tool, args string) Answer {
	t.Helper()
	return s.Send(t, g, token, tool, s.Frame(tool, args))
}

// The surfaces that tests name.
var (
	REST   = &Surface{Name: "REST call", Frame: func(_, args string) string { return args }, Send: sendREST, List: listREST("mcp", "name")}
	Modern = &Surface{Name: "MCP 2026-07-28", Frame: frameModern("lab__"), Send: sendModern("/mcp", "lab__"), List: listMCP(sendModern("/mcp", ""), frameModernList)}
	Legacy = &Surface{Name: "MCP session", Frame: frameLegacy("lab__"), Send: sendLegacy("/mcp"), List: listMCP(sendLegacy("/mcp"), frameLegacyList)}
	SSE    = &Surface{Name: "SSE", Frame: frameLegacy("lab__"), Send: sendSSE, List: listMCP(sendSSE, frameLegacyList)}
	Stdio  = &Surface{Name: "stdio", DB: "stdio/toolward.db", Frame: frameLegacy("lab__"), Send: sendStdio, List: listMCP(sendStdio, frameLegacyList)}
)

// Surfaces are all of them.
var Surfaces = []*Surface{
	Legacy, Modern, SSE, Stdio, REST,
	{Name: "MCP session of one server", Frame: frameLegacy(""), Send: sendLegacy("/mcp/lab"), List: listMCP(sendLegacy("/mcp/lab"), frameLegacyList)},
	{Name: "MCP 2026-07-28 of one server", Frame: frameModern(""), Send: sendModern("/mcp/lab", ""), List: listMCP(sendModern("/mcp/lab", ""), frameModernList)},
	{Name: "OpenAI tool_calls", Send: sendCalls("openai"), List: listREST("openai", "function.name"), Frame: func(tool, args string) string {
		return fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"lab__%s","arguments":%s}}]}`, tool, Quote(args))
	}},
	{Name: "Responses function_call", Send: sendCalls("openai-responses"), List: listREST("openai-responses", "name"), Frame: func(tool, args string) string {
		return fmt.Sprintf(`{"output":[{"type":"function_call","call_id":"c1","name":"lab__%s","arguments":%s}]}`, tool, Quote(args))
	}},
	{Name: "Anthropic tool_use", Send: sendCalls("anthropic"), List: listREST("anthropic", "name"), Frame: func(tool, args string) string {
		return fmt.Sprintf(`{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"lab__%s","input":%s}]}`, tool, args)
	}},
	{Name: "Gemini functionCall", Send: sendCalls("gemini"), List: listREST("gemini", "name"), Frame: func(tool, args string) string {
		return fmt.Sprintf(`{"role":"model","parts":[{"functionCall":{"name":"lab__%s","args":%s}}]}`, tool, args)
	}},
}

// Quote writes a JSON string without repairing what is wrong with its bytes.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

var client = &http.Client{Timeout: Patience}

// Do sends a request and reads all of the answer.
func Do(t testing.TB, r *http.Request) Answer {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Text: string(body)}
}

// NewRequest is a POST of JSON with a token, "" for none.
func NewRequest(t testing.TB, url, token string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func sendREST(t testing.TB, g *Gateway, token, tool, message string) Answer {
	t.Helper()
	return CallREST(t, g, token, "lab__"+tool, message)
}

// CallREST calls a tool of any server by its whole name.
func CallREST(t testing.TB, g *Gateway, token, name, args string) Answer {
	t.Helper()
	a := Do(t, NewRequest(t, g.URL+"/v1/tools/"+name+"/call", token, strings.NewReader(args)))
	a.readProblem()
	if a.ID == "" {
		a.ID = a.Header.Get("Toolward-Call")
	}
	return a
}

func sendCalls(format string) func(testing.TB, *Gateway, string, string, string) Answer {
	return func(t testing.TB, g *Gateway, token, _, message string) Answer {
		t.Helper()
		a := Do(t, NewRequest(t, g.URL+"/v1/tool_calls?format="+format, token, strings.NewReader(message)))
		if a.Status != http.StatusOK {
			a.readProblem()
			return a
		}
		var body struct{ Decisions []decision }
		if err := json.Unmarshal([]byte(a.Text), &body); err != nil || len(body.Decisions) != 1 {
			t.Fatalf("not one decision in %s", a.Text)
		}
		a.Code, a.ID = body.Decisions[0].Code, body.Decisions[0].Call
		return a
	}
}

// decision is how every surface says what was decided.
type decision struct{ Call, Code string }

// readProblem reads RFC 9457 problem details.
func (a *Answer) readProblem() {
	if a.Status == http.StatusOK {
		return
	}
	var d decision
	if err := json.Unmarshal([]byte(a.Text), &d); err != nil || d.Code == "" {
		d.Code = "not a problem document"
	}
	a.Code, a.ID = d.Code, d.Call
}

// readMessage reads a JSON-RPC message, alone or as the last event of a stream.
func (a *Answer) readMessage(text string) {
	if i := strings.LastIndex(text, "\ndata: "); i >= 0 && !strings.HasPrefix(text, "{") {
		text, _, _ = strings.Cut(text[i+len("\ndata: "):], "\n")
	}
	type meta struct {
		Decision *decision `json:"toolward/decision"`
	}
	var m struct {
		Result *struct {
			Meta    meta `json:"_meta"`
			IsError bool `json:"isError"`
		}
		Error *struct {
			Code int
			Data meta
		}
	}
	err := json.Unmarshal([]byte(text), &m)
	var d *decision
	switch {
	case err != nil || m.Result == nil && m.Error == nil:
		a.Code = "not a message"
	case m.Result != nil:
		d = m.Result.Meta.Decision
	default:
		d = m.Error.Data.Decision
		a.Code = fmt.Sprintf("error %d", m.Error.Code)
	}
	if d != nil {
		a.Code, a.ID = d.Code, d.Call
	}
}

func listREST(format, place string) func(testing.TB, *Gateway, string) []string {
	return func(t testing.TB, g *Gateway, token string) []string {
		t.Helper()
		r := NewRequest(t, g.URL+"/v1/tools?format="+format, token, nil)
		r.Method = http.MethodGet
		return names(t, Do(t, r).Text, "tools", place)
	}
}

func listMCP(send func(testing.TB, *Gateway, string, string, string) Answer, message string) func(testing.TB, *Gateway, string) []string {
	return func(t testing.TB, g *Gateway, token string) []string {
		t.Helper()
		return names(t, send(t, g, token, "", message).Text, "result.tools", "name")
	}
}

// names reads the names of a listing.
func names(t testing.TB, text, list, place string) []string {
	t.Helper()
	if _, data, ok := strings.Cut(text, "data: "); ok && !strings.HasPrefix(text, "{") {
		text, _, _ = strings.Cut(data, "\n")
	}
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	entries, ok := at(doc, list).([]any)
	if !ok {
		t.Fatalf("no %s in %s", list, text)
	}
	var all []string
	for _, e := range entries {
		name, _ := at(e, place).(string)
		all = append(all, strings.TrimPrefix(name, "lab__"))
	}
	return all
}

func at(v any, place string) any {
	for name := range strings.SplitSeq(place, ".") {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}
