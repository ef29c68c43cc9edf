//go:build e2e

package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const modernRevision = "2026-07-28"

const frameLegacyList = `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}`

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernRevision + `","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"attacker","version":"1"}}`

const frameModernList = `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{` + modernMeta + `}}`

// Hello is the message that opens a session.
const Hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"attacker","version":"1"}}}`

func frameLegacy(prefix string) func(string, string) string {
	return func(tool, args string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"%s%s","arguments":%s}}`, prefix, tool, args)
	}
}

func frameModern(prefix string) func(string, string) string {
	return func(tool, args string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"%s%s","arguments":%s,%s}}`, prefix, tool, args, modernMeta)
	}
}

// sendModern sends one stateless request.
func sendModern(path, prefix string) func(testing.TB, *Gateway, string, string, string) Answer {
	return func(t testing.TB, g *Gateway, token, tool, message string) Answer {
		t.Helper()
		r := NewRequest(t, g.URL+path, token, strings.NewReader(message))
		r.Header.Set("Mcp-Protocol-Version", modernRevision)
		if tool == "" {
			r.Header.Set("Mcp-Method", "tools/list")
		} else {
			r.Header.Set("Mcp-Method", "tools/call")
			r.Header.Set("Mcp-Name", prefix+tool)
		}
		a := Do(t, r)
		a.readMessage(a.Text)
		return a
	}
}

// OpenSession opens a session at a path, and returns its ID or the refusal.
func OpenSession(t testing.TB, g *Gateway, token, path string) (session string, refused *Answer) {
	t.Helper()
	a := Do(t, NewRequest(t, g.URL+path, token, strings.NewReader(Hello)))
	a.readMessage(a.Text)
	if session = a.Header.Get("Mcp-Session-Id"); session == "" {
		return "", &a
	}
	return session, nil
}

// NewSessionRequest is a request of a session.
func NewSessionRequest(t testing.TB, g *Gateway, token, path, session, message string) *http.Request {
	t.Helper()
	r := NewRequest(t, g.URL+path, token, strings.NewReader(message))
	r.Header.Set("Mcp-Session-Id", session)
	r.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	return r
}

// sendLegacy opens a session, sends a message in it, and closes it.
func sendLegacy(path string) func(testing.TB, *Gateway, string, string, string) Answer {
	return func(t testing.TB, g *Gateway, token, _, message string) Answer {
		t.Helper()
		session, refused := OpenSession(t, g, token, path)
		if refused != nil {
			return *refused
		}
		a := Do(t, NewSessionRequest(t, g, token, path, session, message))
		a.readMessage(a.Text)
		bye := NewSessionRequest(t, g, token, path, session, "")
		bye.Method = http.MethodDelete
		if b := Do(t, bye); b.Status >= 300 && a.Code != "blocked" { // who is stopped may not even say goodbye
			t.Errorf("closing the session: %+v", b)
		}
		return a
	}
}
