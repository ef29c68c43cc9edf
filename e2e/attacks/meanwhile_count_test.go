//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// roomFor are ways in which a policy lets three calls through, and the policy before
// it, under which people were asked; "" if it is the same.
var roomFor = []struct{ name, before, rules string }{
	{"a meter that is new", askTesters, countBy(`"name": "m"`, 3)},
	{"a meter that allowed more", askTesters + countBy(`"name": "m"`, 100), countBy(`"name": "m"`, 3)},
	{"a meter", "", countBy(`"name": "m"`, 3)},
	{"a sum", askTesters + countBy(`"name": "m", "amount": 5`, 100), "\nmeter contains {\"name\": \"m\", \"amount\": 5, \"window\": \"1h\"} if true\n\ndeny contains \"over\" if input.meters.m.total > 15\n"},
	{"a keyed meter that is new", askTesters, countBy(`"name": "m", "key": "k"`, 3)},
	{"a keyed meter that allowed more", askTesters + countBy(`"name": "m", "key": "k"`, 100), countBy(`"name": "m", "key": "k"`, 3)},
	{"a meter of all agents", "", countBy(`"name": "m", "per": "all"`, 3)},
	{"calls that were not bounded", askTesters, "\ndeny contains \"over\" if input.session.calls >= 3\n"},
	{"calls", "", "\ndeny contains \"over\" if input.session.calls >= 3\n"},
	{"history that is new", askTesters, recallBy(3)},
	{"history", "", recallBy(3)},
}

func countBy(meter string, most int) string {
	return fmt.Sprintf("\nmeter contains {%s, \"window\": \"1h\"} if true\n\ndeny contains \"over\" if input.meters.m.count >= %d\n", meter, most)
}

func recallBy(most int) string {
	return fmt.Sprintf("\nremember contains {\"name\": \"n\", \"value\": input.args.text, \"for\": \"1h\"} if true\n\ndeny contains \"over\" if count(input.history) >= %d\n", most)
}

// Eight calls wait for people, policy changes to one with room for three, and all are
// approved at once while others of the same agent keep coming: three reach the
// upstream, not one more, and not fewer because each saw the others.
func TestApprovedAtOnce(t *testing.T) {
	for _, room := range roomFor {
		for _, s := range []*lab.Surface{lab.REST, lab.Modern} {
			t.Run(room.name+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				up := newShifty(t)
				before, waiting := room.before, 8
				if before == "" {
					before, waiting = askTesters+room.rules, 3 // the others are refused at once
				}
				g := lab.Start(t, lab.Options{
					Config:   map[string]any{"approvals": map[string]any{"wait": "60s"}, "upstreams": map[string]any{"lab": up.Config()}},
					Policies: map[string]string{"all.rego": before},
				})
				token := holder(g, "asker")
				call := func(text string) { s.Call(t, g, token, "wait", lab.Text(text)) }
				var asked, others sync.WaitGroup
				for i := range 8 {
					asked.Go(func() { call(fmt.Sprint("asked ", i)) })
				}
				ids := waitingCalls(t, g, waiting)
				if room.before != "" {
					rewrite(t, g, askTesters+room.rules)
				}
				over := make(chan struct{})
				for n := range 4 {
					others.Go(func() {
						for i := 0; ; i++ {
							select {
							case <-over:
								return
							default:
								call(fmt.Sprint("other ", n, " ", i))
							}
						}
					})
				}
				approve(t, g, ids)
				asked.Wait()
				close(over)
				done := make(chan struct{})
				go func() { others.Wait(); close(done) }()
				// Where nothing was held before, others may have come first, and wait.
				g.Until(t, "calls wait for nobody", func() bool {
					approve(t, g, waitingCalls(t, g, -1))
					select {
					case <-done:
						return true
					default:
						return false
					}
				})
				if n := len(up.Got("tools/call")); n != 3 {
					t.Errorf("%d calls reached the upstream, want 3", n)
				}
			})
		}
	}
}

// waitingCalls are the approvals that are asked for, n of them, or as many as there
// are if n is negative.
func waitingCalls(t *testing.T, g *lab.Gateway, n int) (ids []string) {
	t.Helper()
	token := g.Credential(t)
	g.Until(t, fmt.Sprint(n, " calls do not wait for people"), func() bool {
		var list struct{ Approvals []struct{ ID string } }
		a := g.Operate(t, token, http.MethodGet, "approvals", "", nil)
		if json.Unmarshal([]byte(a.Text), &list) != nil || n >= 0 && len(list.Approvals) != n {
			return false
		}
		ids = nil
		for _, one := range list.Approvals {
			ids = append(ids, one.ID)
		}
		return true
	})
	return ids
}

// approve says yes to all at once.
func approve(t *testing.T, g *lab.Gateway, ids []string) {
	token := g.Credential(t)
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() { g.Operate(t, token, http.MethodPost, "approvals/"+id+"/approve", `{}`, nil) })
	}
	all.Wait()
}
