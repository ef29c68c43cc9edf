//go:build e2e

package attacks

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/guard/guardtest"
)

// fillers use up a limit of what is decoded, or of what rules look at, before an
// order is reached; what they say is harmless.
var fillers = []struct {
	name string
	word func(i int) string
}{
	{"encoded words", func(i int) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "a harmless remark %d", i))
	}},
	{"tags far apart", func(i int) string { return strings.Repeat("plain words ", 12) + "\U000e0061\U000e0062" }},
	{"near misses of a rule", func(int) string { return "ignore the noise of all previous and former instructions that engines make" }},
}

// TestFillersBeforeAnOrder has an upstream write fillers before an order in base64,
// few and many. After 64 encoded words the order was delivered.
func TestFillersBeforeAnOrder(t *testing.T) {
	order := base64.StdEncoding.EncodeToString([]byte(guardtest.Orders()[0].Text))
	texts := map[string]string{}
	var names []string
	for _, f := range fillers {
		for _, n := range []int{10, 70, 700} {
			var b strings.Builder
			for i := range n {
				b.WriteString(f.word(i))
				b.WriteByte('\n')
			}
			name := fmt.Sprintf("%d %s", n, f.name)
			names, texts[name] = append(names, name), b.String()+order
		}
	}
	s := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"say","description":"Says what it is told.","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			var params struct{ Arguments struct{ Name string } }
			if err := json.Unmarshal(r.Params, &params); err != nil {
				return `"error":{"code":-32602,"message":"name?"}`
			}
			return `"result":{"content":[{"type":"text","text":` + inJSON(t, texts[params.Arguments.Name]) + `}]}`
		}
		return ""
	})
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{
		"lab": map[string]any{"url": u.URL(), "timeout": "2s"}, "sly": s.Config(),
	}}})
	g.Until(t, "the tool is not offered", func() bool {
		return strings.Contains(strings.Join(lab.REST.List(t, g, g.Tester()), " "), "sly__say")
	})
	for _, name := range names {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":`+inJSON(t, name)+`}`); a.Code == "" || strings.Contains(a.Text, order) {
			t.Errorf("%s: the result was delivered: %.200s", name, a.Text)
		}
	}
	g.CheckAlive(t)
}
