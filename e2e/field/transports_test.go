//go:build e2e

package field

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
	"toolward/upstream/upstreamtest"
)

// commandOf is a scripted process as an upstream of toolward.yaml.
func commandOf(t *testing.T, s upstreamtest.Script) map[string]any {
	t.Helper()
	command, env := upstreamtest.Command(t, s)
	variables := map[string]any{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		variables[name] = strings.ReplaceAll(value, "$", "$$")
	}
	return map[string]any{"command": command, "env": variables}
}

// An answer over the limit fails the call that it is for, by its name and with
// the setting, and nothing else: the process goes on.
func TestAnswerOverTheLimit(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	web, old := upstreamtest.Serve(t, upstreamtest.Script{}), upstreamtest.Serve(t, upstreamtest.Script{Revision: "2024-11-05"})
	upstreams := map[string]map[string]any{
		"process": commandOf(t, upstreamtest.Script{Ledger: ledger}),
		"http":    {"url": web.URL},
		"sse":     {"url": old.Test.URL + "/sse", "transport": "sse"},
	}
	config := map[string]any{}
	for name, u := range upstreams {
		u["response"] = "1MiB"
		config[name] = u
	}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": config}})
	for name := range upstreams {
		t.Run(name, func(t *testing.T) {
			s := answering(t, g, "/mcp/"+name)
			said := func(tool string) string {
				r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
				if err != nil {
					return err.Error()
				}
				text, _ := r.Content[0].(*mcp.TextContent)
				return text.Text
			}
			want := fmt.Sprintf("more than 1048576 bytes, which is the limit of upstreams.%s.response", name)
			if got := said("huge"); !strings.Contains(got, want) {
				t.Errorf("the agent reads %q, want %q", got, want)
			}
			g.Until(t, "it works again", func() bool { return said("tool_error") == "no" })
		})
	}
	raw, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), "pid "); n != 1 {
		t.Errorf("%d processes were needed", n)
	}
}

// A server that refuses the handshake says why in the body. The operator reads
// it in the log; an agent is not told what an upstream says of the gateway.
func TestReasonOfAnHTTPErrorIsInTheLog(t *testing.T) {
	strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Bad Request: the tenant is suspended", http.StatusBadRequest)
	}))
	defer strict.Close()
	g := lab.Launch(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"web": map[string]any{"url": strict.URL, "transport": "http"}, "lab": map[string]any{"url": lab.NewUpstream(t).URL()}}}})
	g.Until(t, "the reason is in the log", func() bool { return strings.Contains(g.Log.String(), "the tenant is suspended") })
	g.WaitReady(t)
	a := lab.Do(t, lab.NewRequest(t, g.URL+"/v1/tools/web__anything/call", g.Tester(), strings.NewReader(`{"arguments":{}}`)))
	if strings.Contains(a.Text, "suspended") {
		t.Errorf("the agent reads %s", a.Text)
	}
}
