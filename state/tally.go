package state

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Bounds of what is kept of histories: some tens of MiB.
const (
	maxHistory  = 64      // entries of a session
	maxMemories = 1 << 16 // entries in all, each at most about 1 KiB
)

// tallies are the counters of meters and the histories of sessions.
type tallies struct {
	mu        sync.Mutex
	counters  counters
	histories map[string][]memory // by session; durable ones in the order of the record, then others
	memories  int
	swept     time.Time
	remembers atomic.Bool             // there has been a history
	runs      atomic.Bool             // there has been a call that counts while it is under way
	held      map[string]*reservation // calls that have not been attempted, by ID
	turns     uint64                  // that were given to them
}

// memory is an entry of a history, and the call in progress that it is of, "" once
// it is on record.
type memory struct {
	gateway.Memory
	call  string
	agent string // whose session it is
}

// held is what a reservation holds of tallies.
type held struct {
	turn     uint64 // who has a higher one came later, and has seen this
	session  string
	counters []heldCounter
	memories []gateway.Memory
}

// covers reports whether who has seen h has seen all of more.
func (h *held) covers(more *held) bool {
	for _, m := range more.counters {
		if !slices.ContainsFunc(h.counters, func(had heldCounter) bool { return had.counter == m.counter && had.amount.Compare(m.amount) >= 0 }) {
			return false
		}
	}
	for _, m := range more.memories {
		if !slices.ContainsFunc(h.memories, func(had gateway.Memory) bool { return had.Name == m.Name && bytes.Equal(had.Value, m.Value) }) {
			return false
		}
	}
	return true
}

type heldCounter struct {
	*counter
	amount  gateway.Amount
	running bool // it is held until the call is over, not until its attempt is on record
}

func (t *tallies) init() {
	t.counters.init()
	t.histories, t.held = map[string][]memory{}, map[string]*reservation{}
}

// begin reserves what a call adds, in place of what it had reserved before, and
// says in the same step what was there before it. A call that looks a second time
// and adds nothing which it did not hold keeps its turn: those that came after it
// have seen what it holds, and are not there for it. Else of two that look again,
// and have room for one, each would see the other. A call that could add to a
// history in which there is no place is refused, and so is one for whose counter
// there is none.
func (t *tallies) begin(now time.Time, v *reservation, tally *gateway.Tally, token func(string) string) (meters []gateway.Used, history []gateway.Memory, refusal *gateway.Refusal) {
	if !v.counts && len(tally.Meters) == 0 && len(tally.Memories) == 0 && !tally.May && !t.remembers.Load() {
		return nil, nil, nil // policy has nothing of the kind
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	v.counts = true
	had := t.release(v, true)
	t.forget(now, v.id)
	if len(tally.Memories) > 0 || tally.May {
		if refusal := t.full(now, v.id, len(tally.Memories)); refusal != nil {
			return nil, nil, refusal
		}
	}
	if refusal := t.reserve(now, v, tally, token); refusal != nil {
		t.release(v, true)
		return nil, nil, refusal
	}
	t.turns++
	v.tally.turn = t.turns
	hidden := v.tally.counters
	if had.turn > 0 && had.covers(&v.tally) {
		v.tally.turn = had.turn
		hidden = t.since(v)
	}
	return t.used(now, v, tally, token, hidden), t.history(v), nil
}

// reserve takes what a call adds.
func (t *tallies) reserve(now time.Time, v *reservation, tally *gateway.Tally, token func(string) string) *gateway.Refusal {
	v.tally = held{session: v.id}
	take := func(m *gateway.Meter, key string) bool {
		of, ok := t.counters.of(now, counterID{m.Name, m.Per, m.Of, key}, v.agent.ID, v.agent.Issuer)
		if ok {
			of.live, of.liveSum = of.live+1, of.liveSum.Add(m.Amount)
			v.tally.counters = append(v.tally.counters, heldCounter{of, m.Amount, m.Running})
			if m.Running {
				t.runs.Store(true)
			}
		}
		return ok
	}
	for i := range tally.Meters {
		m := &tally.Meters[i]
		if m.Looks || m.Denied {
			continue
		}
		if !take(m, "") || m.Key != "" && !take(m, token(m.Key)) {
			return noPlace(m)
		}
	}
	v.tally.memories = tally.Memories
	for i, m := range tally.Memories {
		m.Time, m.Until, m.From = now, now.Add(m.For), placeOf(v.call, "a", i)
		t.histories[v.id] = append(t.histories[v.id], memory{m, v.call, v.agent.ID})
		t.memories++
		t.remembers.Store(true)
	}
	if v.tally.counters != nil || v.tally.memories != nil {
		t.held[v.call] = v
	}
	return nil
}

// since are the counters that a call holds, and those of whoever came after it.
func (t *tallies) since(v *reservation) (all []heldCounter) {
	for _, other := range t.held {
		if other.tally.turn >= v.tally.turn {
			all = append(all, other.tally.counters...)
		}
	}
	return all
}

// used is what meters say to a call, without what is hidden from it.
func (t *tallies) used(now time.Time, v *reservation, tally *gateway.Tally, token func(string) string, hidden []heldCounter) []gateway.Used {
	if len(tally.Meters) == 0 {
		return nil
	}
	all, mine := make([]gateway.Used, len(tally.Meters)), v.tally.counters
	for i := range tally.Meters {
		m := &tally.Meters[i]
		var of *counter
		all[i].Name = m.Name
		if m.Keys {
			all[i].Keys = t.counters.keys(now, counterID{m.Name, m.Per, m.Of, ""}, m.Window, hidden)
		}
		switch {
		case m.Looks || m.Denied:
			id := counterID{m.Name, m.Per, m.Of, ""}
			if m.Key != "" {
				id.key = token(m.Key)
			}
			if of = t.counters.look(now, id); of == nil {
				continue
			}
		default:
			n := 1
			if m.Key != "" {
				n = 2 // that of all keys, and its own
			}
			of, mine, all[i].Amount = mine[n-1].counter, mine[n:], m.Amount
		}
		u := &all[i]
		u.Count, u.Sum = of.used(now, m.Window)
		for _, h := range hidden {
			if h.counter == of {
				u.Count, u.Sum = u.Count-1, u.Sum.Sub(h.amount)
			}
		}
	}
	return all
}

// giveBack releases what a call reserved and did not use.
func (t *tallies) giveBack(v *reservation) {
	if !v.counts {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(v, true)
}

// release releases what a call holds: all of it once the call is over, else what is
// held until its attempt is on record.
func (t *tallies) release(v *reservation, over bool) (had held) {
	had, v.tally = v.tally, held{}
	for _, h := range had.counters {
		if h.running && !over {
			v.tally.counters = append(v.tally.counters, h)
			continue
		}
		h.live, h.liveSum = h.live-1, h.liveSum.Sub(h.amount)
	}
	if t.held[v.call] == v {
		delete(t.held, v.call)
		if had.memories != nil {
			t.keep(had.session, func(m *memory) bool { return m.call != v.call })
		}
	}
	return had
}

// add counts for good what an event says.
func (t *tallies) add(e gateway.Entry) {
	if e.Tally == nil && !(e.Type == "call.attempt" && t.runs.Load()) {
		return // nothing was reserved for it either
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := t.held[e.Call]; v != nil {
		t.release(v, false)
	}
	if e.Tally == nil {
		return
	}
	at := e.Time
	if e.Tally.At.After(at) {
		at = e.Tally.At
	}
	for _, m := range e.Tally.Meters {
		id := counterID{m.Name, m.Per, m.Of, ""}
		t.counters.add(at, id, e, m)
		if m.Key != "" {
			id.key = m.Key
			t.counters.add(at, id, e, m)
		}
	}
	stage := "a"
	if e.Type == "call.outcome" {
		stage = "o"
	}
	for i, m := range e.Tally.Memories {
		m.Time, m.Until, m.From = at, at.Add(m.For), placeOf(e.Call, stage, i)
		if m.Value == nil {
			m.Value, m.Gone = erasedValue, true
		}
		t.remember(e.Session, e.Agent, m)
	}
}

// erasedValue stands where a value is gone: that something was remembered, and when,
// still counts.
var erasedValue = json.RawMessage("null")

func placeOf(call, stage string, i int) string { return call + "/" + stage + strconv.Itoa(i) }

// erase forgets values that were remembered, and not that they were.
func (t *tallies) erase(of erased) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for session, list := range t.histories {
		for i := range list {
			m := &list[i]
			call, _, _ := strings.Cut(m.From, "/")
			if m.call == "" && (of.Session != "" && session == of.Session || of.Agent != "" && m.agent == of.Agent || of.Call != "" && call == of.Call) {
				m.Value, m.Gone = erasedValue, true
			}
		}
	}
}

// remember adds an entry that is on record. The same name and value is there
// once, as of the last time.
func (t *tallies) remember(session, agent string, m gateway.Memory) {
	t.keep(session, func(old *memory) bool {
		same := old.call == "" && !old.Gone && !m.Gone && old.Name == m.Name && bytes.Equal(old.Value, m.Value)
		if same && old.Until.After(m.Until) {
			m.Until = old.Until
		}
		return !same && (old.call != "" || m.Time.Before(old.Until)) // what is under way has not begun to age
	})
	list := t.histories[session]
	n := slices.IndexFunc(list, func(m memory) bool { return m.call != "" })
	if n < 0 {
		n = len(list)
	}
	t.histories[session] = slices.Insert(list, n, memory{Memory: m, agent: agent})
	t.memories++
	t.remembers.Store(true)
}

// keep drops entries of a history.
func (t *tallies) keep(session string, which func(*memory) bool) {
	list := t.histories[session]
	kept := slices.DeleteFunc(list, func(m memory) bool { return !which(&m) })
	t.memories -= len(list) - len(kept)
	if len(kept) == 0 {
		delete(t.histories, session)
		return
	}
	t.histories[session] = kept
}

// forget drops what is over in a history.
func (t *tallies) forget(now time.Time, session string) {
	if t.histories[session] != nil {
		t.keep(session, func(m *memory) bool { return m.call != "" || now.Before(m.Until) })
	}
}

// history is what a session's history says to a call: not its own entries, and not
// those of whoever came after it.
func (t *tallies) history(v *reservation) (out []gateway.Memory) {
	list := t.histories[v.id]
	if len(list) == 0 {
		return nil
	}
	out = make([]gateway.Memory, 0, len(list))
	for _, m := range list {
		if m.call == "" || t.held[m.call].tally.turn < v.tally.turn {
			out = append(out, m.Memory)
		}
	}
	return out
}

// full refuses a call whose entries have no place. Nothing that still holds is
// dropped for it: who fills the history would make policy forget.
func (t *tallies) full(now time.Time, session string, more int) *gateway.Refusal {
	list := t.histories[session]
	if len(list)+max(more, 1) > maxHistory {
		refusal := gateway.Refuse("state", gateway.RateLimited, "policy remembers as much of this session as it can; wait until some of it is forgotten")
		next := slices.MinFunc(list, func(a, b memory) int { return a.Until.Compare(b.Until) })
		refusal.RetryAfter = max(next.Until.Sub(now), time.Second)
		return refusal
	}
	if t.memories+more > maxMemories {
		t.sweep(now)
	}
	if t.memories+more > maxMemories {
		return gateway.Refuse("state", gateway.Overloaded, "policy remembers as much as the gateway can hold")
	}
	return nil
}

// sweep drops entries that are not to be known any more, at most once a second: a
// table that is full must not cost a walk per call.
func (t *tallies) sweep(now time.Time) {
	if since := now.Sub(t.swept); since >= 0 && since < time.Second {
		return
	}
	t.swept = now
	for session := range t.histories {
		t.forget(now, session)
	}
}

type snapshotCounter struct {
	Name    string           `json:"name"`
	Per     gateway.MeterPer `json:"per"`
	Of      string           `json:"of,omitempty"`
	Key     string           `json:"key,omitempty"`
	Agent   string           `json:"agent,omitempty"`
	Issuer  string           `json:"issuer,omitempty"`
	Window  time.Duration    `json:"window"`
	Keep    time.Duration    `json:"keep,omitempty"` // if it is longer
	Buckets []bucket         `json:"buckets"`
}

type snapshotHistory struct {
	Session  string           `json:"session"`
	Agent    string           `json:"agent,omitempty"`
	Memories []gateway.Memory `json:"memories"`
}

func (t *tallies) snapshot(now time.Time, s *snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.counters.all {
		c.expire(now)
		if len(c.buckets) > 0 {
			in := snapshotCounter{Name: id.name, Per: id.per, Of: id.of, Key: id.key, Agent: c.agent, Issuer: c.issuer, Window: c.window, Buckets: slices.Clone(c.buckets)}
			if c.kept > c.window {
				in.Keep = c.kept
			}
			s.Counters = append(s.Counters, in)
		}
	}
	slices.SortFunc(s.Counters, func(a, b snapshotCounter) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Per, b.Per), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Key, b.Key))
	})
	for session, list := range t.histories {
		h := snapshotHistory{Session: session}
		for _, m := range list {
			if m.call == "" && now.Before(m.Until) {
				h.Agent, h.Memories = m.agent, append(h.Memories, m.Memory)
			}
		}
		if h.Memories != nil {
			s.Histories = append(s.Histories, h)
		}
	}
	slices.SortFunc(s.Histories, func(a, b snapshotHistory) int { return cmp.Compare(a.Session, b.Session) })
}

func (t *tallies) restore(s *snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, in := range s.Counters {
		c := t.counters.make(counterID{in.Name, in.Per, in.Of, in.Key})
		*c = counter{window: in.Window, kept: max(in.Keep, in.Window), agent: in.Agent, issuer: in.Issuer, buckets: in.Buckets}
	}
	for _, in := range s.Histories {
		for _, m := range in.Memories {
			t.remember(in.Session, in.Agent, m)
		}
	}
}
