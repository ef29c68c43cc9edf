package mcp_test

import (
	"context"
	"encoding/json"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// person answers elicitations for mcp-go's client.
type person struct{}

func (person) Elicit(context.Context, mcpgo.ElicitationRequest) (*mcpgo.ElicitationResult, error) {
	return &mcpgo.ElicitationResult{ElicitationResponse: mcpgo.ElicitationResponse{Action: mcpgo.ElicitationResponseActionAccept, Content: map[string]any{"name": "ann"}}}, nil
}

// mcp-go's client, over both transports, in front of upstreams of both eras.
func TestMCPGoClient(t *testing.T) {
	for _, revision := range []string{"2025-06-18", upstreamtest.Modern} {
		url := gatewayFor(t, client.Options{URL: upstreamtest.Serve(t, upstreamtest.Script{Revision: revision}).URL}, false)
		overHTTP, err := transport.NewStreamableHTTP(url + "/mcp")
		if err != nil {
			t.Fatal(err)
		}
		overSSE, err := transport.NewSSE(url + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		for name, over := range map[string]transport.Interface{"Streamable HTTP": overHTTP, "SSE": overSSE} {
			t.Run(name+" to "+revision, func(t *testing.T) {
				c := mcpclient.NewClient(over, mcpclient.WithElicitationHandler(person{}))
				useMCPGo(t, c)
				// Asking over SSE is more than that client's transport can do.
				if name == "Streamable HTTP" {
					elicitMCPGo(t, c, revision)
				}
			})
		}
	}
}

func useMCPGo(t *testing.T, c *mcpclient.Client) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Initialize(t.Context(), mcpgo.InitializeRequest{Params: mcpgo.InitializeParams{
		ProtocolVersion: mcpgo.LATEST_LEGACY_PROTOCOL_VERSION, ClientInfo: mcpgo.Implementation{Name: "t", Version: "1"},
	}}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{})
	if err != nil || len(list.Tools) != len(upstreamtest.Tools) {
		t.Fatalf("%v, %v", list, err)
	}
	r, err := c.CallTool(t.Context(), mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: "s__tool_error", Arguments: map[string]any{"a": 1}}})
	if err != nil || !r.IsError {
		t.Fatalf("%v, %v", r, err)
	}
}

func elicitMCPGo(t *testing.T, c *mcpclient.Client, revision string) {
	t.Helper()
	tool := "s__elicit"
	if revision == upstreamtest.Modern {
		tool = "s__input"
	}
	r, err := c.CallTool(t.Context(), mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: tool}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"action":"accept","content":{"name":"ann"}}`
	if revision == upstreamtest.Modern {
		want = `{"responses":{"q":` + want + `},"state":"state-1"}`
	}
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
