package guard

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// A definition that reaches for another server's tool wherever it can costs what its
// length does: the answer is waited for under the catalog's lock, whenever a list changes.
func TestDefinitionOfNothingButReaches(t *testing.T) {
	s := newScanner(t, Options{})
	members := map[string]any{}
	for i := range 20_000 {
		members[strings.Repeat("m", 1+i%40)+string(rune('a'+i%26))+encoded(t, i)] = "always b__x"
	}
	for name, c := range map[string]struct {
		definition any
		more       string
	}{
		"in one text":   {map[string]any{"name": "x", "description": strings.Repeat("always b__x b__x b__x b__x b__x b__x ", 1<<20/38)}, ""},
		"in many texts": {map[string]any{"name": "x", "inputSchema": members}, "; and 19997 more"},
	} {
		tools := []*gateway.Tool{
			{Kind: gateway.KindTool, Server: "a", Name: "x", Wire: "a__x", Definition: json.RawMessage(encoded(t, c.definition)), Fingerprint: name},
			{Kind: gateway.KindTool, Server: "b", Name: "x", Wire: "b__x", Definition: json.RawMessage(`{"name":"x"}`), Fingerprint: "b"},
		}
		before := time.Now()
		reasons := s.Shadows(tools)
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("%s: it takes %v", name, took)
		}
		if !strings.HasPrefix(reasons[0], "poisoning.shadow.description at ") || !strings.HasSuffix(reasons[0], c.more) || reasons[1] != "" {
			t.Errorf("%s: %.300q", name, reasons)
		}
	}
}
