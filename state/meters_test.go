package state

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

var ann = gateway.Operator{Issuer: gateway.LocalOperators, Subject: "ann"}

// listed shows what is listed, as "name of agent key count/sum".
func listed(r *Room, of gateway.MeterOf) (all []string) {
	for _, c := range r.Counters(of) {
		all = append(all, fmt.Sprintf("%s %s %s %q %d/%v", c.Name, c.Per, c.Agent, c.Key, c.Count, c.Sum))
	}
	return all
}

// spent puts a call on record that adds to a meter.
func spent(t testing.TB, rec *record, c *gateway.Call) {
	t.Helper()
	held := begun(t, rec.room, c)
	attempted(t, rec, c)
	finish(t, held, c)
}

// per is a call that adds one to a meter that counts for something else.
func per(a *gateway.Agent, name string, of gateway.MeterPer, whose string) *gateway.Call {
	c := newCall(a, "s__t")
	c.Tally.Meters = []gateway.Meter{{Name: name, Per: of, Of: whose, Window: time.Hour, Amount: gateway.One}}
	return c
}

// TestResetsAreOfWhatTheyName is the table of what can be reset: that begins anew,
// all else stays, and a room made of the record agrees.
func TestResetsAreOfWhatTheyName(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   gateway.MeterOf
		gone []string // as listed shows them; nil: it is refused
	}{
		{"an agent", gateway.MeterOf{Name: "m", Agent: "a"}, []string{`m agent a "" 2/7`, `m agent a "token of k" 1/5`}},
		{"an agent of an issuer", gateway.MeterOf{Name: "m", Agent: "a", Issuer: "https://id.test"}, []string{`m agent a "" 2/7`, `m agent a "token of k" 1/5`}},
		{"an agent of another issuer", gateway.MeterOf{Name: "m", Agent: "a", Issuer: "https://other.test"}, nil},
		{"a key", gateway.MeterOf{Name: "m", Agent: "a", Key: "k"}, []string{`m agent a "token of k" 1/5`}},
		{"a key by its token", gateway.MeterOf{Name: "m", Agent: "a", Key: "token of k"}, []string{`m agent a "token of k" 1/5`}},
		{"another key", gateway.MeterOf{Name: "m", Agent: "a", Key: "x"}, nil},
		{"everyone", gateway.MeterOf{Name: "m"}, []string{`m agent a "" 2/7`, `m agent a "token of k" 1/5`, `m agent b "" 1/1`}},
		{"a meter of all", gateway.MeterOf{Name: "all"}, []string{`all all  "" 1/1`}},
		{"a session", gateway.MeterOf{Name: "s", Session: agent("a").SessionID()}, []string{`s session a "" 1/1`}},
		{"the sessions of an agent", gateway.MeterOf{Name: "s", Agent: "a"}, []string{`s session a "" 1/1`}},
		{"another session", gateway.MeterOf{Name: "s", Session: agent("b").SessionID()}, nil},
		{"a tool", gateway.MeterOf{Name: "t", Tool: "s__t"}, []string{`t tool  "" 1/1`}},
		{"another tool", gateway.MeterOf{Name: "t", Tool: "s__u"}, nil},
		{"an agent, of a meter of all", gateway.MeterOf{Name: "all", Agent: "a"}, nil},
		{"no such meter", gateway.MeterOf{Name: "n"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, rec := newRoom(t)
			a, b := agent("a"), agent("b")
			for _, c := range []*gateway.Call{
				metered(t, a, "2", ""), metered(t, a, "5", "k"), metered(t, b, "1", ""),
				per(a, "all", gateway.PerAll, ""), per(a, "s", gateway.PerSession, a.SessionID()), per(a, "t", gateway.PerTool, "s__t"),
			} {
				spent(t, rec, c)
			}
			before := listed(r, gateway.MeterOf{})
			if len(before) != 6 {
				t.Fatalf("%q", before)
			}
			n, err := r.ResetMeter(t.Context(), tt.of, ann, "why")
			if n != len(tt.gone) || errors.Is(err, gateway.ErrNoMeter) != (tt.gone == nil) {
				t.Errorf("%d %v, want %d", n, err, len(tt.gone))
			}
			gone := map[string]bool{}
			for _, c := range tt.gone {
				gone[c] = true
			}
			snapshot, err := r.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			for name, room := range map[string]*Room{"live": r, "from events": rec.again(t, nil, 0), "from a snapshot": rec.again(t, snapshot, len(rec.Events()))} {
				var want []string
				for _, c := range before {
					if !gone[c] {
						want = append(want, c)
					}
				}
				if got := listed(room, gateway.MeterOf{}); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestResetKeepsWhatIsUnderWay: a call that was let in before is counted when it is
// on record, and nobody is let in twice for it.
func TestResetKeepsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		spent(t, rec, metered(t, a, "3", ""))
		under := metered(t, a, "4", "")
		held := begun(t, r, under)
		if got := r.Counters(gateway.MeterOf{Name: "m"}); len(got) != 1 || got[0].Running != 1 || got[0].Sum.String() != "7" || !got[0].Until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%+v", got)
		}
		if _, err := r.ResetMeter(t.Context(), gateway.MeterOf{Name: "m"}, ann, "why"); err != nil {
			t.Fatal(err)
		}
		if got := counted(t, r, looked(t, a)); got != "1/4" {
			t.Errorf("under way: %s, want 1/4", got)
		}
		attempted(t, rec, under)
		finish(t, held, under)
		for _, room := range []*Room{r, rec.again(t, nil, 0)} {
			if got := counted(t, room, looked(t, a)); got != "1/4" {
				t.Errorf("on record: %s, want 1/4", got)
			}
		}
		rec.Fail(errors.New("disk full"))
		if _, err := r.ResetMeter(t.Context(), gateway.MeterOf{Name: "m"}, ann, "why"); err == nil || counted(t, r, looked(t, a)) != "1/4" {
			t.Errorf("a reset that is not on record: %v", err)
		}
	})
}
