package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolward/gateway"
)

// machine is a room beside its model.
type machine struct {
	*model
	tb       testing.TB
	rec      *record
	policy   map[string]gateway.Meter // in force, without whose
	snapshot []byte
	after    int // events that the snapshot has
}

var (
	theAgents  = []*gateway.Agent{agent("a"), agent("b"), {Issuer: "https://id.test", ID: "a", Session: "other"}}
	theTools   = []string{"s__t", "s__u"}
	theKeys    = []string{"x", "y", "z"}
	theMeters  = []string{"m", "n", "o", "p"}
	theWindows = []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 366 * 24 * time.Hour}
	theAmounts = []string{"0", "0.1", "0.2", "0.000000001", "12.5", "1000000000000000000", "1"}
)

// reload draws a policy: names, windows and whom they count for change from one to
// the next, as a person may write it.
func (m *machine) reload(t *rapid.T) {
	was := m.policy
	m.policy = map[string]gateway.Meter{}
	for _, name := range theMeters {
		if !rapid.Bool().Draw(t, "has "+name) {
			continue
		}
		if old, ok := was[name]; ok && !old.Running && rapid.Bool().Draw(t, "another window") {
			old.Window = rapid.SampledFrom(theWindows).Draw(t, "window")
			m.policy[name] = old
			continue
		}
		of := gateway.Meter{Name: name, Per: rapid.SampledFrom([]gateway.MeterPer{gateway.PerAgent, gateway.PerSession, gateway.PerTool, gateway.PerAll}).Draw(t, "per")}
		switch rapid.IntRange(0, 4).Draw(t, "on") {
		case 0:
			of.Denied = true
		case 1:
			of.Running = true
		}
		if !of.Running {
			of.Window = rapid.SampledFrom(theWindows).Draw(t, "window")
		}
		m.policy[name] = of
	}
}

// tally is what the policy in force says of a call.
func (m *machine) tally(t *rapid.T, c *gateway.Call, adds bool) gateway.Tally {
	var said gateway.Tally
	for _, name := range theMeters {
		of, ok := m.policy[name]
		if !ok {
			continue
		}
		switch of.Per {
		case gateway.PerAgent:
			of.Of = c.Agent.PrincipalID()
		case gateway.PerSession:
			of.Of = c.Agent.SessionID()
		case gateway.PerTool:
			of.Of = c.Tool.Wire
		}
		of.Keys = true
		of.Looks = !adds || rapid.IntRange(0, 3).Draw(t, "looks at "+name) == 0
		if !of.Looks {
			of.Amount = amount(m.tb, rapid.SampledFrom(theAmounts).Draw(t, "amount"))
			if n := rapid.IntRange(0, len(theKeys)).Draw(t, "key"); n > 0 {
				of.Key = theKeys[n-1]
			}
		}
		said.Meters = append(said.Meters, of)
	}
	if adds && rapid.IntRange(0, 3).Draw(t, "remembers") == 0 {
		said.Memories = []gateway.Memory{{
			Name: "h", Value: []byte(rapid.SampledFrom([]string{`1`, `"v"`, `true`}).Draw(t, "value")), Tool: c.Tool.Wire,
			For: rapid.SampledFrom(theWindows).Draw(t, "for"),
		}}
	}
	return said
}

// begin has a call begin, and holds what it is told against the model.
func (m *machine) begin(t *rapid.T) {
	a := rapid.SampledFrom(theAgents).Draw(t, "agent")
	c := newCall(a, rapid.SampledFrom(theTools).Draw(t, "tool"))
	_, held, err := m.rec.room.Begin(m.tb.Context(), c)
	if _, blocked := m.blocked[a.ID]; blocked {
		if err == nil {
			t.Fatal("a call of who is blocked began")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.open = append(m.open, &opened{call: c, held: held})
	m.count(t, m.open[len(m.open)-1])
}

// count has policy say what a call adds, for the first time or once more, by
// whatever policy is in force now.
func (m *machine) count(t *rapid.T, o *opened) {
	before := o.call.Tally
	o.call.Tally = m.tally(t, o.call, true)
	err := o.held.Again(m.tb.Context(), o.call)
	if _, blocked := m.blocked[o.call.Agent.ID]; blocked {
		if err == nil {
			t.Fatal("a call of who is blocked goes on")
		}
		m.end(o)
		return
	}
	if err := errors.Join(err, o.held.Count(m.tb.Context(), o.call)); err != nil {
		t.Fatal(err)
	}
	m.model.take(o, before)
	// What a call holds anew comes last among those under way.
	m.open = append(slices.DeleteFunc(m.open, func(other *opened) bool { return other == o }), o)
	m.check(t, "live", o.call)
}

// check holds what a call was told against the model.
func (m *machine) check(t *rapid.T, where string, c *gateway.Call) {
	t.Helper()
	now := time.Now()
	if len(c.Session.Meters) != len(c.Tally.Meters) {
		t.Fatalf("%s: told of %d meters, not %d", where, len(c.Session.Meters), len(c.Tally.Meters))
	}
	for i, mt := range c.Tally.Meters {
		all := counterID{mt.Name, mt.Per, mt.Of, ""}
		id := all
		if mt.Key != "" {
			id.key = tokenOf(mt.Key)
		}
		got := c.Session.Meters[i]
		least, most := m.said(now, id, mt.Window, c)
		if !within(got, &least, &most) {
			t.Fatalf("%s: %+v says %d/%v, want %v to %v", where, mt, got.Count, got.Sum, &least, &most)
		}
		if low, high := m.keys(now, all, mt.Window, c); got.Keys < low || got.Keys > high {
			t.Fatalf("%s: %+v has %d keys, want %d to %d", where, mt, got.Keys, low, high)
		}
	}
	var history []string
	for _, e := range c.Session.History {
		history = append(history, e.Name+string(e.Value))
	}
	if want := m.history(now, c.Session.ID, c); !slices.Equal(history, want) {
		t.Fatalf("%s: history %q, want %q", where, history, want)
	}
}

// look asks a room for all that the policy in force counts, as a call that adds
// nothing; with a key, where the meter counts denials.
func (m *machine) look(t *rapid.T, where string, r *Room) {
	for _, a := range theAgents {
		if _, blocked := m.blocked[a.ID]; blocked {
			continue
		}
		for _, tool := range theTools {
			for _, key := range append([]string{""}, theKeys...) {
				c := newCall(a, tool)
				c.Tally = m.tally(t, c, false)
				for i := range c.Tally.Meters {
					c.Tally.Meters[i].Key = key
				}
				finish(m.tb, begun(m.tb, r, c), c)
				m.check(t, where, c)
			}
		}
	}
}

// take picks a call under way.
func (m *machine) take(t *rapid.T, attempted bool) *opened {
	var of []*opened
	for _, o := range m.open {
		if o.attempted == attempted {
			of = append(of, o)
		}
	}
	if len(of) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(of).Draw(t, "which")
}

// append puts an event of a call on record.
func (m *machine) append(c *gateway.Call, kind string, p gateway.Phase) {
	adds := c.Adds(p)
	if adds != nil && slices.ContainsFunc(adds.Meters, func(mt gateway.Meter) bool { return mt.Running || mt.Looks }) {
		m.tb.Fatalf("%+v is to go on record", adds.Meters)
	}
	m.add(c, adds, time.Now())
	e := gateway.Entry{Type: kind, Time: time.Now(), Call: c.ID, Session: c.Session.ID, Kind: c.Kind, Agent: c.Agent.ID, Issuer: c.Agent.Issuer, Tool: c.ToolName()}
	if adds != nil {
		said := *adds
		said.Meters = slices.Clone(said.Meters)
		for i := range said.Meters {
			if mt := &said.Meters[i]; mt.Key != "" {
				mt.Key = tokenOf(mt.Key)
			}
		}
		e.Tally = &said
	}
	if err := m.rec.Add(e); err != nil {
		m.tb.Fatal(err)
	}
}

func (m *machine) end(o *opened) {
	m.open = slices.DeleteFunc(m.open, func(other *opened) bool { return other == o })
	finish(m.tb, o.held, o.call)
}

// again is a room as a restart makes it: from the last snapshot and what came after.
func (m *machine) again() *Room {
	r := m.rec.again(m.tb, m.snapshot, m.after)
	r.tallies.remembers.Store(true) // so that each call has a turn, also one that adds nothing
	return r
}

// TestMetersAgreeWithModel drives a room through all that can happen to a call, to a
// policy and to the gateway, with time passing in between, and holds every answer
// against a list of all calls, live and after a restart.
func TestMetersAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			tb := apart{t}
			_, rec := newRoom(tb)
			m := &machine{model: &model{blocked: map[string]string{}}, tb: tb, rec: rec}
			rec.room.tallies.remembers.Store(true)
			m.reload(rt)
			rt.Repeat(m.acts())
		})
	})
}

// apart is a test whose context is of no time.
type apart struct{ testing.TB }

func (apart) Context() context.Context { return context.Background() }

func (m *machine) acts() map[string]func(*rapid.T) {
	refuse := func(t *rapid.T, code gateway.Code) {
		o := m.take(t, false)
		o.call.Refusal = &gateway.Refusal{Code: code}
		m.append(o.call, "call.refusal", gateway.PhaseRefusal)
		m.end(o)
	}
	return map[string]func(*rapid.T){
		"begin":          m.begin,
		"begin another":  m.begin,
		"reload":         m.reload,
		"denied":         func(t *rapid.T) { refuse(t, gateway.PolicyDenied) },
		"denied by ann":  func(t *rapid.T) { refuse(t, gateway.ApprovalDenied) },
		"nobody decided": func(t *rapid.T) { refuse(t, gateway.ApprovalPending) },
		"given up":       func(t *rapid.T) { m.end(m.take(t, false)) },
		"approved later": func(t *rapid.T) { m.count(t, m.take(t, false)) },
		"attempt": func(t *rapid.T) {
			o := m.take(t, false)
			m.append(o.call, "call.attempt", gateway.PhaseAttempt)
			o.attempted = true
		},
		"outcome": func(t *rapid.T) {
			o := m.take(t, true)
			if code := rapid.SampledFrom([]gateway.Code{"", gateway.UpstreamTimeout, gateway.Cancelled, gateway.Withheld}).Draw(t, "code"); code != "" {
				o.call.Refusal = &gateway.Refusal{Code: code}
			}
			if rapid.Bool().Draw(t, "the result adds") {
				for _, mt := range m.tally(t, o.call, true).Meters {
					if !mt.Looks && !mt.Denied && !mt.Running {
						o.call.ResultTally.Meters = append(o.call.ResultTally.Meters, mt)
					}
				}
			}
			m.append(o.call, "call.outcome", gateway.PhaseOutcome)
			m.end(o)
		},
		"time passes": func(t *rapid.T) {
			time.Sleep(rapid.SampledFrom([]time.Duration{1, time.Second - 1, time.Minute, time.Hour / 2, 25 * time.Hour, 200 * 24 * time.Hour}).Draw(t, "for"))
		},
		"snapshot": func(t *rapid.T) {
			text, err := m.rec.room.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			m.snapshot, m.after = text, len(m.rec.Events())
		},
		"kill": func(t *rapid.T) {
			m.open = nil
			m.rec.room = m.again()
			m.rec.room.opts.Journal = m.rec
			m.rec.Fold = m.rec.room.Fold
		},
		"reset": func(t *rapid.T) {
			of := gateway.MeterOf{Name: rapid.SampledFrom(theMeters).Draw(t, "name")}
			switch rapid.IntRange(0, 4).Draw(t, "of") {
			case 0:
				of.Agent = rapid.SampledFrom(theAgents).Draw(t, "agent").ID
			case 1:
				of.Session = rapid.SampledFrom(theAgents).Draw(t, "session").SessionID()
			case 2:
				of.Tool = rapid.SampledFrom(theTools).Draw(t, "tool")
			case 3:
				of.Key = rapid.SampledFrom(theKeys).Draw(t, "key")
			}
			if _, err := m.rec.room.ResetMeter(m.tb.Context(), of, ann, "why"); err == nil {
				m.model.reset(of)
			} else if !errors.Is(err, gateway.ErrNoMeter) {
				t.Fatal(err)
			}
		},
		"block": func(t *rapid.T) {
			id := rapid.SampledFrom(theAgents).Draw(t, "agent").ID
			if block := m.blocked[id]; block != "" {
				delete(m.blocked, id)
				if err := m.rec.room.Lift(m.tb.Context(), block, ann, "over"); err != nil {
					t.Fatal(err)
				}
				return
			}
			b, err := m.rec.room.Block(m.tb.Context(), gateway.Block{Kind: gateway.BlockAgent, Name: id, Reason: "why", By: ann})
			if err != nil {
				t.Fatal(err)
			}
			m.blocked[id] = b.ID
		},
		"": func(t *rapid.T) {
			m.look(t, "live", m.rec.room)
			under := m.open
			m.open = nil
			m.look(t, fmt.Sprintf("after a restart, from event %d", m.after), m.again())
			m.open = under
		},
	}
}
