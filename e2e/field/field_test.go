//go:build e2e

// Package field holds what the field has thrown at gateways, clients and
// servers of this kind: inputs after public bug reports, in tables by kind, run
// on the built binary. A row says what is right and where that is written. What
// is an attack rather than an accident is in e2e/attacks.
package field

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/upstream/upstreamtest"
)

func TestMain(m *testing.M) {
	upstreamtest.Main() // this program is also the servers that it starts
	lab.Main(m)
}

// oneTool is a server with one tool "t" that answers "done".
func oneTool(r lab.Request) string {
	switch r.Method {
	case "tools/list":
		return `"result":{"tools":[{"name":"t","description":"A tool.","inputSchema":{"type":"object"}}]}`
	case "tools/call":
		return `"result":{"content":[{"type":"text","text":"done"}]}`
	}
	return ""
}

// MCP 2025-11-25 basic/transports: an endpoint is one path. Clients and people
// write it with and without a slash at its end, and mean the same.
func TestEndpointWithSlashAtItsEnd(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"one": lab.NewScripted(t, oneTool).Config()}}})
	for _, path := range []string{"/mcp", "/mcp/", "/mcp/one", "/mcp/one/"} {
		r := lab.NewRequest(t, g.URL+path, g.Tester(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if a := lab.Do(t, r); a.Status != 200 {
			t.Errorf("POST %s: %d %s, want 200", path, a.Status, a.Text)
		}
	}
}
