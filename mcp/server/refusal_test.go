package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// Every code of the gateway has its place on this surface, for a tool call and
// for any other request, of either era.
func TestEveryCodeHasItsWireForm(t *testing.T) {
	if len(wires) != len(gateway.Codes) {
		t.Errorf("the table has %d codes, the gateway %d", len(wires), len(gateway.Codes))
	}
	for _, code := range gateway.Codes {
		w, ok := wires[code]
		if !ok {
			t.Errorf("%s is not in the table", code)
			continue
		}
		refusal := &gateway.Refusal{Code: code, Step: "test", Reasons: []string{"reason one", "reason two"}, RetryAfter: 1500 * time.Millisecond}
		s := newStub(t, nil, func(context.Context, *gateway.Call) (*gateway.Result, error) { return nil, refusal })
		for _, c := range []struct{ method, name, params string }{
			{"tools/call", "files__read", `"name":"files__read"`}, {"prompts/get", "files__ask", `"name":"files__ask"`},
		} {
			r := s.modern("/mcp", "ann", c.method, c.name, c.params)
			asResult := w.tool && !w.http && c.method == "tools/call"
			if asResult {
				checkRefusedResult(t, code, r)
				continue
			}
			if got := member(t, r.body, "error", "code"); got != float64(w.code) {
				t.Errorf("%s %s: code %v, want %d", code, c.method, got, w.code)
			}
			d, _ := member(t, r.body, "error", "data", "toolward/decision").(map[string]any)
			if d["code"] != string(code) || d["call"] == "" || len(d["reasons"].([]any)) != 2 {
				t.Errorf("%s %s: decision %v", code, c.method, d)
			}
			if w.status != http.StatusOK && r.status != w.status {
				t.Errorf("%s %s: status %d, want %d", code, c.method, r.status, w.status)
			}
			if got := r.header.Get("Retry-After"); got != "2" && code != gateway.ApprovalPending {
				t.Errorf("%s: Retry-After %q, want 2", code, got)
			}
		}
	}
}

func checkRefusedResult(t *testing.T, code gateway.Code, r reply) {
	t.Helper()
	if r.status != http.StatusOK || member(t, r.body, "result", "isError") != true || member(t, r.body, "result", "resultType") != "complete" {
		t.Errorf("%s: got %d %s", code, r.status, r.body)
	}
	effect := "deny"
	if code == gateway.ApprovalPending {
		effect = "approve"
	}
	if got := member(t, r.body, "result", "_meta", "toolward/decision", "effect"); got != effect {
		t.Errorf("%s: effect %v, want %s", code, got, effect)
	}
	text := member(t, r.body, "result", "content").([]any)[0].(map[string]any)["text"].(string)
	for _, want := range []string{"reason one; reason two", wires[code].advice} {
		if !strings.Contains(text, want) || want == "" {
			t.Errorf("%s: the text %q lacks %q", code, text, want)
		}
	}
}

func TestUnauthenticatedIsChallengedBeforeTheBodyIsRead(t *testing.T) {
	s := newStub(t, func(o *Options) {
		o.Challenge = func(_, path string, r *gateway.Refusal, sent bool) string {
			return "Bearer for " + path + " " + string(r.Code) + map[bool]string{true: " sent"}[sent]
		}
	}, nil)
	for _, path := range []string{"/mcp", "/mcp/files", "/sse", "/message"} {
		endpoint := strings.Replace(path, "/message", "/sse", 1)
		for token, want := range map[string]string{"": "Bearer for " + endpoint + " unauthenticated", "bad": "Bearer for " + endpoint + " unauthenticated sent"} {
			r := s.send("POST", path, token, `not JSON`)
			if r.status != 401 || r.header.Get("Www-Authenticate") != want {
				t.Errorf("%s %q: got %d %q", path, token, r.status, r.header.Get("Www-Authenticate"))
			}
		}
	}
}

func TestRateLimitIs429WithRetryAfter(t *testing.T) {
	s := newStub(t, nil, nil)
	s.limit = &gateway.Refusal{Code: gateway.RateLimited, Step: "limit", Reasons: []string{"slow down"}, RetryAfter: 3 * time.Second}
	for _, method := range []string{"tools/call", "tools/list"} {
		name := map[string]string{"tools/call": "files__read"}[method]
		r := s.modern("/mcp", "ann", method, name, `"name":"files__read"`)
		if r.status != 429 || r.header.Get("Retry-After") != "3" || member(t, r.body, "error", "code") != float64(codeRefused) {
			t.Errorf("%s: got %d %v %s", method, r.status, r.header, r.body)
		}
	}
}

// In a session, what is no answer to the call is an exception in the client: neither the
// model nor a person sees why, or when to come back.
func TestRateLimitInASessionIsAResult(t *testing.T) {
	for _, code := range []gateway.Code{gateway.RateLimited, gateway.Overloaded} {
		refusal := &gateway.Refusal{Code: code, Step: "limit", Reasons: []string{"slow down; try again in 2.5s"}, RetryAfter: 2500 * time.Millisecond}
		s := newStub(t, nil, func(context.Context, *gateway.Call) (*gateway.Result, error) { return nil, refusal })
		id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
		r := s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`)
		if r.status != 200 || member(t, r.body, "result", "isError") != true || !strings.Contains(r.body, "try again in 2.5s") || !strings.Contains(r.body, wires[code].advice) {
			t.Errorf("%s: tools/call: %d %s", code, r.status, r.body)
		}
		if d := member(t, r.body, "result", "_meta", "toolward/decision").(map[string]any); d["code"] != string(code) || d["retryAfter"] != 3.0 {
			t.Errorf("%s: decision %v", code, d)
		}
		if r.header.Get("Retry-After") != "3" {
			t.Errorf("%s: Retry-After %q", code, r.header.Get("Retry-After"))
		}
		r = s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"files__ask"}}`)
		if r.status != wires[code].status || r.header.Get("Retry-After") != "3" {
			t.Errorf("%s: prompts/get: %d %v %s", code, r.status, r.header, r.body)
		}
	}
}

func TestUpstreamErrorPassesAsWritten(t *testing.T) {
	failure := `{"code":-32042, "message":"visit","data":{"n":9007199254740993}, "later":1.0}`
	s := newStub(t, nil, func(context.Context, *gateway.Call) (*gateway.Result, error) {
		return &gateway.Result{Error: json.RawMessage(failure), IsError: true}, nil
	})
	id := s.initialize("/mcp/files", "ann", "2025-11-25", "{}")
	r := s.legacy("/mcp/files", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}`)
	if want := `{"jsonrpc":"2.0","id":1,"error":` + failure + `}`; r.body != want || r.status != 200 {
		t.Errorf("got %d %s\nwant %s", r.status, r.body, want)
	}
}

func TestErrorCodesFollowTheAgentsRevision(t *testing.T) {
	code := 0
	s := newStub(t, nil, func(context.Context, *gateway.Call) (*gateway.Result, error) {
		return &gateway.Result{Error: json.RawMessage(`{"code":` + itoa(code) + `,"message":"m"}`), IsError: true}, nil
	})
	id := s.initialize("/mcp/files", "ann", "2025-11-25", "{}")
	for _, c := range []struct{ upstream, legacy, modern, status int }{
		{-32002, -32002, -32602, 400}, {-32020, -32602, -32020, 400}, {-32021, -32602, -32021, 400}, {-32022, -32602, -32022, 400},
		{-32601, -32601, -32601, 404}, {-1, -1, -1, 200},
	} {
		code = c.upstream
		r := s.legacy("/mcp/files", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a"}}`)
		if got := member(t, r.body, "error", "code"); got != float64(c.legacy) || r.status != 200 {
			t.Errorf("%d to a legacy agent: got %d %v, want %d", c.upstream, r.status, got, c.legacy)
		}
		m := s.modern("/mcp/files", "ann", "resources/read", "file:///a", `"uri":"file:///a"`)
		if got := member(t, m.body, "error", "code"); got != float64(c.modern) || m.status != c.status {
			t.Errorf("%d to a modern agent: got %d %v, want %d %d", c.upstream, m.status, got, c.status, c.modern)
		}
	}
}

// Broken messages cost as much as calls.
func TestAFloodOfBrokenMessagesIsLimited(t *testing.T) {
	s := newStub(t, nil, never(t))
	s.limit = &gateway.Refusal{Code: gateway.RateLimited, Step: "limit", Reasons: []string{"slow down"}, RetryAfter: time.Second}
	for _, body := range []string{`not JSON`, `{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"x"}`, `[]`} {
		if r := s.send("POST", "/mcp", "ann", body); r.status != 429 || r.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got %d %v", body, r.status, r.header)
		}
	}
}
