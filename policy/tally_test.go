package policy

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// TestWhatACallAdds is the table of what meter and remember rules may yield:
// what is added, or why the call is refused.
func TestWhatACallAdds(t *testing.T) {
	agent := (&gateway.Agent{ID: "alice"}).PrincipalID()
	session := (&gateway.Agent{ID: "alice"}).SessionID()
	meter := func(per gateway.MeterPer, of, key, amount string) gateway.Meter {
		a, err := gateway.ParseAmount(amount)
		if err != nil {
			t.Fatal(err)
		}
		return gateway.Meter{Name: "m", Per: per, Of: of, Key: key, Window: time.Hour, Amount: a}
	}
	running := func(m gateway.Meter) gateway.Meter { m.Window, m.Running = 0, true; return m }
	keys := func(m gateway.Meter) gateway.Meter { m.Keys = true; return m }
	denied := func(m gateway.Meter) gateway.Meter { m.Denied = true; return m }
	for _, tt := range []struct {
		name, rego, args string
		meters           []gateway.Meter
		memories         []gateway.Memory
		refused          string
	}{
		{"a count", `meter contains {"name": "m", "window": "1h"}`, `{}`, []gateway.Meter{meter("agent", agent, "", "1")}, nil, ""},
		{"an amount", `meter contains {"name": "m", "amount": input.args.n, "window": "60m"}`, `{"n":12.5}`, []gateway.Meter{meter("agent", agent, "", "12.5")}, nil, ""},
		{"an amount of zero", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":0}`, []gateway.Meter{meter("agent", agent, "", "0")}, nil, ""},
		{"more places than are kept", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":0.00000000001}`, []gateway.Meter{meter("agent", agent, "", "0.000000001")}, nil, ""},
		{"a key", `meter contains {"name": "m", "key": input.args.k, "window": "1h"}`, `{"k":"c"}`, []gateway.Meter{meter("agent", agent, "c", "1")}, nil, ""},
		{"denials", `meter contains {"name": "m", "on": "denied", "window": "1h"}`, `{}`, []gateway.Meter{denied(meter("agent", agent, "", "1"))}, nil, ""},
		{"calls under way", `meter contains {"name": "m", "on": "running"}`, `{}`, []gateway.Meter{running(meter("agent", agent, "", "1"))}, nil, ""},
		{"calls under way, by key", `meter contains {"name": "m", "key": input.args.k, "on": "running"}`, `{"k":"c"}`, []gateway.Meter{running(meter("agent", agent, "c", "1"))}, nil, ""},
		{"how many keys there are", "meter contains {\"name\": \"m\", \"key\": input.args.k, \"window\": \"1h\"}\ndeny contains \"enough\" if input.meters.m.keys > 5", `{"k":"c"}`, []gateway.Meter{keys(meter("agent", agent, "c", "1"))}, nil, ""},
		{"all that meters say", "meter contains {\"name\": \"m\", \"window\": \"1h\"}\ndeny contains \"enough\" if count(input.meters) > 5", `{}`, []gateway.Meter{keys(meter("agent", agent, "", "1"))}, nil, ""},
		{"how many there are of what is looked at", "meter contains {\"name\": \"m\", \"key\": input.args.k, \"window\": \"1h\"}\ndeny contains \"enough\" if input.meters.m.keys > 5", `{}`, []gateway.Meter{keys(gateway.Meter{Name: "m", Per: gateway.PerAgent, Of: agent, Window: time.Hour, Looks: true})}, nil, ""},
		{"per session", `meter contains {"name": "m", "per": "session", "window": "1h"}`, `{}`, []gateway.Meter{meter("session", session, "", "1")}, nil, ""},
		{"per tool", `meter contains {"name": "m", "per": "tool", "window": "1h"}`, `{}`, []gateway.Meter{meter("tool", "files__read_file", "", "1")}, nil, ""},
		{"in all", `meter contains {"name": "m", "per": "all", "window": "1h"}`, `{}`, []gateway.Meter{meter("all", "", "", "1")}, nil, ""},
		{"no such argument", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{}`, nil, nil, ""},
		{"the same from two rules", "meter contains {\"name\": \"m\", \"window\": \"1h\"}\nmeter contains {\"name\": \"m\", \"window\": \"1h\"} if input.args.n == 1", `{"n":1}`, []gateway.Meter{meter("agent", agent, "", "1")}, nil, ""},
		{"a computed amount", `meter contains {"name": "m", "amount": sum([i.n | some i in input.args.items]), "window": "1h"}`, `{"items":[{"n":1},{"n":1},{"n":0.5}]}`, []gateway.Meter{meter("agent", agent, "", "2.5")}, nil, ""},
		{"an amount that is text", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":"5"}`, nil, nil, "could not be evaluated"},
		{"an amount that is negative", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":-5}`, nil, nil, "could not be evaluated"},
		{"an amount that is too large", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":1e19}`, nil, nil, "could not be evaluated"},
		{"an amount that is null", `meter contains {"name": "m", "amount": input.args.n, "window": "1h"}`, `{"n":null}`, nil, nil, "could not be evaluated"},
		{"a key that is a number", `meter contains {"name": "m", "key": input.args.k, "window": "1h"}`, `{"k":1}`, nil, nil, "could not be evaluated"},
		{"a key that is empty", `meter contains {"name": "m", "key": input.args.k, "window": "1h"}`, `{"k":""}`, nil, nil, "could not be evaluated"},
		{"two amounts", `meter contains {"name": "m", "amount": i, "window": "1h"} if some i in input.args.items`, `{"items":[1,2]}`, nil, nil, "could not be evaluated"},
		{"a function that fails", `meter contains {"name": "m", "amount": to_number(input.args.n), "window": "1h"}`, `{"n":"x"}`, nil, nil, "could not be evaluated"},
		{"a value", `remember contains {"name": "m", "value": input.args.v, "for": "1d"}`, `{"v":"x\u00e4"}`, nil, []gateway.Memory{{Name: "m", Value: []byte(`"xä"`), Tool: "files__read_file", For: 24 * time.Hour}}, ""},
		{"several values", `remember contains {"name": "m", "value": v, "for": "1h"} if some v in input.args.v`, `{"v":[1,true]}`, nil, []gateway.Memory{
			{Name: "m", Value: []byte(`true`), Tool: "files__read_file", For: time.Hour}, {Name: "m", Value: []byte(`1`), Tool: "files__read_file", For: time.Hour},
		}, ""},
		{"a value that is a list", `remember contains {"name": "m", "value": input.args.v, "for": "1h"}`, `{"v":[1]}`, nil, nil, "could not be evaluated"},
		{"a value that is too long", `remember contains {"name": "m", "value": input.args.v, "for": "1h"}`, `{"v":"` + strings.Repeat("x", 1025) + `"}`, nil, nil, "could not be evaluated"},
		{"too many values", `remember contains {"name": "m", "value": v, "for": "1h"} if some v in numbers.range(1, 17)`, `{}`, nil, nil, "could not be evaluated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, "package tools.files.read_file\n\nallow := true\n\n"+tt.rego+"\n")
			got, err := e.CountRequest(t.Context(), readCall(t, tt.args))
			if (err != nil) != (tt.refused != "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Fatalf("error %v, want %q", err, tt.refused)
			}
			if err != nil {
				return
			}
			want := gateway.Tally{Revision: e.Revision(), Meters: tt.meters, Memories: tt.memories}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b gateway.Amount) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const refunds = `package servers.files

allow := true

meter contains {"name": "refunds", "amount": input.args.amount, "window": "24h"} if input.tool.name == "read_file"

meter contains {"name": "rows", "amount": input.result.rows, "window": "24h"}

remember contains {"name": "order", "value": input.result.order, "for": "1h"}

deny contains "more than 1000 a day" if input.meters.refunds.total > 1000

deny contains "too many rows" if input.meters.rows.sum > 100

deny contains "not after that" if {
	some e in input.history
	e.name == "order"
	e.value == input.args.order
	e.age_s < 60
}
`

// TestWhoLooksAtAMeter has what rules read of meters that a call does not add to.
func TestWhoLooksAtAMeter(t *testing.T) {
	e := open(t, refunds)
	c := readCall(t, `{"amount":3}`)
	c.Tool.Name = "other"
	tally, err := e.CountRequest(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range tally.Meters {
		if !m.Looks || m.Of != c.Agent.PrincipalID() || m.Window != 24*time.Hour {
			t.Errorf("%+v, want one that is looked at", m)
		}
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"refunds", "rows"}, names); diff != "" || !tally.May {
		t.Error(diff, tally.May)
	}
}

// TestWhatAResultAdds: what waits for the result adds then, and once.
func TestWhatAResultAdds(t *testing.T) {
	e := open(t, refunds)
	for _, tt := range []struct {
		result           string
		meters, memories int
		refused          bool
	}{
		{`{"rows":7,"order":"o1"}`, 1, 1, false},
		{`{}`, 0, 0, false},
		{`{"rows":"many"}`, 0, 0, true},
		{`{"order":["o1"]}`, 0, 0, true},
	} {
		c := readCall(t, `{"amount":3}`)
		c.Result = &gateway.Result{Raw: []byte(tt.result)}
		got, err := e.CountResult(t.Context(), c)
		if (err != nil) != tt.refused || err == nil && (len(got.Meters) != tt.meters || len(got.Memories) != tt.memories) {
			t.Errorf("%s: %+v %v", tt.result, got, err)
		}
	}
}

// TestRulesReadMetersAndHistory decides by what state said, at the edges.
func TestRulesReadMetersAndHistory(t *testing.T) {
	e := open(t, refunds)
	amount := func(s string) gateway.Amount {
		a, err := gateway.ParseAmount(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, tt := range []struct {
		name    string
		session gateway.Session
		want    []string
	}{
		{"nothing yet", gateway.Session{}, nil},
		{"just enough", gateway.Session{Meters: []gateway.Used{{Name: "refunds", Sum: amount("999.9"), Amount: amount("0.1")}}}, nil},
		{"too much", gateway.Session{Meters: []gateway.Used{{Name: "refunds", Sum: amount("999.9"), Amount: amount("0.100000001")}}}, []string{"more than 1000 a day"}},
		{"remembered", gateway.Session{History: []gateway.Memory{{Name: "order", Value: []byte(`"o1"`), Time: callTime.Add(-59 * time.Second)}}}, []string{"not after that"}},
		{"another", gateway.Session{History: []gateway.Memory{{Name: "order", Value: []byte(`"o2"`), Time: callTime}}}, nil},
		{"long ago", gateway.Session{History: []gateway.Memory{{Name: "order", Value: []byte(`"o1"`), Time: callTime.Add(-time.Minute)}}}, nil},
	} {
		c := readCall(t, `{"amount":3,"order":"o1"}`)
		c.Session = tt.session
		d := decide(t, e, c)
		if diff := cmp.Diff(tt.want, d.Reasons); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestPolicyWithoutMetersIsNotAsked pays nothing for what it does not use.
func TestPolicyWithoutMetersIsNotAsked(t *testing.T) {
	e, c := open(t, "package gateway\n\nallow := true\n"), readCall(t, `{}`)
	if n := testing.AllocsPerRun(100, func() {
		if tally, err := e.CountRequest(t.Context(), c); err != nil || len(tally.Meters)+len(tally.Memories) > 0 {
			t.Fatal(tally, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDecidesByTheRevisionThatCounted: a policy that comes between would read
// meters for which state was not asked.
func TestDecidesByTheRevisionThatCounted(t *testing.T) {
	dir := writeFiles(t, map[string]string{"p.rego": "package gateway\n\nallow := true\n"})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := readCall(t, `{}`)
	if c.Tally, err = e.CountRequest(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := e.Revision()
	replace(t, filepath.Join(dir, "p.rego"), "package gateway\n\nallow if input.meters.m.count > 0\n\nmeter contains {\"name\": \"m\", \"window\": \"1h\"}\n")
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, c); d.Revision != before || d.Effect != gateway.EffectAllow {
		t.Errorf("%+v, want a decision by %s", d, before)
	}
}

// TestCountsAreRemembered: OPA is asked once for calls that add the same, and the
// decision about a sum does not need it.
func TestCountsAreRemembered(t *testing.T) {
	e := open(t, refunds)
	r := e.current.Load()
	tool := readCall(t, `{}`).Tool
	for i := range 100 {
		c := readCall(t, fmt.Sprintf(`{"amount":%d,"order":"o%d"}`, i%2, i))
		c.Tool, c.Agent = tool, &gateway.Agent{ID: fmt.Sprint(i % 3)}
		tally, err := e.CountRequest(t.Context(), c)
		if err != nil || tally.Meters[0].Of != c.Agent.PrincipalID() || tally.Meters[0].Amount.String() != fmt.Sprint(i%2) {
			t.Fatalf("%+v %v", tally, err)
		}
		c.Session.Meters = []gateway.Used{{Name: "refunds", Count: i, Sum: amountOf(t, fmt.Sprint(20*i)), Amount: tally.Meters[0].Amount}}
		c.Args = readCall(t, `{"amount":1}`).Args // without an order, of which the history is asked
		if d := decide(t, e, c); (d.Effect == gateway.EffectDeny) != (20*i+i%2 > 1000) {
			t.Fatalf("%d: %+v", i, d)
		}
	}
	if counts, decisions := len(r.counting.known.m), len(r.quick.known.m); counts != 2 || decisions != 2 {
		t.Errorf("%d counts and %d decisions are remembered, want 2 and 2", counts, decisions)
	}
}

// BenchmarkMetered is what a call under a sum costs policy: what it adds, and the
// decision. Amounts are of a hundred kinds.
func BenchmarkMetered(b *testing.B) {
	for _, exact := range []bool{false, true} {
		b.Run(fmt.Sprintf("exact=%v", exact), func(b *testing.B) {
			dir := writeFiles(b, map[string]string{"p.rego": `package servers.files

allow := true

meter contains {"name": "spent", "amount": input.args.amount, "window": "24h"} if input.tool.name == "read_file"

deny contains "more than 1000 a day" if input.meters.spent.total > 1000
`})
			e, err := Open(b.Context(), Options{Path: dir, Exact: exact})
			if err != nil {
				b.Fatal(err)
			}
			calls := make([]*gateway.Call, 100)
			for i := range calls {
				calls[i] = readCall(b, fmt.Sprintf(`{"amount":%d.5}`, i))
				calls[i].Tool = calls[0].Tool
				calls[i].Args.Value()
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c := calls[i%len(calls)]
				if c.Tally, err = e.CountRequest(b.Context(), c); err != nil {
					b.Fatal(err)
				}
				m := c.Tally.Meters[0]
				c.Session.Meters = []gateway.Used{{Name: m.Name, Count: i, Sum: amountOf(b, strconv.Itoa(i%900)), Amount: m.Amount}}
				if d, err := e.DecideRequest(b.Context(), c); err != nil || d.Effect != gateway.EffectAllow {
					b.Fatal(d, err)
				}
			}
		})
	}
}

func amountOf(t testing.TB, s string) gateway.Amount {
	t.Helper()
	a, err := gateway.ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
