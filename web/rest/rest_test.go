package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
	"toolward/guard/vault"
	"toolward/state/statetest"
	"toolward/upstream/shape"
)

// open is every room: it lets through whoever has the token "good", and echoes.
type open struct {
	mu      sync.Mutex
	refuse  map[string]*gateway.Refusal // by tool
	answer  map[string]string           // raw results by tool; others echo their arguments
	records []gateway.Phase
	active  int
	most    int
	gate    chan bool
}

func (o *open) Known(gateway.Credentials) *gateway.Agent     { return nil }
func (o *open) Refused(gateway.Credentials) *gateway.Refusal { return nil }

func (o *open) Tried(gateway.Attempt) {}
func (o *open) Verify(_ context.Context, c gateway.Credentials) (*gateway.Agent, error) {
	if c.Token != "good" {
		return nil, gateway.Refuse("auth", gateway.Unauthenticated, "no")
	}
	return &gateway.Agent{ID: "a"}, nil
}
func (o *open) Find(_ gateway.Kind, _, name string) (*gateway.Tool, error) {
	if strings.HasPrefix(name, "s__") {
		return o.tool(name), nil
	}
	return nil, gateway.Refuse("catalog", gateway.UnknownTool, "there is no "+name)
}
func (o *open) tool(name string) *gateway.Tool {
	def := fmt.Sprintf(`{"name":%q,"description":"Does \"it\" <now>","inputSchema":{"type":"object","properties":{"x":{"type":"number"}}},"odd":1.0}`, strings.TrimPrefix(name, "s__"))
	return &gateway.Tool{Kind: gateway.KindTool, Server: "s", Name: strings.TrimPrefix(name, "s__"), Wire: name, Definition: json.RawMessage(def), Upstream: o}
}
func (o *open) List(gateway.Kind, string) []*gateway.Tool {
	return []*gateway.Tool{o.tool("s__one"), o.tool("s__two")}
}
func (o *open) Request(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}
func (o *open) Result(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}
func (*open) Revision() string { return "" }

func (o *open) CountRequest(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}
func (o *open) CountResult(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}
func (o *open) DecideRequest(context.Context, *gateway.Call) (gateway.Decision, error) {
	return gateway.Decision{Effect: gateway.EffectAllow}, nil
}
func (o *open) DecideResult(context.Context, *gateway.Call) (gateway.Decision, error) {
	return gateway.Decision{Effect: gateway.EffectAllow}, nil
}
func (o *open) Visible(_ context.Context, _ *gateway.Agent, tools []*gateway.Tool) ([]*gateway.Tool, error) {
	return tools, nil
}
func (o *open) Task(*gateway.Agent, string, string) (*gateway.Task, *gateway.Tool, error) {
	return nil, nil, gateway.Refuse("catalog", gateway.UnknownTool, "there are no tasks on this surface")
}
func (o *open) Wait(context.Context, *gateway.Call) error { return nil }
func (o *open) Record(_ context.Context, p gateway.Phase, _ *gateway.Call) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, p)
	return nil
}
func (o *open) Do(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
	if o.gate != nil { // hold calls until all of them are here
		o.mu.Lock()
		o.active++
		if o.active == o.most {
			close(o.gate)
		}
		o.mu.Unlock()
		<-o.gate
	}
	if r := o.refuse[c.Name]; r != nil {
		return nil, r
	}
	if a, ok := o.answer[c.Name]; ok {
		return &gateway.Result{Raw: json.RawMessage(a), IsError: strings.Contains(a, `"isError":true`)}, nil
	}
	return &gateway.Result{Raw: marshal(map[string]any{"content": []any{map[string]any{"type": "text", "text": string(c.Sent.Raw())}}})}, nil
}

func handler(o *open) *Handler {
	return New(Options{
		Road:     &gateway.Road{Vault: vault.New(nil), Auth: o, State: new(statetest.Open), Catalog: o, Guard: o, Policy: o, Shapes: shape.Messages{}, Approvals: o, Recorder: o},
		Resource: "http://gw/v1",
		Token: func(r *http.Request) (string, error) {
			return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil
		},
		Challenge: func(_, _ string, r *gateway.Refusal, _ bool) string {
			if r.Code == gateway.Unauthenticated {
				return `Bearer resource_metadata="x"`
			}
			return ""
		},
		Peer: func(*http.Request) string { return "peer" },
	})
}

func send(t *testing.T, o *open, method, path, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler(o).ServeHTTP(w, r)
	return w
}

func TestEveryRouteWantsAToken(t *testing.T) {
	for _, route := range []string{"GET /v1/tools", "POST /v1/tools/s__one/call", "POST /v1/tool_calls", "GET /v1/openapi.json"} {
		method, path, _ := strings.Cut(route, " ")
		for _, token := range []string{"", "bad"} {
			w := send(t, &open{}, method, path, token, "{}")
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s with token %q: %d %v", route, token, w.Code, w.Header())
			}
		}
	}
}

func TestToolsAreListedInEachFormat(t *testing.T) {
	schema := map[string]any{"type": "object", "properties": map[string]any{"x": map[string]any{"type": "number"}}}
	const text = `Does "it" <now>`
	for format, want := range map[string]map[string]any{
		"":                 {"name": "s__one", "description": text, "inputSchema": schema, "odd": 1.0},
		"openai":           {"type": "function", "function": map[string]any{"name": "s__one", "description": text, "parameters": schema}},
		"openai-responses": {"type": "function", "name": "s__one", "description": text, "parameters": schema, "strict": false},
		"anthropic":        {"name": "s__one", "description": text, "input_schema": schema},
		"gemini":           {"name": "s__one", "description": text, "parametersJsonSchema": schema},
	} {
		w := send(t, &open{}, "GET", "/v1/tools?format="+format, "good", "")
		var got struct{ Tools []map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v: %s", format, err, w.Body)
		}
		if len(got.Tools) != 2 {
			t.Fatalf("%s: %d tools", format, len(got.Tools))
		}
		if d := cmp.Diff(want, got.Tools[0]); d != "" {
			t.Errorf("%s: -want +got\n%s", format, d)
		}
	}
	if w := send(t, &open{}, "GET", "/v1/tools?format=cobol", "good", ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "anthropic") {
		t.Errorf("an unknown format: %d %s", w.Code, w.Body)
	}
}

// What a model emits in each format, in each of the places where programs
// have it, and the messages that go back.
func TestToolCallsInEachFormat(t *testing.T) {
	image := `{"content":[{"type":"text","text":"see"},{"type":"image","mimeType":"image/png","data":"QUJD"}]}`
	for _, tt := range []struct{ name, body, want string }{
		{"openai calls", `{"tool_calls":[{"id":"c1","type":"function","function":{"name":"s__one","arguments":"{\"x\": 1.0}"}}]}`,
			`{"format":"openai","messages":[{"role":"tool","tool_call_id":"c1","content":"{\"x\": 1.0}"}]}`},
		{"openai completion", `{"choices":[{"message":{"tool_calls":[{"id":"c1","function":{"name":"s__one","arguments":""}}]}}]}`,
			`{"format":"openai","messages":[{"role":"tool","tool_call_id":"c1","content":"{}"}]}`},
		{"openai array", `[{"id":"c1","function":{"name":"s__one","arguments":"{}"}}]`,
			`{"format":"openai","messages":[{"role":"tool","tool_call_id":"c1","content":"{}"}]}`},
		{"openai image as a note", `[{"id":"c1","function":{"name":"s__image","arguments":"{}"}}]`,
			`{"format":"openai","messages":[{"role":"tool","tool_call_id":"c1","content":"see\n[image/png of 3 bytes: this kind of data cannot be shown here]"}]}`},
		{"responses output", `{"output":[{"type":"reasoning"},{"type":"function_call","call_id":"f1","name":"s__one","arguments":"{\"a\":[]}"}]}`,
			`{"format":"openai-responses","messages":[{"type":"function_call_output","call_id":"f1","output":"{\"a\":[]}"}]}`},
		{"responses item with image", `{"type":"function_call","call_id":"f1","name":"s__image","arguments":"{}"}`,
			`{"format":"openai-responses","messages":[{"type":"function_call_output","call_id":"f1","output":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"auto"}]}]}`},
		{"anthropic message", `{"role":"assistant","content":[{"type":"text","text":"hm"},{"type":"tool_use","id":"t1","name":"s__one","input":{"x":1.0}},{"type":"tool_use","id":"t2","name":"s__fails","input":{}}]}`,
			`{"format":"anthropic","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"{\"x\":1.0}"}]},{"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"bad luck"}]}]}]}`},
		{"anthropic image", `[{"type":"tool_use","id":"t1","name":"s__image","input":{}}]`,
			`{"format":"anthropic","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]}]}]}`},
		{"gemini candidate", `{"candidates":[{"content":{"parts":[{"text":"hm"},{"functionCall":{"name":"s__one","args":{"x":2}}}]}}]}`,
			`{"format":"gemini","messages":[{"role":"user","parts":[{"functionResponse":{"name":"s__one","response":{"output":"{\"x\":2}"}}}]}]}`},
		{"gemini structured", `{"parts":[{"functionCall":{"id":"g1","name":"s__structured","args":{}}}]}`,
			`{"format":"gemini","messages":[{"role":"user","parts":[{"functionResponse":{"id":"g1","name":"s__structured","response":{"output":{"n":1.50}}}}]}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &open{answer: map[string]string{
				"s__image": image, "s__fails": `{"content":[{"type":"text","text":"bad luck"}],"isError":true}`,
				"s__structured": `{"content":[],"structuredContent":{"n":1.50}}`,
			}}
			w := send(t, o, "POST", "/v1/tool_calls", "good", tt.body)
			var got, want map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
				t.Fatalf("%d %v: %s", w.Code, err, w.Body)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			delete(got, "decisions")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// The calls of a turn run at once: none of them is answered before all are here.
func TestCallsOfATurnRunAtOnceAndAreAnsweredInOrder(t *testing.T) {
	const n = 8
	o := &open{gate: make(chan bool), most: n}
	var calls []string
	for i := range n {
		calls = append(calls, fmt.Sprintf(`{"id":"c%d","function":{"name":"s__one","arguments":"{\"i\":%d}"}}`, i, i))
	}
	w := send(t, o, "POST", "/v1/tool_calls", "good", "["+strings.Join(calls, ",")+"]")
	var got struct {
		Messages []struct {
			ID      string `json:"tool_call_id"`
			Content string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for i, m := range got.Messages {
		if m.ID != fmt.Sprintf("c%d", i) || m.Content != fmt.Sprintf(`{"i":%d}`, i) {
			t.Errorf("message %d: %+v", i, m)
		}
	}
	if len(got.Messages) != n {
		t.Errorf("%d messages", len(got.Messages))
	}
}

func TestARefusedCallTellsTheModelAndLeavesItsSiblings(t *testing.T) {
	o := &open{}
	w := send(t, o, "POST", "/v1/tool_calls", "good", `[{"id":"a","function":{"name":"s__one","arguments":"{}"}},{"id":"b","function":{"name":"nope","arguments":"{}"}},
		{"id":"c","function":{"name":"s__one","arguments":"{\"x\":1,\"x\":2}"}}]`)
	var got struct {
		Messages []struct {
			Content string
		}
		Decisions []decision
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	for i, code := range []string{"", "unknown_tool", "malformed"} {
		if got.Decisions[i].Code != code || !strings.Contains(got.Messages[i].Content, code) {
			t.Errorf("call %d: %+v %q, want %q", i, got.Decisions[i], got.Messages[i].Content, code)
		}
	}
	refusals := 0
	for _, p := range o.records {
		if p == gateway.PhaseRefusal {
			refusals++
		}
	}
	if refusals != 2 {
		t.Errorf("%d refusals are on record: %v", refusals, o.records)
	}
}

func TestWhenNothingCouldRunTheStatusSaysSo(t *testing.T) {
	limited := &gateway.Refusal{Code: gateway.RateLimited, Reasons: []string{"slow down"}, RetryAfter: 3 * time.Second}
	o := &open{refuse: map[string]*gateway.Refusal{"s__one": limited}}
	w := send(t, o, "POST", "/v1/tool_calls", "good", `[{"id":"a","function":{"name":"s__one","arguments":"{}"}}]`)
	if w.Code != 429 || w.Header().Get("Retry-After") != "3" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	many := strings.Repeat(`{"id":"a","function":{"name":"s__one","arguments":"{}"}},`, 65)
	for _, tt := range []struct {
		path, body string
		status     int
	}{
		{"/v1/tool_calls", `{}`, 400},
		{"/v1/tool_calls", ``, 400},
		{"/v1/tool_calls", `[]`, 400},
		{"/v1/tool_calls", `"x"`, 400},
		{"/v1/tool_calls", `[{"function":{"name":"s__one","NAME":"s__two"}}]`, 400},
		{"/v1/tool_calls", `[` + strings.TrimSuffix(many, ",") + `]`, 413},
		{"/v1/tools/s__one/call", `[1]`, 400},
		{"/v1/tools/s__one/call", `{"a":1}{"b":2}`, 400},
		{"/v1/tools/s__one/call", `{"a":1234567890123456789.5}`, 400},
		{"/v1/tools/nope/call", `{}`, 404},
	} {
		o := &open{}
		w := send(t, o, "POST", tt.path, "good", tt.body)
		if w.Code != tt.status {
			t.Errorf("%s %.40s: %d %s", tt.path, tt.body, w.Code, w.Body)
		}
		if len(o.records) != 1 || o.records[0] != gateway.PhaseRefusal {
			t.Errorf("%s %.40s: records %v", tt.path, tt.body, o.records)
		}
	}
}

func TestCallAnswersTheResultAsItIs(t *testing.T) {
	raw := `{"content": [], "structuredContent":{"n":1.50,"id":12345678901234567890},"x-odd":[1e3]}`
	w := send(t, &open{answer: map[string]string{"s__one": raw}}, "POST", "/v1/tools/s__one/call", "good", "")
	if w.Body.String() != raw || w.Header().Get("Toolward-Call") == "" {
		t.Errorf("got %s", w.Body)
	}
}

func TestOpenAPIPageListsTheRoutes(t *testing.T) {
	var doc struct{ Paths map[string]any }
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/v1/tools", "/v1/tools/{name}/call", "/v1/tool_calls", "/v1/openapi.json"} {
		if doc.Paths[p] == nil {
			t.Errorf("%s is not described", p)
		}
	}
	if len(doc.Paths) != 4 {
		t.Errorf("%d paths are described", len(doc.Paths))
	}
}

// FuzzToolCalls: whatever a body is, it is answered with JSON, and what ran is
// what it named.
func FuzzToolCalls(f *testing.F) {
	f.Add(`{"tool_calls":[{"id":"c1","function":{"name":"s__one","arguments":"{}"}}]}`)
	f.Add(`[{"type":"tool_use","id":"t","name":"s__one","input":{}}]`)
	f.Add(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"s__one"}}]}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := send(t, &open{}, "POST", "/v1/tool_calls", "good", body)
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}
