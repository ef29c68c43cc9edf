package state

import (
	"time"

	"toolward/gateway"
)

// Bounds of what is kept of meters: some tens of MiB. Agents choose keys, so keys
// leave some of the places to what counts without one.
const (
	maxCounters = 1 << 16
	maxKeyed    = maxCounters / 4 * 3
	maxKeys     = 1 << 12 // keys of one meter for one of those that it counts for
)

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

// owner is the counter of all keys.
func (id counterID) owner() counterID { id.key = ""; return id }

// counters are those of all meters. A call that would add to one for which there is
// no place is refused: a rule may ask that something has happened as well as that it
// has not, so no counter can answer for another. What is on record all the same
// (denials, what results add, and what came before a start under other bounds) is
// then counted together.
type counters struct {
	all   map[counterID]*counter
	keyed map[counterID]map[counterID]*counter // those of keys, by their owner
	count int                                  // of keyed
	swept time.Time
}

func (t *counters) init() {
	t.all, t.keyed = map[counterID]*counter{}, map[counterID]map[counterID]*counter{}
}

// of returns a counter, made if there is none, and notes whose it is. Where there is
// no place for it, ok is false, and what is returned is what counts in its place.
func (t *counters) of(now time.Time, id counterID, agent, issuer string) (c *counter, ok bool) {
	c, placed := t.place(now, id)
	if placed.of != "" {
		c.belongs(placed.per, agent, issuer)
	}
	return c, placed == id
}

// add counts for good.
func (t *counters) add(at time.Time, id counterID, e gateway.Entry, m gateway.Meter) {
	c, _ := t.of(at, id, e.Agent, e.Issuer)
	c.add(at, m.Window, m.Amount)
}

func (t *counters) place(now time.Time, id counterID) (*counter, counterID) {
	if c := t.all[id]; c != nil {
		return c, id
	}
	if c, placed := t.shared(now, id); c != nil {
		return c, placed
	}
	full := func() (counterID, bool) {
		switch {
		case len(t.all) >= maxCounters:
			return counterID{id.name, id.per, "", others}, true
		case id.key != "" && (len(t.keyed[id.owner()]) >= maxKeys || t.count >= maxKeyed):
			return counterID{id.name, id.per, id.of, others}, true
		}
		return id, false
	}
	if _, is := full(); is && t.rested(now) {
		t.sweep(now)
	}
	placed, _ := full()
	return t.make(placed), placed
}

// shared is the counter of what had no place, if something in it counts that may be
// of the one that is asked for; nil if there is none.
func (t *counters) shared(now time.Time, id counterID) (*counter, counterID) {
	all, rest := counterID{id.name, id.per, "", others}, counterID{id.name, id.per, id.of, others}
	if c := t.all[all]; c != nil && !c.idle(now) {
		return c, all
	}
	if c := t.all[rest]; id.key != "" && c != nil && !c.idle(now) {
		return c, rest
	}
	return nil, id
}

func (t *counters) make(id counterID) *counter {
	if c := t.all[id]; c != nil {
		return c
	}
	c := &counter{}
	t.all[id] = c
	if id.key != "" && id.key != others {
		of := t.keyed[id.owner()]
		if of == nil {
			of = map[counterID]*counter{}
			t.keyed[id.owner()] = of
		}
		of[id] = c
		t.count++
	}
	return c
}

// look is the counter of who adds nothing to it, nil if nothing was counted.
func (t *counters) look(now time.Time, id counterID) *counter {
	if c := t.all[id]; c != nil {
		return c
	}
	c, _ := t.shared(now, id)
	return c
}

// keys are how many keys of a counter have counted something within a window, those
// without a place as one, and without what is hidden from who asks.
func (t *counters) keys(now time.Time, owner counterID, window time.Duration, hidden []heldCounter) (n int) {
	less := map[*counter]int{}
	for _, h := range hidden {
		less[h.counter]++
	}
	counts := func(c *counter) bool {
		last := len(c.buckets) - 1
		return c.live > less[c] || last >= 0 && now.Sub(c.buckets[last].At) < window
	}
	for _, c := range t.keyed[owner] {
		if counts(c) {
			n++
		}
	}
	owner.key = others
	if c, _ := t.shared(now, owner); c != nil && counts(c) {
		n++
	}
	return n
}

// rested reports whether it is a second since the last sweep: a table that is full
// must not cost a walk per call.
func (t *counters) rested(now time.Time) bool {
	since := now.Sub(t.swept)
	return since < 0 || since >= time.Second
}

// sweep drops what no longer counts.
func (t *counters) sweep(now time.Time) {
	t.swept = now
	for id, c := range t.all {
		if !c.idle(now) {
			continue
		}
		delete(t.all, id)
		if of := t.keyed[id.owner()]; of[id] != nil {
			delete(of, id)
			t.count--
			if len(of) == 0 {
				delete(t.keyed, id.owner())
			}
		}
	}
}

// noPlace refuses a call that would add to a meter for which there is no place,
// beside which counts what had none either.
func noPlace(m *gateway.Meter) *gateway.Refusal {
	refusal := gateway.Refuse("state", gateway.Overloaded, "policy counts as much by meter "+m.Name+" as the gateway can hold")
	if m.Key != "" {
		refusal = gateway.Refuse("state", gateway.RateLimited, "policy counts as many keys of meter "+m.Name+" as it can")
		refusal.RetryAfter = time.Second
	}
	refusal.Remedy = "see `toolward meters list " + m.Name + "`; a place is free again when what it counted is older than the window, or was reset"
	return refusal
}
