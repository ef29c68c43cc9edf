//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// amounts are forms of an amount, and what becomes of a call with one under a bound of
// 10^18: "" where it passes.
var amounts = []struct{ form, code string }{
	{"0", ""}, {"0.1", ""}, {"0.2", ""}, {"1e-9", ""}, {"0.00000000000001", ""}, {"1E2", ""}, {"-0", ""},
	{"-5", "policy"}, {"-0.0000000001", "policy"}, {"-1e18", "policy"}, {`"5"`, "policy"}, {`""`, "policy"}, {`"NaN"`, "policy"}, {`"-5"`, "policy"},
	{"null", "policy"}, {"true", "policy"}, {"[5]", "policy"}, {`{"n":5}`, "policy"}, {"1e19", "policy"}, {"1000000000000000001", "policy"}, {"1000000000000000000", "policy"},
	{"1e400", "malformed"}, {"-1e400", "malformed"}, {"NaN", "malformed"}, {"Infinity", "malformed"}, {"0x10", "malformed"}, {"+5", "malformed"}, {"05", "malformed"}, {".5", "malformed"}, {"5.", "malformed"},
}

// TestAmountsThatAreNone: what is no amount is refused, reaches no upstream and is not
// counted; what is one counts exactly.
func TestAmountsThatAreNone(t *testing.T) {
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"spend","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}, Policies: map[string]string{"p.rego": `package gateway

allow := true

meter contains {"name": "m", "amount": input.args.n, "window": "24h"}

deny contains "more than 10^18" if input.meters.m.total > 1000000000000000000
`}})
	token := g.Tester()
	passed := 0
	for _, tt := range amounts {
		a := lab.CallREST(t, g, token, "lab__spend", fmt.Sprintf(`{"n":%s}`, tt.form))
		if a.Code != tt.code {
			t.Errorf("%s: %q, want %q: %s", tt.form, a.Code, tt.code, a.Text)
		}
		if tt.code == "" {
			passed++
		}
	}
	if got := len(up.Got("tools/call")); got != passed {
		t.Errorf("%d reached the upstream, want %d", got, passed)
	}
	sum := g.Rows(t, "", "SELECT count(*) AS n, sum(amount) AS s FROM meters WHERE name = 'm'")
	if n, _ := sum[0]["n"].(float64); int(n) != passed {
		t.Errorf("%v count, want %d", sum, passed)
	}
	code, out := g.Run(t, "meters", "list", "m", "--config", "toolward.yaml", "--output", "json")
	if want := "100.300000002"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("%s, want a sum of %s", out, want)
	}
}
