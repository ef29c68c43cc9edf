package server

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// An upstream with a session asks an agent without one.
func TestStatelessAgentIsAskedByResult(t *testing.T) {
	s := newStub(t, nil, asking("elicitation/create", elicit))
	const params = `"name":"files__read","arguments":{"b":1,"a":2}`
	r := s.modern("/mcp", "ann", "tools/call", "files__read", params)
	body := last(t, r)
	if member(t, body, "result", "resultType") != "input_required" || member(t, body, "result", "inputRequests", "gw-1", "params", "message") != "your name?" {
		t.Fatalf("got %s", body)
	}
	state := member(t, body, "result", "requestState").(string)
	answer := func(state string) string {
		return `,"requestState":"` + state + `","inputResponses":{"gw-1":{"action":"accept","content":{}}}`
	}
	for name, c := range map[string]struct{ path, token, tool, params string }{
		"tampered":             {"/mcp", "ann", "files__read", params + answer(state[:len(state)-2]+"AA")},
		"made up":              {"/mcp", "ann", "files__read", params + answer("tw1.AAAA")},
		"not sealed":           {"/mcp", "ann", "files__read", params + answer("state")},
		"empty":                {"/mcp", "ann", "files__read", params + answer("")},
		"another agent":        {"/mcp", "bob", "files__read", params + answer(state)},
		"other arguments":      {"/mcp", "ann", "files__read", `"name":"files__read","arguments":{"b":1,"a":3}` + answer(state)},
		"another tool":         {"/mcp", "ann", "files__ask", `"name":"files__ask","arguments":{"b":1,"a":2}` + answer(state)},
		"another endpoint":     {"/mcp/files", "ann", "read", `"name":"read","arguments":{"b":1,"a":2}` + answer(state)},
		"a cursor for a state": {"/mcp", "ann", "files__read", params + answer(s.srv.seal.close("p1", time.Now().Add(time.Hour), "cursor"))},
	} {
		if r := s.modern(c.path, c.token, "tools/call", c.tool, c.params); r.status != 400 || member(t, r.body, "error", "code") != -32602.0 {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	// A retry without the answer is asked again; the members' order is no matter.
	r = s.modern("/mcp", "ann", "tools/call", "files__read", params+`,"requestState":"`+state+`"`)
	state = member(t, last(t, r), "result", "requestState").(string)
	r = s.modern("/mcp", "ann", "tools/call", "files__read", `"name":"files__read","arguments":{"a":2, "b":1}`+answer(state))
	if got := last(t, r); got != `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[],"answer":{"action":"accept","content":{}}}}` {
		t.Errorf("got %s", got)
	}
	if r := s.modern("/mcp", "ann", "tools/call", "files__read", params+answer(state)); r.status != 400 {
		t.Errorf("a state was used twice: %d %s", r.status, r.body)
	}
}

// last is the last message of an answer, whether it came as JSON or as a stream.
func last(t *testing.T, r reply) string {
	t.Helper()
	if !strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream") {
		return r.body
	}
	stream, body := events(strings.NewReader(r.body)), ""
	for {
		e, err := stream.Next()
		if err != nil {
			return body
		}
		body = string(e.Data)
	}
}

func TestParkedCallsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := newBareStub(t, func(o *Options) { o.ParkTTL = time.Minute }, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
			_, err := c.Origin.Request(ctx, c, "elicitation/create", []byte(elicit))
			ended <- err
			return nil, err
		})
		x := parkableExchange(t, s)
		if o := x.answer(t.Context()); !strings.Contains(string(o.result), "input_required") {
			t.Fatalf("got %+v", o)
		}
		time.Sleep(time.Minute + time.Second)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the call ended with %v", err)
		}
		s.srv.Close()
	})
}

func TestParkedCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBareStub(t, func(o *Options) { o.Parked = 1 }, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
			_, err := c.Origin.Request(ctx, c, "elicitation/create", []byte(elicit))
			return nil, err
		})
		parkableExchange(t, s).answer(t.Context())
		if o := parkableExchange(t, s).answer(t.Context()); o.refusal == nil || o.refusal.Code != gateway.Overloaded {
			t.Errorf("got %+v", o)
		}
		s.srv.Close() // and the parked call ends, or synctest fails
	})
}

func parkableExchange(t *testing.T, s *stub) *exchange {
	t.Helper()
	x := s.srv.exchange(&gateway.Agent{ID: "ann", Issuer: "test"}, gateway.SurfaceMCP, "", "")
	x.standAlone("2026-07-28")
	if _, err := x.read([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + modernMeta + `,"name":"files__read"}}`)); err != nil {
		t.Fatal("the request is not valid")
	}
	return x
}

// The states of upstreams are sealed: an upstream cannot tell agents apart, so
// the gateway keeps one from using what another was given.
func TestUpstreamStateIsBoundToItsAgent(t *testing.T) {
	var got string
	s := newStub(t, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		if c.Round != nil {
			got = string(c.Round.State)
			return &gateway.Result{Raw: json.RawMessage(`{"resultType":"complete","content":[]}`)}, nil
		}
		return &gateway.Result{Raw: json.RawMessage(`{"resultType":"input_required", "inputRequests":{"q":{"method":"roots/list"}},"requestState":"of the upstream","x":1.0}`)}, nil
	})
	r := s.modern("/mcp", "ann", "tools/call", "files__read", `"name":"files__read"`)
	state := member(t, r.body, "result", "requestState").(string)
	if want := strings.Replace(`{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required", "inputRequests":{"q":{"method":"roots/list"}},"requestState":"STATE","x":1.0}}`, "STATE", state, 1); r.body != want {
		t.Errorf("got %s\nwant %s", r.body, want)
	}
	if strings.Contains(state, "upstream") {
		t.Errorf("the state is readable: %s", state)
	}
	retry := `"name":"files__read","inputResponses":{"q":{"roots":[]}},"requestState":"` + state + `"`
	if r := s.modern("/mcp", "bob", "tools/call", "files__read", retry); r.status != 400 || got != "" {
		t.Errorf("another agent used the state: %d %s", r.status, r.body)
	}
	if r := s.modern("/mcp", "ann", "tools/call", "files__read", retry); r.status != 200 || got != `"of the upstream"` {
		t.Errorf("got %d %s, the upstream got %s", r.status, r.body, got)
	}
}
