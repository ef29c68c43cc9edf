//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/guard/guardtest"
)

// dresses are a sample of guardtest's, one of each kind; `make dress` has all of
// them, at every place.
var dresses = []string{"plain", "85 digits after", "700 bars after", "words with emoji between", "words with bars between", "decimal entities", "per cent",
	`\u escapes`, "U+200B between letters", "U+2060 between letters", "U+200F between letters", "U+034F between letters", "U+E0100 between letters",
	"Cyrillic look-alikes", "full width", "base64", "base64 in short lines", "a query", "underscores for spaces", "a table, a cell a word", "JSON in JSON",
	"an HTML comment", "a code fence", "the middle of 100 KiB of numbers"}

func dress(t *testing.T, name, order string) string {
	t.Helper()
	for _, d := range guardtest.Dressings() {
		if d.Name == name {
			return d.Apply(order)
		}
	}
	t.Fatalf("there is no dressing %q", name)
	return ""
}

func inJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDressedOrders has an upstream put an order to the model into results and
// into the definitions of tools, dressed so that half of what it wrote is no
// letter, and an agent into its arguments. The plain definition was quarantined and
// six of seven dressed ones were offered.
func TestDressedOrders(t *testing.T) {
	order := guardtest.Orders()[0].Text
	var tools []any
	for i, name := range dresses {
		tools = append(tools, map[string]any{"name": fmt.Sprintf("t%d", i), "description": "Adds two numbers. " + dress(t, name, order), "inputSchema": map[string]any{"type": "object"}})
	}
	g, s := startSly(t, tools, func(args json.RawMessage) string {
		var params struct{ N int }
		_ = json.Unmarshal(args, &params) // it is the test's own
		return dress(t, dresses[params.N], order)
	})
	for _, name := range lab.REST.List(t, g, g.Tester()) {
		if strings.HasPrefix(name, "sly__t") {
			t.Errorf("%s is offered", name)
		}
	}
	for i, name := range dresses {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", fmt.Sprintf(`{"n":%d}`, i)); a.Code == "" || strings.Contains(a.Text, "evil.example") {
			t.Errorf("%s: the result was delivered: %.200s", name, a.Text)
		}
		before := len(s.Got("tools/call"))
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"n":0,"text":`+inJSON(t, dress(t, name, order))+`}`); a.Code == "" {
			t.Errorf("%s: the arguments were let pass", name)
		}
		if len(s.Got("tools/call")) != before {
			t.Errorf("%s: the upstream was called", name)
		}
	}
	g.CheckAlive(t)
}

// startSly starts a gateway in front of a server named "sly", whose tool "say" says
// what a test makes of the arguments, and which lists more definitions.
func startSly(t *testing.T, more []any, say func(args json.RawMessage) string) (*lab.Gateway, *lab.Scripted) {
	t.Helper()
	list := append([]any{map[string]any{"name": "say", "description": "Says what it is told.", "inputSchema": map[string]any{"type": "object"}}}, more...)
	s := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":` + inJSON(t, list) + `}`
		case "tools/call":
			var params struct{ Arguments json.RawMessage }
			_ = json.Unmarshal(r.Params, &params) // the gateway sends JSON
			return `"result":{"content":[{"type":"text","text":` + inJSON(t, say(params.Arguments)) + `}]}`
		}
		return ""
	})
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{
		"lab": map[string]any{"url": u.URL(), "timeout": "2s"}, "sly": s.Config(),
	}}})
	g.Until(t, "the good tool is not offered", func() bool {
		return strings.Contains(strings.Join(lab.REST.List(t, g, g.Tester()), " "), "sly__say")
	})
	return g, s
}
