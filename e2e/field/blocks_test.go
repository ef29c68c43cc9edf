//go:build e2e

package field

import (
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// blocks are of content, each with the first revision that has it; "" for none.
var blocks = []struct{ block, since string }{
	{`{"type":"text","text":"a"}`, "2024-11-05"},
	{`{"type":"image","data":"AAEC","mimeType":"image/png"}`, "2024-11-05"},
	{`{"type":"resource","resource":{"uri":"test://r","text":"r"}}`, "2024-11-05"},
	{`{"type":"audio","data":"AAEC","mimeType":"audio/wav"}`, "2025-03-26"},
	{`{"type":"resource_link","uri":"test://r","name":"r"}`, "2025-06-18"},
	{`{"type":"tool_use","id":"i","name":"n","input":{}}`, ""},
	{`{"type":"hologram","data":7}`, ""},
	{`{"type":"","text":"a"}`, ""},
	{`{"type":null}`, ""},
	{`{"text":"a"}`, ""},
	{`{}`, ""},
	{`[]`, ""},
	{`null`, ""},
	{`{"type":"image","data":"no base64","mimeType":"image/png"}`, ""},
	{`{"type":"image","data":"AAEC"}`, ""},
	{`{"type":"image","data":"a-_b","mimeType":"image/png"}`, "2024-11-05"},
	{`{"type":"image","data":"data:image/png;base64,iVBORw0KGgo="}`, "2024-11-05"},
	{`{"type":"image","data":"iVBORw0KGgo="}`, "2024-11-05"},
	{`{"type":"resource","resource":{"text":"r"}}`, "2024-11-05"},
	{`{"type":"text","text":null}`, ""},
	{`{"type":"resource","resource":{"uri":"test://r"}}`, ""},
	{`{"type":"text","text":"a","data":"no base64","size":"big","input":[]}`, "2024-11-05"},
}

// One block that an agent's client cannot read takes no other with it: a text says
// what it was, to the model and on record.
func TestBlocksThatAClientCannotRead(t *testing.T) {
	var all []string
	for _, b := range blocks {
		all = append(all, b.block)
	}
	odd := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return fmt.Sprintf(`"result":{"tools":[`+tool+`]}`, "show")
		case "tools/call":
			return `"result":{"content":[` + strings.Join(all, ",") + `]}`
		}
		return ""
	})
	g := among(t, odd.Config())
	for _, revision := range []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"} {
		r, err := goSDKOf(t, g, "/mcp", revision).CallTool(t.Context(), &mcp.CallToolParams{Name: "odd__show"})
		if err != nil || r.IsError || len(r.Content) != len(blocks) {
			t.Errorf("%s: %v, %v", revision, r, err)
			continue
		}
		for i, b := range blocks {
			text, ok := r.Content[i].(*mcp.TextContent)
			said := ok && strings.HasPrefix(text.Text, "[content that cannot be passed on was left out: ")
			if known := b.since != "" && revision >= b.since; said == known {
				t.Errorf("%s: %s came as %+v", revision, b.block, r.Content[i])
			}
		}
	}
	if n := g.Rows(t, "", "SELECT count(*) AS n FROM events WHERE body ->> '$.result_fitted[0]' LIKE '/content/%'")[0]["n"]; n != 5.0 {
		t.Errorf("%v results are on record as made to fit, want 5", n)
	}
}

// A prompt and a resource that are not quite MCP arrive, as far as they can be read.
func TestPromptsAndResourcesThatAreNotQuiteMCP(t *testing.T) {
	odd := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "prompts/list":
			return `"result":{"prompts":[{"name":"p"}]}`
		case "prompts/get":
			return `"result":{"messages":[{"role":"system","content":"one"},{"content":[{"type":"text","text":"two"}]},{"role":"assistant"},"four"]}`
		case "resources/list":
			return `"result":{"resources":[{"uri":"a:b","name":"r"}]}`
		case "resources/read":
			return `"result":{"contents":[{"text":"one"},{"uri":"a:b"},{"uri":"a:b","blob":"data:image/png;base64,iVBORw0KGgo="}]}`
		}
		return ""
	})
	g := among(t, odd.Config())
	for _, revision := range []string{"2026-07-28", "2025-11-25", "2024-11-05"} {
		s := goSDKOf(t, g, "/mcp/odd", revision)
		p, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "p"})
		if err != nil || len(p.Messages) != 4 {
			t.Errorf("%s: %+v, %v", revision, p, err)
			continue
		}
		for i, want := range []string{"one", "two", "[content that cannot be passed on", "four"} {
			if text, ok := p.Messages[i].Content.(*mcp.TextContent); !ok || !strings.HasPrefix(text.Text, want) || p.Messages[i].Role != "user" {
				t.Errorf("%s: message %d: %+v", revision, i, p.Messages[i])
			}
		}
		c, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a:b"})
		if err != nil || len(c.Contents) != 3 || c.Contents[0].Text != "one" || !strings.HasPrefix(c.Contents[1].Text, "[content") || c.Contents[2].MIMEType != "image/png" {
			t.Errorf("%s: %+v, %v", revision, c, err)
		}
	}
}
