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
	g, _ := startSly(t, nil, func(args json.RawMessage) string {
		var params struct{ Name string }
		_ = json.Unmarshal(args, &params) // it is the test's own
		return texts[params.Name]
	})
	for _, name := range names {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":`+inJSON(t, name)+`}`); a.Code == "" || strings.Contains(a.Text, order) {
			t.Errorf("%s: the result was delivered: %.200s", name, a.Text)
		}
	}
	g.CheckAlive(t)
}
