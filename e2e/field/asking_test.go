//go:build e2e

package field

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
	"toolward/upstream/upstreamtest"
)

// bearer adds a token to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// answering is a session of the official Go client that says yes to whatever it
// is asked.
func answering(t *testing.T, g *lab.Gateway, path string) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "field", Version: "1"}, &mcp.ClientOptions{
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Model: "m", Role: "assistant", Content: &mcp.TextContent{Text: "sampled"}}, nil
		},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "elicited"}}, nil
		},
	})
	s, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.URL + path, HTTPClient: &http.Client{Transport: bearer(g.Tester())},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Neither standard input and output nor the SSE transport of 2024-11-05 says
// which call a server's question belongs to. However many calls there are, a
// tool that may not ask gets nothing by another that may, and the record says
// who asked.
func TestQuestionsAreTheirOwnCalls(t *testing.T) {
	http := upstreamtest.Serve(t, upstreamtest.Script{Revision: "2025-06-18"})
	old := upstreamtest.Serve(t, upstreamtest.Script{Revision: "2024-11-05"})
	process := func(isolate string) map[string]any {
		u := commandOf(t, upstreamtest.Script{Revision: "2025-06-18"})
		u["isolate"] = isolate
		return u
	}
	upstreams := map[string]any{
		"shared": process("shared"), "own": process("session"), "http": map[string]any{"url": http.URL},
		"sse": map[string]any{"url": old.Test.URL + "/sse", "transport": "sse"},
	}
	policies := map[string]string{"all.rego": lab.AllowTesters}
	for name := range upstreams {
		policies[name+".rego"] = "package reverse." + name + "\n\nallow if input.tool.name == \"elicit\"\n"
	}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": upstreams}, Policies: policies})
	for name := range upstreams {
		t.Run(name, func(t *testing.T) {
			const rounds = 15
			s := answering(t, g, "/mcp/"+name)
			var wg sync.WaitGroup
			for range rounds {
				for tool, want := range map[string]string{"elicit": `"name":"elicited"`, "sample": `no rule`} {
					wg.Go(func() {
						r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
						if err != nil {
							t.Error(err)
							return
						}
						if got, _ := json.Marshal(r.StructuredContent); !strings.Contains(string(got), want) {
							t.Errorf("%s: got %s, want %s", tool, got, want)
						}
					})
				}
			}
			wg.Wait()
			for kind, tool := range map[string]string{"elicitation": "elicit", "sampling": "sample"} {
				where := fmt.Sprintf("kind = '%s' AND server = '%s'", kind, name)
				right := g.Count(t, "", fmt.Sprintf("%s AND parent IN (SELECT id FROM calls WHERE kind = 'tool' AND tool = '%s__%s')", where, name, tool))
				if all := g.Count(t, "", where); all != rounds || right != rounds {
					t.Errorf("%d of %d questions of %s are recorded as its own", right, all, tool)
				}
			}
		})
	}
}

// What is put to nobody is recorded, and the server reads why.
func TestQuestionThatBelongsToNobodyIsRecorded(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"upstreams": map[string]any{"s": commandOf(t, upstreamtest.Script{Extra: []string{`{"name":"meanwhile","inputSchema":{"type":"object"}}`}})}},
		Policies: map[string]string{"all.rego": lab.AllowTesters, "s.rego": "package reverse.s\n\nallow := true\n"},
	})
	s := answering(t, g, "/mcp/s")
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "meanwhile", Arguments: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(r.StructuredContent); !strings.Contains(string(got), "cannot tell which call") {
		t.Errorf("the server got %s", got)
	}
	if n := g.Count(t, "", "kind = 'elicitation' AND server = 's' AND outcome = 'refused'"); n != 1 {
		t.Errorf("%d records, want 1: %v", n, g.Rows(t, "", "SELECT * FROM calls WHERE kind = 'elicitation'"))
	}
}
