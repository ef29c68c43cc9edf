//go:build e2e

package lab

import (
	"fmt"
	"strings"
	"testing"
)

// Answering are the capabilities of an agent that can be asked all there is.
const Answering = `"capabilities":{"elicitation":{},"sampling":{},"roots":{}}`

// Held is the way in a session that is opened now, for all requests, by an agent
// that can be asked.
func (w *RPC) Held(t testing.TB, g *Gateway, token, path string) *RPC {
	t.Helper()
	hello := Do(t, NewRequest(t, g.URL+path, token, strings.NewReader(strings.Replace(Hello, `"capabilities":{}`, Answering, 1))))
	session := hello.Header.Get("Mcp-Session-Id")
	if session == "" {
		t.Fatalf("no session: %+v", hello)
	}
	held := *w
	held.Name = "held " + w.Name
	held.Send = func(t testing.TB, g *Gateway, token, method, _ string, params, meta []string) Answer {
		t.Helper()
		a := Do(t, NewSessionRequest(t, g, token, path, session,
			fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":%q,"params":%s}`, method, Object(withMeta(params, meta)))))
		a.readMessage(a.Text)
		return a
	}
	return &held
}

// OfLatest is the way with requests of MCP 2026-07-28, on a connection of lines.
func (w *RPC) OfLatest() *RPC {
	latest := *w
	latest.Name = w.Name + ", 2026-07-28"
	latest.Send = func(t testing.TB, g *Gateway, token, method, name string, params, meta []string) Answer {
		t.Helper()
		return w.Send(t, g, token, method, name, params, append([]string{Latest}, meta...))
	}
	return &latest
}
