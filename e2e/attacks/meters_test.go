//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// at sends calls at once, so many at a time, and returns how many were delivered.
func at(n, once int, call func(i int) lab.Answer) (delivered int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	next := make(chan int)
	for range once {
		all.Go(func() {
			for i := range next {
				if a := call(i); a.Code == "" && a.Status == http.StatusOK {
					mu.Lock()
					delivered++
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return delivered
}

// TestCountsHoldAtOnce sends a thousand calls at once under rules that let three
// through: exactly three reach the upstream, over each door.
func TestCountsHoldAtOnce(t *testing.T) {
	for name, rule := range map[string]string{
		"session": "allow if input.session.calls < 3\n",
		"meter":   "allow if input.meters.calls.count < 3\n\nmeter contains {\"name\": \"calls\", \"window\": \"24h\"}\n",
		"key":     "allow if input.meters.calls.count < 3\n\nmeter contains {\"name\": \"calls\", \"key\": input.args.text, \"window\": \"24h\"}\n",
		"history": "allow := true\n\nremember contains {\"name\": \"said\", \"value\": input.args.n, \"for\": \"1h\"}\n\n" +
			"deny contains \"enough\" if count([e | some e in input.history; e.name == \"said\"]) >= 3\n",
	} {
		for _, s := range []*lab.Surface{lab.REST, lab.Modern} {
			t.Run(name+"/"+s.Name, func(t *testing.T) {
				g := lab.Start(t, lab.Options{Policies: map[string]string{"p.rego": "package gateway\n\n" + rule}})
				token, marker := g.Tester(), lab.Marker()
				got := at(1000, 50, func(i int) lab.Answer {
					return s.Call(t, g, token, "echo", fmt.Sprintf(`{"text":%q,"n":%d}`, marker, i))
				})
				if executed := g.Upstream.Executed(marker); got != 3 || executed != 3 {
					t.Errorf("%d were delivered and %d executed, want 3", got, executed)
				}
			})
		}
	}
}

const spending = `package gateway

allow := true

meter contains {"name": "spent", "amount": input.args.n, "window": "24h"}

deny contains "more than 100 a day" if input.meters.spent.total > 100
`

// spent is the sum of the amounts that the upstream saw.
func spent(t *testing.T, g *lab.Gateway) float64 {
	t.Helper()
	sum := 0.0
	for _, c := range g.Upstream.Ledger() {
		var args struct{ N float64 }
		if err := json.Unmarshal([]byte(c.Args), &args); err != nil {
			t.Fatal(err)
		}
		sum += args.N
	}
	return sum
}

// TestSumsHoldAtOnce sends amounts of 1 to 40, together 820, at once under a rule
// that lets 100 through: no more gets out, what was refused is given back, and what
// is left can be spent, to the last cent, and after a crash no more.
func TestSumsHoldAtOnce(t *testing.T) {
	for _, s := range []*lab.Surface{lab.REST, lab.Modern} {
		t.Run(s.Name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Policies: map[string]string{"p.rego": spending}})
			token := g.Tester()
			spend := func(n string) lab.Answer {
				return s.Call(t, g, token, "echo", fmt.Sprintf(`{"text":"x","n":%s}`, n))
			}
			if got := at(40, 40, func(i int) lab.Answer { return spend(strconv.Itoa(i + 1)) }); got == 0 {
				t.Error("nothing got through")
			}
			sum := spent(t, g)
			if sum > 100 {
				t.Fatalf("%v got out", sum)
			}
			if left := 100 - sum; left > 0 {
				for _, tt := range []struct{ n, code string }{
					{strconv.FormatFloat(left+0.01, 'f', 2, 64), "policy"}, {`"5"`, "invalid_arguments"}, {"-5", "policy"},
					{strconv.FormatFloat(left-0.1, 'f', 1, 64), ""}, {"0.1", ""},
				} {
					if a := spend(tt.n); a.Code != tt.code {
						t.Errorf("with %v left, %s: %+v, want %q", left, tt.n, a, tt.code)
					}
				}
			}
			if a := spend("0.01"); a.Code != "policy" {
				t.Errorf("%+v, want a refusal", a)
			}
			g.Kill()
			g.Relaunch(t)
			g.WaitReady(t)
			if a := spend("0.01"); a.Code != "policy" {
				t.Errorf("after a crash: %+v, want a refusal", a)
			}
			if a := s.Call(t, g, g.Token("another", "tester"), "echo", `{"text":"x","n":100}`); a.Code != "" {
				t.Errorf("another agent: %+v", a)
			}
			g.CheckChain(t, "")
		})
	}
}

// TestWhatTimedOutIsSpent: the upstream may have done what it did not answer.
func TestWhatTimedOutIsSpent(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"p.rego": spending}})
	token := g.Tester()
	if a := lab.REST.Call(t, g, token, "wait", `{"text":"x","n":60}`); a.Code != "upstream_timeout" {
		t.Fatalf("%+v, want a timeout", a)
	}
	for range 2 {
		if a := lab.REST.Call(t, g, token, "echo", `{"text":"x","n":60}`); a.Code != "policy" {
			t.Errorf("%+v, want a refusal", a)
		}
		g.Kill()
		g.Relaunch(t)
		g.WaitReady(t)
	}
}
