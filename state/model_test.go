package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// model is what meters and histories are by the words of docs/policy.md: a list of
// all that was ever counted, looked through for each answer.
type model struct {
	counted []count
	left    []left
	turns   int
	open    []*opened // calls under way, in the order in which they began
	blocked map[string]string
}

// count is an entry of one counter: of all keys, or of one.
type count struct {
	id     counterID
	agent  string // whose, if it counts per agent or session
	at     time.Time
	window time.Duration // that it was counted with
	amount gateway.Amount
}

// left is an entry of a history.
type left struct {
	session, name string
	value         json.RawMessage
	at, until     time.Time
}

// opened is a call under way, and what it has reserved.
type opened struct {
	call      *gateway.Call
	held      gateway.Reservation
	turn      int // it sees what those with lower ones hold
	attempted bool
}

// entries are what a meter's part in a call adds: to the counter of all keys, and
// to its key's.
func entries(m *gateway.Meter, agent string, at time.Time) []count {
	if m.Per != gateway.PerAgent && m.Per != gateway.PerSession {
		agent = ""
	}
	all := count{counterID{m.Name, m.Per, m.Of, ""}, agent, at, m.Window, m.Amount}
	if m.Key == "" {
		return []count{all}
	}
	own := all
	own.id.key = tokenOf(m.Key)
	return []count{all, own}
}

func tokenOf(key string) string { return "token of " + key }

// add takes in what a call adds for good.
func (m *model) add(c *gateway.Call, adds *gateway.Tally, now time.Time) {
	if adds == nil {
		return
	}
	for i := range adds.Meters {
		m.counted = append(m.counted, entries(&adds.Meters[i], c.Agent.ID, now)...)
	}
	for _, e := range adds.Memories {
		e := left{c.Session.ID, e.Name, e.Value, now, now.Add(e.For)}
		m.left = slices.DeleteFunc(m.left, func(old left) bool {
			same := old.session == e.session && old.name == e.name && bytes.Equal(old.value, e.value)
			if same && now.Before(old.until) && old.until.After(e.until) {
				e.until = old.until
			}
			return same
		})
		m.left = append(m.left, e)
	}
}

// take gives a call that has said what it adds its turn: its old one if it adds
// nothing that it did not before, else the last.
func (m *model) take(o *opened, before gateway.Tally) {
	m.turns++
	if o.turn == 0 || !covers(before, o.call.Tally) {
		o.turn = m.turns
	}
}

func covers(before, after gateway.Tally) bool {
	adds := func(m *gateway.Meter) bool { return !m.Looks && !m.Denied }
	for _, m := range after.Meters {
		if adds(&m) && !slices.ContainsFunc(before.Meters, func(b gateway.Meter) bool {
			return adds(&b) && b.Name == m.Name && b.Per == m.Per && b.Of == m.Of && (m.Key == "" || m.Key == b.Key) && b.Amount.Compare(m.Amount) >= 0
		}) {
			return false
		}
	}
	for _, e := range after.Memories {
		if !slices.ContainsFunc(before.Memories, func(b gateway.Memory) bool { return b.Name == e.Name && bytes.Equal(b.Value, e.Value) }) {
			return false
		}
	}
	return true
}

// before are the calls under way that a call sees; one that only looks sees all.
func (m *model) before(but *gateway.Call) (seen []*opened) {
	turn := m.turns + 1
	for _, o := range m.open {
		if o.call == but {
			turn = o.turn
		}
	}
	for _, o := range m.open {
		if o.call != but && (o.attempted || o.turn < turn) {
			seen = append(seen, o)
		}
	}
	return seen
}

// reserved are the entries that calls under way hold, as a call sees them.
func (m *model) reserved(but *gateway.Call) (all []count) {
	for _, o := range m.before(but) {
		for i := range o.call.Tally.Meters {
			mt := &o.call.Tally.Meters[i]
			if mt.Looks || mt.Denied || o.attempted && !mt.Running {
				continue
			}
			all = append(all, entries(mt, o.call.Agent.ID, time.Time{})...)
		}
	}
	return all
}

// said is what a meter must say to a call: between least and most, which differ where
// a policy has changed its window. An entry counts for its own window or the asked
// one, whichever is less, and never longer than asked.
func (m *model) said(now time.Time, id counterID, window time.Duration, but *gateway.Call) (least, most used) {
	for _, e := range m.counted {
		if age := now.Sub(e.at); e.id == id && age < window {
			most.add(e)
			if age < e.window {
				least.add(e)
			}
		}
	}
	for _, e := range m.reserved(but) {
		if e.id == id {
			most.add(e)
			least.add(e)
		}
	}
	return least, most
}

// keys are how many keys of a counter have counted something, likewise.
func (m *model) keys(now time.Time, id counterID, window time.Duration, but *gateway.Call) (least, most int) {
	seen := map[string]bool{}
	for _, e := range append(m.reserved(but), m.counted...) {
		if id.name != e.id.name || id.per != e.id.per || id.of != e.id.of || e.id.key == "" || seen[e.id.key] {
			continue
		}
		seen[e.id.key] = true
		one := e.id
		low, high := m.said(now, one, window, but)
		if low.n > 0 {
			least++
		}
		if high.n > 0 {
			most++
		}
	}
	return least, most
}

// history is what a session's history must hold for a call.
func (m *model) history(now time.Time, session string, but *gateway.Call) (all []string) {
	for _, e := range m.left {
		if e.session == session && now.Before(e.until) {
			all = append(all, e.name+string(e.value))
		}
	}
	for _, o := range m.before(but) {
		if o.attempted || o.call.Session.ID != session {
			continue
		}
		for _, e := range o.call.Tally.Memories {
			all = append(all, e.Name+string(e.Value))
		}
	}
	return all
}

// reset forgets what was counted of what is meant.
func (m *model) reset(of gateway.MeterOf) (counters int) {
	gone := map[counterID]bool{}
	m.counted = slices.DeleteFunc(m.counted, func(e count) bool {
		meant := e.id.name == of.Name && (of.Agent == "" || of.Agent == e.agent) && (of.Key == "" || tokenOf(of.Key) == e.id.key) &&
			(of.Session == "" || e.id.per == gateway.PerSession && e.id.of == of.Session) && (of.Tool == "" || e.id.per == gateway.PerTool && e.id.of == of.Tool)
		if meant {
			gone[e.id] = true
		}
		return meant
	})
	return len(gone)
}

// used is a sum as a fraction: exact, and made by other code than the room's.
type used struct {
	n   int
	sum big.Rat
}

func (u *used) add(e count) {
	r, ok := new(big.Rat).SetString(e.amount.String())
	if !ok {
		panic("the amount " + e.amount.String())
	}
	u.n++
	u.sum.Add(&u.sum, r)
}

func (u *used) String() string {
	sum := u.sum.FloatString(9)
	return fmt.Sprintf("%d/%s", u.n, strings.TrimSuffix(strings.TrimRight(sum, "0"), "."))
}

// within reports whether an answer is between two.
func within(got gateway.Used, least, most *used) bool {
	sum, _ := new(big.Rat).SetString(got.Sum.String())
	return got.Count >= least.n && got.Count <= most.n && sum.Cmp(&least.sum) >= 0 && sum.Cmp(&most.sum) <= 0
}
