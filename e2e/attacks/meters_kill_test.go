//go:build e2e

package attacks

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// scopes are whom a meter counts for, with the tokens of who shares one counter.
var scopes = []struct {
	name, meter string
	tokens      func(g *lab.Gateway) []string
}{
	{"agent", `"per": "agent"`, func(g *lab.Gateway) []string {
		return []string{inSession(g, "a", "s1"), inSession(g, "a", "s2"), g.Token("a")}
	}},
	{"session", `"per": "session"`, func(g *lab.Gateway) []string { return []string{inSession(g, "a", "s1"), inSession(g, "a", "s1")} }},
	{"tool", `"per": "tool"`, func(g *lab.Gateway) []string { return []string{g.Token("a"), g.Token("b"), g.Token("c")} }},
	{"all", `"per": "all"`, func(g *lab.Gateway) []string { return []string{g.Token("a"), g.Token("b"), g.Token("c")} }},
	{"key", `"per": "all", "key": input.args.text`, func(g *lab.Gateway) []string { return []string{g.Token("a"), g.Token("b")} }},
}

// inSession is a token of a session.
func inSession(g *lab.Gateway, agent, session string) string {
	return g.Issuer.Sign(g.Issuer.Claims(agent, lab.Audience, map[string]any{"sid": session}))
}

// tenths is the sum of what the upstream saw of a tool, in tenths: exactly.
func tenths(t *testing.T, g *lab.Gateway, tool string) (n int) {
	t.Helper()
	for _, c := range g.Upstream.Ledger() {
		if c.Tool != tool {
			continue
		}
		var args struct{ N json.Number }
		if err := json.Unmarshal([]byte(c.Args), &args); err != nil {
			t.Fatal(err)
		}
		n += inTenths(t, args.N)
	}
	return n
}

func inTenths(t *testing.T, s json.Number) int {
	t.Helper()
	r, ok := new(big.Rat).SetString(string(s))
	if !ok || !r.Mul(r, big.NewRat(10, 1)).IsInt() {
		t.Fatalf("%q has no tenths", s)
	}
	return int(r.Num().Int64())
}

// metered is what the gateway says that a meter counted, in tenths: the most of one counter.
func metered(t *testing.T, g *lab.Gateway) (most int) {
	t.Helper()
	code, out := g.Run(t, "meters", "list", "m", "--config", "toolward.yaml", "--output", "json")
	var all []struct{ Sum json.Number }
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	for _, m := range all {
		most = max(most, inTenths(t, m.Sum))
	}
	return most
}

// leaving is a call whose agent goes away as soon as the gateway may have it.
func leaving(t *testing.T, g *lab.Gateway, token, args string) {
	ctx, cancel := context.WithCancel(t.Context())
	r := lab.NewRequest(t, g.URL+"/v1/tools/lab__echo/call", token, strings.NewReader(args)).WithContext(ctx)
	var gone sync.WaitGroup
	gone.Go(func() {
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
	})
	cancel()
	gone.Wait()
}

// TestBoundsHoldThroughKills sends a thousand calls at once, of amounts with tenths,
// for each of those that a meter counts for: some are given up, some hang until they
// time out, some wait for a person; in the middle the gateway is killed, and the rest
// comes after it. What reached the upstream never exceeds the bound, what counts after
// the restart is at least that and within the bound, and nothing more gets through.
func TestBoundsHoldThroughKills(t *testing.T) {
	const bound = 200 // tenths
	for _, s := range scopes {
		t.Run(s.name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Config: map[string]any{"approvals": map[string]any{"wait": "0s"}}, Policies: map[string]string{"p.rego": `package gateway

allow := true

meter contains {"name": "m", ` + s.meter + `, "amount": input.args.n, "window": "24h"}

deny contains "more than 20 a day" if input.meters.m.total > 20

approve contains "a person looks" if input.tool.name == "approved"
`}})
			tokens := s.tokens(g)
			send := func(i int) lab.Answer {
				token, args := tokens[i%len(tokens)], fmt.Sprintf(`{"text":"k","n":0.%d}`, i%7+1)
				switch {
				case i%11 == 0:
					leaving(t, g, token, args)
				case i%50 == 1:
					raw(t, g, token, "hang", args)
				case i%25 == 2:
					raw(t, g, token, "approved", args)
				default:
					raw(t, g, token, "echo", args)
				}
				return lab.Answer{}
			}
			var killed sync.WaitGroup
			killed.Go(func() {
				g.Until(t, "nothing reaches the upstream", func() bool { return len(g.Upstream.Ledger()) >= 20 })
				g.Kill()
			})
			at(500, 50, send)
			killed.Wait()
			g.Restart(t)
			at(500, 50, send)
			for token := range len(tokens) {
				for _, n := range []string{"0.4", "0.1", "0.1", "0.1", "0.1"} {
					raw(t, g, tokens[token], "echo", fmt.Sprintf(`{"text":"k","n":%s}`, n))
				}
			}
			g.Kill()
			g.Restart(t)
			seen := map[string]int{}
			for _, tool := range []string{"echo", "hang", "approved"} {
				seen[tool] = tenths(t, g, tool)
				seen["all"] += seen[tool]
			}
			most := seen["all"]
			if s.name == "tool" {
				most = max(seen["echo"], seen["hang"])
			}
			counted := metered(t, g)
			if most > counted || counted > bound {
				t.Errorf("%d tenths reached the upstream and %d count; the bound is %d", most, counted, bound)
			}
			if most == 0 || seen["approved"] != 0 {
				t.Errorf("the upstream saw %v", seen)
			}
			t.Logf("%d of %d reached the upstream, %d count", most, bound, counted)
			if a := lab.REST.Call(t, g, tokens[0], "echo", fmt.Sprintf(`{"text":"k","n":%d.%d}`, (bound-counted)/10, (bound-counted)%10+1)); a.Code != "policy" {
				t.Errorf("past the bound: %+v", a)
			}
			g.CheckChain(t, "")
		})
	}
}

// raw sends a call to a gateway that may be dead.
func raw(t *testing.T, g *lab.Gateway, token, tool, args string) (status int) {
	resp, err := http.DefaultClient.Do(lab.NewRequest(t, g.URL+"/v1/tools/lab__"+tool+"/call", token, strings.NewReader(args)))
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestBoundsHoldThroughReloads rewrites the policy under load: meters come and go, get
// other names, windows, keys and owners. The bound that all of them have holds, and
// nothing fails.
func TestBoundsHoldThroughReloads(t *testing.T) {
	const head = "package gateway\n\nallow := true\n\ndeny contains \"more than 20\" if input.meters.m.total > 20\n\n"
	others := []string{
		`meter contains {"name": "m", "amount": input.args.n, "window": "24h"}`,
		`meter contains {"name": "m", "amount": input.args.n, "window": "48h"}
meter contains {"name": "x", "per": "all", "key": input.args.text, "window": "1h"}
deny contains "many" if input.meters.x.keys > 5000`,
		`meter contains {"name": "m", "amount": input.args.n, "window": "24h"}
meter contains {"name": "y", "per": "session", "key": input.args.text, "window": "1s"}
deny contains "twice" if input.meters.y.count > 5000`,
		`meter contains {"name": "m", "amount": input.args.n, "window": "366d"}
meter contains {"name": "x", "on": "running"}
remember contains {"name": "seen", "value": input.args.text, "for": "1s"}
deny contains "too many" if input.meters.x.count > 5000
deny contains "too much" if count(input.history) > 5000`,
	}
	g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": head + others[0] + "\n"}})
	token := g.Token("a")
	over, sent := make(chan struct{}), atomic.Int64{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					i := sent.Add(1)
					raw(t, g, token, "echo", fmt.Sprintf(`{"text":"k%d","n":0.%d}`, i%3, i%2))
				}
			}
		})
	}
	for i := range 3 * len(others) {
		g.Write(t, "policies/all.rego", head+others[(i+1)%len(others)]+"\n")
		g.Signal(t, syscall.SIGHUP)
		g.Until(t, "the policy is not read again", func() bool { return strings.Count(g.Log.String(), "policy reloaded") > i })
		was := sent.Load()
		g.Until(t, "no calls under it", func() bool { return sent.Load() > was+20 })
	}
	close(over)
	all.Wait()
	for range 3 {
		raw(t, g, token, "echo", `{"text":"k","n":0.1}`)
	}
	if seen := tenths(t, g, "echo"); seen != 200 {
		t.Errorf("%d tenths got through, want 200", seen)
	}
	if counted := metered(t, g); counted != 200 {
		t.Errorf("%d tenths count, want 200", counted)
	}
	if strings.Contains(g.Log.String(), "panic") {
		t.Error(g.Log)
	}
	g.CheckChain(t, "")
}

// TestManyKeysOpenNothing: an agent that makes more keys than there are places for
// neither gets through a rule that asks for an earlier call under the same key, nor
// through one that allows one call a key, and is told why; others go on. So it is
// after kill -9.
func TestManyKeysOpenNothing(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"p.rego": `package gateway

meter contains {"name": "drafted", "key": input.args.text, "window": "24h"}

allow if input.tool.name == "echo"

allow if {
	input.tool.name == "masked"
	input.meters.drafted.count > 0
}

deny contains "drafted once" if {
	input.tool.name == "echo"
	input.meters.drafted.count > 0
}
`}})
	token := g.Token("a")
	const places = 4096
	taken, tried := 0, 0
	for got := -1; got != 0; tried += 500 {
		got = at(500, 20, func(i int) lab.Answer { return lab.CallREST(t, g, token, "lab__echo", lab.Text(fmt.Sprint(tried+i))) })
		taken += got
	}
	if taken == 0 || taken > places {
		t.Errorf("%d keys were taken, want %d", taken, places)
	}
	drafted := map[string]bool{}
	for _, c := range g.Upstream.Ledger() {
		drafted[c.Args] = true
	}
	var known string
	for args := range drafted {
		known = args
	}
	for round := range 2 {
		for _, tt := range []struct{ token, tool, args, code string }{
			{token, "masked", lab.Text("never drafted"), "rate_limited"},
			{token, "echo", lab.Text("new"), "rate_limited"},
			{token, "echo", known, "policy"},
			{token, "masked", known, ""},
			{g.Token(fmt.Sprint("b", round)), "masked", lab.Text("never drafted"), "policy"},
			{g.Token(fmt.Sprint("b", round)), "echo", lab.Text("new"), ""},
		} {
			if a := lab.CallREST(t, g, tt.token, "lab__"+tt.tool, tt.args); a.Code != tt.code {
				t.Errorf("round %d: %s %s: %q, want %q: %s", round, tt.tool, tt.args, a.Code, tt.code, a.Text)
			} else if tt.code == "rate_limited" && !strings.Contains(a.Text, "keys of meter drafted") {
				t.Errorf("it does not say why: %s", a.Text)
			}
		}
		g.Kill()
		g.Restart(t)
	}
	g.CheckChain(t, "")
}
