//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

const mixedMeters = `package gateway

meter contains {"name": "spent", "amount": input.args.n, "window": "24h"}

meter contains {"name": "of_all", "per": "all", "amount": input.args.n, "window": "1h"}

meter contains {"name": "to", "key": input.args.text, "window": "24h"}

meter contains {"name": "denials", "per": "session", "on": "denied", "window": "30d"}

meter contains {"name": "open", "per": "tool", "on": "running"}

meter contains {"name": "length", "amount": count(input.result.content), "window": "1h"}

remember contains {"name": "said", "value": input.args.text, "for": "1h"}

allow if input.meters.denials.count < 40

deny contains "more than LIMIT" if input.meters.spent.total > LIMIT

deny contains "too often" if input.meters.to.count >= 12

deny contains "too many" if {
	input.meters.to.count == 0
	input.meters.to.keys >= 6
}

deny contains "more than 900 of all" if input.meters.of_all.total > 900

deny contains "too much of that" if {
	input.stage == "request"
	input.meters.length.sum >= 55
}

approve contains "b after c" if {
	input.args.text == "b"
	some e in input.history
	e.name == "said"
	e.value == "c"
	input.meters.spent.sum > 90
}

deny contains "busy" if input.meters.open.count > 20
`

// TestMeteredCallsAreReplayed makes a record of mixed metered calls and decides them
// again: by the same policy each comes out as it did, and by one with another bound
// those change, and only those, whose sum was past it, as the test itself added up.
func TestMeteredCallsAreReplayed(t *testing.T) {
	policy := func(limit string) map[string]string {
		return map[string]string{"p.rego": strings.ReplaceAll(mixedMeters, "LIMIT", limit)}
	}
	g := lab.Start(t, lab.Options{Config: map[string]any{"approvals": map[string]any{"wait": "0s"}}, Policies: policy("100")})
	const seed = 29
	random := rand.New(rand.NewPCG(seed, seed))
	spent := map[string]int{} // in tenths
	var want []string
	codes := map[string]int{}
	for range 600 {
		agent, text, n := string(rune('a'+random.IntN(5))), string(rune('a'+random.IntN(9))), random.IntN(60)
		a := lab.CallREST(t, g, g.Token(agent), "lab__echo", fmt.Sprintf(`{"text":%q,"n":%d.%d}`, text, n/10, n%10))
		codes[a.Code]++
		if a.Code != "" && a.Code != "approval_pending" {
			continue
		}
		if spent[agent]+n > 500 {
			want = append(want, a.ID)
		}
		if a.Code == "" {
			spent[agent] += n
		}
	}
	if codes[""] == 0 || codes["policy"] == 0 || codes["approval_pending"] == 0 || len(want) == 0 {
		t.Fatalf("%v and %d beyond 50: not mixed", codes, len(want))
	}
	replayed := func(path string) (calls []string) {
		t.Helper()
		cmd := g.Command("policy", "replay", path, "--config", "toolward.yaml", "--output", "json")
		out, err := cmd.Output()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		var rows []struct{ Call, Was, Would string }
		if err := json.Unmarshal(out, &rows); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, r := range rows {
			calls = append(calls, r.Call)
		}
		slices.Sort(calls)
		return calls
	}
	if got := replayed("./policies"); len(got) != 0 {
		t.Errorf("by the same policy %d of 600 come out otherwise: %v", len(got), got)
	}
	g.Write(t, "next/p.rego", policy("50")["p.rego"])
	slices.Sort(want)
	if got := replayed("./next"); !slices.Equal(got, want) {
		t.Errorf("%d come out otherwise under half of it, want %d", len(got), len(want))
	}
	t.Logf("%v, %d beyond 50", codes, len(want))
}
