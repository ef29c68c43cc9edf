package demo

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// TestHintsAgree: a tool that changes nothing destroys nothing, and the notes that one
// adds take nothing away. mcp-go says of each tool that it may (MCP 2025-11-25, ToolAnnotations).
func TestHintsAgree(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		err := Serve(t.Context(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
`), w, "test")
		w.CloseWithError(err)
	}()
	for dec := json.NewDecoder(r); ; {
		var m struct {
			ID     int
			Result struct {
				Tools []struct {
					Name        string
					Annotations struct{ ReadOnlyHint, DestructiveHint bool }
				}
			}
		}
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.ID != 2 {
			continue
		}
		if len(m.Result.Tools) != 5 {
			t.Errorf("%d tools", len(m.Result.Tools))
		}
		for _, tool := range m.Result.Tools {
			if tool.Annotations.DestructiveHint || tool.Annotations.ReadOnlyHint == (tool.Name == "add_note") {
				t.Errorf("%s: %+v", tool.Name, tool.Annotations)
			}
		}
		return
	}
}
