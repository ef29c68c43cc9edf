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

// Bounds of what is kept of meters and histories: some tens of MiB.
const (
	maxCounters = 1 << 16
	maxKeys     = 1 << 12 // keys of one meter for one of those that it counts for
	maxHistory  = 64      // entries of a session
	maxMemories = 1 << 16 // entries in all, each at most about 1 KiB
)

// tallies are the counters of meters and the histories of sessions.
type tallies struct {
	mu        sync.Mutex
	counters  map[counterID]*counter
	keys      map[counterID]int // keyed counters, by the ID of that of all keys
	swept     time.Time
	histories map[string][]memory // by session; durable ones in the order of the record, then others
	memories  int
	remembers atomic.Bool             // there has been a history
	held      map[string]*reservation // calls that have not been attempted, by ID
	turns     uint64                  // that were given to them
}

// counterID names a counter. Key is "" of the one of all keys, and others of the
// one of keys that have none of their own.
type counterID struct {
	name string
	per  gateway.MeterPer
	of   string
	key  string
}

// others is no token.
const others = "others"

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
	amount gateway.Amount
}

func (t *tallies) init() {
	t.counters, t.keys = map[counterID]*counter{}, map[counterID]int{}
	t.histories, t.held = map[string][]memory{}, map[string]*reservation{}
}

// begin reserves what a call adds, in place of what it had reserved before, and
// says in the same step what was there before it. A call that looks a second time
// and adds nothing which it did not hold keeps its turn: those that came after it
// have seen what it holds, and are not there for it. Else of two that look again,
// and have room for one, each would see the other. A call that could add to a
// history in which there is no place is refused.
func (t *tallies) begin(now time.Time, v *reservation, tally *gateway.Tally, token func(string) string) (meters []gateway.Used, history []gateway.Memory, refusal *gateway.Refusal) {
	if !v.counts && len(tally.Meters) == 0 && len(tally.Memories) == 0 && !tally.May && !t.remembers.Load() {
		return nil, nil, nil // policy has nothing of the kind
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	v.counts = true
	had := t.release(v)
	t.forget(now, v.id)
	if len(tally.Memories) > 0 || tally.May {
		if refusal := t.full(now, v.id, len(tally.Memories)); refusal != nil {
			return nil, nil, refusal
		}
	}
	t.reserve(now, v, tally, token)
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
func (t *tallies) reserve(now time.Time, v *reservation, tally *gateway.Tally, token func(string) string) {
	v.tally = held{session: v.id, memories: tally.Memories}
	take := func(id counterID, amount gateway.Amount) {
		of := t.counter(now, id, v.agent.ID, v.agent.Issuer)
		of.live, of.liveSum = of.live+1, of.liveSum.Add(amount)
		v.tally.counters = append(v.tally.counters, heldCounter{of, amount})
	}
	for i := range tally.Meters {
		m := &tally.Meters[i]
		if m.Looks || m.Denied {
			continue
		}
		take(counterID{m.Name, m.Per, m.Of, ""}, m.Amount)
		if m.Key != "" {
			take(counterID{m.Name, m.Per, m.Of, token(m.Key)}, m.Amount)
		}
	}
	for i, m := range tally.Memories {
		m.Time, m.Until, m.From = now, now.Add(m.For), placeOf(v.call, "a", i)
		t.histories[v.id] = append(t.histories[v.id], memory{m, v.call, v.agent.ID})
		t.memories++
		t.remembers.Store(true)
	}
	if v.tally.counters != nil || v.tally.memories != nil {
		t.held[v.call] = v
	}
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
		switch {
		case m.Looks || m.Denied:
			id := counterID{m.Name, m.Per, m.Of, ""}
			if m.Key != "" {
				id.key = token(m.Key)
			}
			if of = t.look(id); of == nil {
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
	t.release(v)
}

func (t *tallies) release(v *reservation) (had held) {
	if t.held[v.call] != v {
		return held{}
	}
	delete(t.held, v.call)
	for _, h := range v.tally.counters {
		h.live, h.liveSum = h.live-1, h.liveSum.Sub(h.amount)
	}
	if v.tally.memories != nil {
		t.keep(v.tally.session, func(m *memory) bool { return m.call != v.call })
	}
	had, v.tally = v.tally, held{}
	return had
}

// add counts for good what an event says.
func (t *tallies) add(e gateway.Entry) {
	if e.Tally == nil {
		return // nothing was reserved for it either
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := t.held[e.Call]; v != nil {
		t.release(v)
	}
	at := e.Time
	if e.Tally.At.After(at) {
		at = e.Tally.At
	}
	for _, m := range e.Tally.Meters {
		id := counterID{m.Name, m.Per, m.Of, ""}
		t.counter(at, id, e.Agent, e.Issuer).add(at, m.Window, m.Amount)
		if m.Key != "" {
			id.key = m.Key
			t.counter(at, id, e.Agent, e.Issuer).add(at, m.Window, m.Amount)
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
		return !same && m.Time.Before(old.Until)
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

// counter returns a counter, made if there is none, and notes whose it is. Where
// there is no place for it, and as long as what had none counts, it is the one of
// all others.
func (t *tallies) counter(now time.Time, id counterID, agent, issuer string) *counter {
	made, placed := t.place(now, id)
	if placed.of != "" {
		made.belongs(placed.per, agent, issuer)
	}
	return made
}

func (t *tallies) place(now time.Time, id counterID) (*counter, counterID) {
	if c := t.counters[id]; c != nil {
		return c, id
	}
	all := counterID{id.name, id.per, "", others}
	if c := t.counters[all]; c != nil && !c.idle(now) {
		return c, all
	}
	if len(t.counters) >= maxCounters {
		t.sweep(now)
	}
	if len(t.counters) >= maxCounters {
		return t.make(all), all
	}
	if id.key == "" {
		return t.make(id), id
	}
	owner, rest := id, id
	owner.key, rest.key = "", others
	if c := t.counters[rest]; c != nil && !c.idle(now) {
		return c, rest
	}
	if t.keys[owner] >= maxKeys {
		t.sweep(now)
	}
	if t.keys[owner] >= maxKeys {
		return t.make(rest), rest
	}
	t.keys[owner]++
	return t.make(id), id
}

func (t *tallies) make(id counterID) *counter {
	if t.counters[id] == nil {
		t.counters[id] = &counter{}
	}
	return t.counters[id]
}

// look is the counter of who adds nothing to it, nil if nothing was counted.
func (t *tallies) look(id counterID) *counter {
	if c := t.counters[id]; c != nil {
		return c
	}
	return t.counters[counterID{id.name, id.per, "", others}]
}

// sweep drops what no longer counts, at most once a second: a table that is full
// must not cost a walk per call.
func (t *tallies) sweep(now time.Time) {
	if since := now.Sub(t.swept); since >= 0 && since < time.Second {
		return
	}
	t.swept = now
	for id, c := range t.counters {
		if !c.idle(now) {
			continue
		}
		delete(t.counters, id)
		if id.key != "" && id.key != others {
			id.key = ""
			if t.keys[id]--; t.keys[id] == 0 {
				delete(t.keys, id)
			}
		}
	}
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
	for id, c := range t.counters {
		c.expire(now)
		if len(c.buckets) > 0 {
			s.Counters = append(s.Counters, snapshotCounter{id.name, id.per, id.of, id.key, c.agent, c.issuer, c.window, slices.Clone(c.buckets)})
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
		id := counterID{in.Name, in.Per, in.Of, in.Key}
		t.counters[id] = &counter{window: in.Window, agent: in.Agent, issuer: in.Issuer, buckets: in.Buckets}
		if in.Key != "" && in.Key != others {
			id.key = ""
			t.keys[id]++
		}
	}
	for _, in := range s.Histories {
		for _, m := range in.Memories {
			t.remember(in.Session, in.Agent, m)
		}
	}
}
