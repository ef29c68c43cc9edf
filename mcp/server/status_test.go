package server

import (
	"context"
	"testing"

	"toolward/gateway"
)

// Which errors are errors of HTTP is the table in status.go: one row for each
// line of it, in a session and without one.
func TestWhichErrorsAreErrorsOfHTTP(t *testing.T) {
	fails := func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		return &gateway.Result{Error: []byte(`{"code":-32002,"message":"no such resource"}`), IsError: true}, nil
	}
	for name, c := range map[string]struct {
		method, named, params  string
		legacy, stateless      int     // HTTP status
		code, codeOfStateless  float64 // JSON-RPC code
		over                   *gateway.Refusal
		legacyOnly, modernOnly bool
	}{
		"no name":             {method: "tools/call", named: "-", params: `"arguments":{}`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32020},
		"name is a number":    {method: "tools/call", named: "7", params: `"name":7`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32020},
		"arguments text":      {method: "tools/call", named: "files__read", params: `"name":"files__read","arguments":"{}"`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"unknown tool":        {method: "tools/call", named: "no", params: `"name":"no"`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"no URI":              {method: "resources/read", named: "-", params: `"x":1`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32020},
		"unknown resource":    {method: "resources/read", named: "toolward://db/x", params: `"uri":"toolward://db/x"`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"upstream's error":    {method: "resources/read", named: "toolward://files/file:///a", params: `"uri":"toolward://files/file:///a"`, legacy: 200, stateless: 400, code: -32002, codeOfStateless: -32602},
		"no prompt":           {method: "prompts/get", named: "-", params: `"name":""`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32020},
		"cursor is a number":  {method: "tools/list", params: `"cursor":7`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"cursor of nobody":    {method: "tools/list", params: `"cursor":"7"`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"ref is text":         {method: "completion/complete", params: `"ref":"x"`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"level is no level":   {method: "logging/setLevel", params: `"level":"loud"`, legacy: 200, code: -32602, legacyOnly: true},
		"task is a number":    {method: "tasks/get", params: `"taskId":7`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"unknown method":      {method: "later/thing", params: `"x":1`, legacy: 200, stateless: 404, code: -32601, codeOfStateless: -32601},
		"filter is a list":    {method: "subscriptions/listen", params: `"notifications":[]`, stateless: 400, codeOfStateless: -32602, modernOnly: true},
		"names differ a case": {method: "tools/call", named: "files__read", params: `"name":"files__read","Arguments":{}`, legacy: 200, stateless: 400, code: -32602, codeOfStateless: -32602},
		"name twice":          {method: "tools/call", named: "files__read", params: `"name":"files__read","name":"x"`, legacy: 200, stateless: 400, code: -32600, codeOfStateless: -32600},
		"over the limit":      {method: "prompts/get", named: "files__ask", params: `"name":"files__ask"`, over: gateway.Refuse("limit", gateway.RateLimited, "slow"), legacy: 429, stateless: 429, code: -32000, codeOfStateless: -32000},
		"gateway is full":     {method: "tools/list", params: `"x":1`, over: gateway.Refuse("limit", gateway.Overloaded, "full"), legacy: 503, stateless: 503, code: -32000, codeOfStateless: -32000},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, nil, fails)
			check := func(revision string, r reply, status int, code float64) {
				t.Helper()
				if r.status != status || member(t, r.body, "error", "code") != code || member(t, r.body, "id") != 1.0 {
					t.Errorf("%s: got %d %s, want %d with code %v and the ID", revision, r.status, r.body, status, code)
				}
			}
			if !c.modernOnly {
				for _, revision := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
					id := s.initialize("/mcp", "ann", revision, "{}")
					s.limit = nil
					if c.over != nil {
						s.limit = c.over
					}
					check(revision, s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"`+c.method+`","params":{`+c.params+`}}`), c.legacy, c.code)
					s.limit = nil
				}
			}
			if !c.legacyOnly {
				if c.over != nil {
					s.limit = c.over
				}
				check("2026-07-28", s.modern("/mcp", "ann", c.method, c.named, c.params), c.stateless, c.codeOfStateless)
			}
		})
	}
}
