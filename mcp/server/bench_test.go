package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/gateway"
)

// BenchmarkToolsCall is the surface's own work for one call of 1 KiB, with
// rooms and an upstream that do nothing, and without a network.
func BenchmarkToolsCall(b *testing.B) {
	answer := &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat("x", 1000) + `"}]}`)}
	s := newStub(b, nil, func(context.Context, *gateway.Call) (*gateway.Result, error) { return answer, nil })
	args := `"arguments":{"path":"/srv/docs/a.txt","text":"` + strings.Repeat("y", 950) + `"}`
	session := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	for name, c := range map[string]struct {
		body   string
		header http.Header
	}{
		"legacy": {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read",` + args + `}}`, http.Header{"Mcp-Session-Id": {session}}},
		"modern": {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"name":"files__read",` + args + `}}`,
			http.Header{"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"files__read"}}},
	} {
		c.header["Authorization"] = []string{"Bearer ann"}
		c.header["Content-Type"] = []string{"application/json"}
		c.header["Accept"] = []string{"application/json, text/event-stream"}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			body := []byte(c.body)
			for b.Loop() {
				w := discard{header: http.Header{}}
				r := &http.Request{Method: "POST", URL: mcpURL, Header: c.header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "127.0.0.1:1"}
				s.srv.ServeHTTP(&w, r.WithContext(b.Context()))
				if w.status != 200 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

var mcpURL = httptest.NewRequest("POST", "/mcp", nil).URL

// discard is a response that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkToolsList200 is a list of 200 tools from the cache.
func BenchmarkToolsList200(b *testing.B) {
	s := newStub(b, nil, nil)
	s.tools = nil
	for i := range 200 {
		name := "tool" + itoa(i)
		s.tools = append(s.tools, &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name,
			Definition: json.RawMessage(`{"name":"` + name + `","description":"` + strings.Repeat("d", 500) + `"}`)})
	}
	x := s.srv.exchange(&gateway.Agent{ID: "ann", Issuer: "test"}, gateway.SurfaceMCP, "", "")
	x.msg.Method = "tools/list"
	b.ReportAllocs()
	for b.Loop() {
		if o := x.answer(b.Context()); o.result == nil {
			b.Fatal(o)
		}
	}
}

// BenchmarkOverHTTP is a call over loopback: without a session, in a session,
// and in a session with one notification before the result, which makes the
// answer an event stream. The differences are what sessions and streams cost.
func BenchmarkOverHTTP(b *testing.B) {
	s := newStub(b, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		if len(c.Args.Raw()) > 2 {
			if err := c.Origin.Notify(ctx, c, "notifications/progress", []byte(`{"progressToken":1,"progress":1}`)); err != nil {
				return nil, err
			}
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
	})
	session := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	call := func(args string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read","arguments":` + args + `}}`
	}
	for _, c := range []struct {
		name string
		send func() reply
	}{
		{"stateless", func() reply { return s.modern("/mcp", "ann", "tools/call", "files__read", `"name":"files__read"`) }},
		{"session", func() reply { return s.legacy("/mcp", "ann", session, call(`{}`)) }},
		{"stream", func() reply { return s.legacy("/mcp", "ann", session, call(`{"p":1}`)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := c.send(); r.status != 200 {
					b.Fatal(r.status)
				}
			}
		})
	}
}
