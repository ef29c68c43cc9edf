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
	{`{"type":"image","data":"a-_b","mimeType":"image/png"}`, ""},
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
