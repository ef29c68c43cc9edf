package server

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/mcp"
)

// sseAgent is an agent of the 2024-11-05 transport.
type sseAgent struct {
	*stub
	token, endpoint string
	stream          *mcp.EventReader
}

// openSSE connects an agent, and initializes nothing.
func (s *stub) openSSE(token string) *sseAgent {
	s.t.Helper()
	resp := s.open(s.t.Context(), "GET", "/sse", token, "")
	s.t.Cleanup(func() { resp.Body.Close() })
	c := &sseAgent{stub: s, token: token, stream: events(resp.Body)}
	c.endpoint = c.next()
	return c
}

func (c *sseAgent) post(body string) {
	c.t.Helper()
	if r := c.send("POST", c.endpoint, c.token, body); r.status != 202 {
		c.t.Fatalf("got %d %s", r.status, r.body)
	}
}

// next is the next message.
func (c *sseAgent) next() string {
	c.t.Helper()
	for {
		e, err := c.stream.Next()
		if err != nil {
			c.t.Fatal(err)
		}
		if len(e.Data) > 0 {
			return string(e.Data)
		}
	}
}

func TestLegacySSE(t *testing.T) {
	s := newStub(t, nil, asking("elicitation/create", elicit))
	resp := s.open(t.Context(), "GET", "/sse", "ann", "")
	stream := events(resp.Body)
	first := nextData(t, stream)
	endpoint := string(first.Data)
	if first.Name != "endpoint" || !strings.HasPrefix(endpoint, "/message?sessionId=") || first.ID != "" {
		t.Fatalf("the first event is %q %s", first.Name, endpoint)
	}
	post := func(body string) {
		t.Helper()
		if r := s.send("POST", endpoint, "ann", body); r.status != 202 {
			t.Fatalf("got %d %s", r.status, r.body)
		}
	}
	expect := func(want string) {
		t.Helper()
		if e := nextData(t, stream); !strings.Contains(string(e.Data), want) {
			t.Errorf("got %s, want %s", e.Data, want)
		}
	}
	post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"elicitation":{}}}}`)
	expect(`"protocolVersion":"2024-11-05"`)
	if r := s.send("POST", endpoint, "bob", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); r.status != 404 {
		t.Errorf("another principal: got %d", r.status)
	}
	post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`)
	expect(`notifications/progress`)
	expect(`"id":"gw-1"`)
	post(`{"jsonrpc":"2.0","id":"gw-1","result":{"action":"accept"}}`)
	expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[],"answer":{"action":"accept"}}}`)
	post(`{"jsonrpc":"2.0","id":1,"method":"ping","id":2}`)
	expect(`-32600`)
	s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged})
	expect(`list_changed`)
	id := strings.TrimPrefix(endpoint, "/message?sessionId=")
	resp.Body.Close()
	for s.srv.sessions.byOwnID(id) != nil { // the server sees the end of the connection
		runtime.Gosched()
	}
	if r := s.send("POST", endpoint, "ann", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); r.status != 404 {
		t.Errorf("the session outlived its stream: %d", r.status)
	}
}

// A drain ends streams that wait for nothing, and lets calls be answered.
func TestDrainEndsIdleStreamsAndKeepsCalls(t *testing.T) {
	b := newBlocking()
	s := newStub(t, nil, b.do)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	get := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
	defer get.Body.Close()
	listen := s.openModern(t.Context(), "/mcp", "ann", "subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`)
	defer listen.Body.Close()
	sse := s.open(t.Context(), "GET", "/sse", "ann", "")
	defer sse.Body.Close()
	stream := events(sse.Body)
	endpoint := string(nextData(t, stream).Data)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`
	s.send("POST", endpoint, "ann", call)
	answer := make(chan reply)
	go func() { answer <- s.legacy("/mcp", "ann", id, call) }()
	<-b.begun
	<-b.begun
	s.srv.Drain()
	for _, r := range []io.Reader{get.Body, listen.Body} {
		if _, err := io.ReadAll(r); err != nil {
			t.Errorf("a stream broke instead of ending: %v", err)
		}
	}
	close(b.free)
	if r := <-answer; member(t, r.body, "result") == nil {
		t.Errorf("the call was not answered: %s", r.body)
	}
	if e := nextData(t, stream); !strings.Contains(string(e.Data), `"result"`) {
		t.Errorf("the call over SSE was not answered: %s", e.Data)
	}
	if _, err := stream.Next(); err != io.EOF {
		t.Errorf("the SSE stream goes on: %v", err)
	}
}
