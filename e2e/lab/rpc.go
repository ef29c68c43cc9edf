//go:build e2e

package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Latest are the first members of the _meta of a request of MCP 2026-07-28, from
// an agent that can be asked.
const Latest = `"io.modelcontextprotocol/protocolVersion":"` + modernRevision + `","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{},"roots":{}}`

// An RPC is one way to send a request of any method.
type RPC struct {
	Name string
	Wire func(server, name string) string // an upstream's name as the agent writes it
	URI  func(server, uri string) string
	DB   string
	// Send sends a request with these members of params, and of its _meta.
	Send func(t testing.TB, g *Gateway, token, method, name string, params, meta []string) Answer
}

// RPCs are the ways to send any request to the server "lab".
var RPCs = []*RPC{
	{Name: "session", Wire: wire, URI: wireURI, Send: sendRPC(sendLegacy("/mcp"))},
	{Name: "session of one server", Wire: own, URI: own, Send: sendRPC(sendLegacy("/mcp/lab"))},
	{Name: "2026-07-28", Wire: wire, URI: wireURI, Send: sendModernRPC("/mcp")},
	{Name: "2026-07-28 of one server", Wire: own, URI: own, Send: sendModernRPC("/mcp/lab")},
	{Name: "SSE", Wire: wire, URI: wireURI, Send: sendRPC(sendSSE)},
	{Name: "stdio", Wire: wire, URI: wireURI, DB: "stdio/toolward.db", Send: sendRPC(sendStdio)},
}

func wire(server, name string) string   { return server + "__" + name }
func wireURI(server, uri string) string { return "toolward://" + server + "/" + uri }
func own(_, name string) string         { return name }

// Object joins members to the text of an object.
func Object(members []string) string { return "{" + strings.Join(members, ",") + "}" }

func withMeta(params, meta []string) []string {
	if len(meta) == 0 {
		return params
	}
	return append(params[:len(params):len(params)], `"_meta":`+Object(meta))
}

func sendRPC(send func(testing.TB, *Gateway, string, string, string) Answer) func(testing.TB, *Gateway, string, string, string, []string, []string) Answer {
	return func(t testing.TB, g *Gateway, token, method, _ string, params, meta []string) Answer {
		t.Helper()
		return send(t, g, token, "", fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":%q,"params":%s}`, method, Object(withMeta(params, meta))))
	}
}

func sendModernRPC(path string) func(testing.TB, *Gateway, string, string, string, []string, []string) Answer {
	return func(t testing.TB, g *Gateway, token, method, name string, params, meta []string) Answer {
		t.Helper()
		meta = append([]string{Latest}, meta...)
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":%q,"params":%s}`, method, Object(withMeta(params, meta)))
		r := NewRequest(t, g.URL+path, token, strings.NewReader(body))
		r.Header.Set("Mcp-Protocol-Version", modernRevision)
		r.Header.Set("Mcp-Method", method)
		if name != "" {
			r.Header.Set("Mcp-Name", name)
		}
		a := Do(t, r)
		a.readMessage(a.Text)
		return a
	}
}

// Result is the result member of an answer, nil if it has none.
func (a Answer) Result() map[string]any {
	text := a.Text
	if _, data, ok := strings.Cut(text, "data: {"); ok && !strings.HasPrefix(text, "{") {
		text, _, _ = strings.Cut("{"+data, "\n")
	}
	var m struct{ Result map[string]any }
	_ = json.Unmarshal([]byte(text), &m) // what is no message has no result
	return m.Result
}

// Stateless makes a script that of a server of MCP 2026-07-28.
func Stateless(script Script) Script {
	return func(r Request) string {
		if said := script(r); said != "" {
			return said
		}
		switch r.Method {
		case "server/discover":
			return `"result":{"resultType":"complete","supportedVersions":["` + modernRevision + `"],"capabilities":{"tools":{},"prompts":{},"resources":{},"completions":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"scripted","version":"1"}}}`
		case "initialize":
			return `"error":{"code":-32601,"message":"no such method"}`
		}
		return ""
	}
}

// All are the bodies of every message that the upstream got.
func (s *Scripted) All() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.got {
		b.Write(r.Body)
		b.WriteByte('\n')
	}
	return b.String()
}
