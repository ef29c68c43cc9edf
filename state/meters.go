package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"toolward/gateway"
)

// reset is the body of an event of [EventReset]: what was counted so far counts no
// more. What calls under way add when they are on record counts as ever.
type reset struct {
	gateway.MeterOf                  // its key is a token
	Counters        int              `json:"counters"` // that had counted something
	By              gateway.Operator `json:"by"`
	Reason          string           `json:"reason"`
}

// Counters lists what meters have counted, or hold for calls under way, by name,
// the largest sum first.
func (r *Room) Counters(of gateway.MeterOf) []gateway.Counter {
	all := r.tallies.list(time.Now(), r.tokenOf(of))
	slices.SortFunc(all, func(a, b gateway.Counter) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), b.Sum.Compare(a.Sum), b.Count-a.Count, cmp.Compare(a.Of, b.Of), cmp.Compare(a.Key, b.Key))
	})
	return all
}

// ResetMeter lets counters begin anew, in a person's name, and returns how many had
// counted something. It returns [gateway.ErrNoMeter] if none had.
func (r *Room) ResetMeter(ctx context.Context, of gateway.MeterOf, by gateway.Operator, reason string) (int, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	of = r.tokenOf(of)
	n := 0
	for _, c := range r.tallies.list(time.Now(), of) {
		if c.Count > c.Running {
			n++
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: %s", gateway.ErrNoMeter, of.Name)
	}
	return n, r.opts.Journal.Note(ctx, EventReset, reset{MeterOf: of, Counters: n, By: by, Reason: reason})
}

// tokenOf has the key's token in its place, which is what counters know.
func (r *Room) tokenOf(of gateway.MeterOf) gateway.MeterOf {
	if of.Key != "" && of.Key != others && !r.tallies.knows(of.Key) {
		of.Key = r.opts.Journal.Token(of.Key)
	}
	return of
}

// knows reports whether a key is the token of some counter.
func (t *tallies) knows(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.counters.all {
		if id.key == key {
			return true
		}
	}
	return false
}

func (t *tallies) list(now time.Time, of gateway.MeterOf) (all []gateway.Counter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.counters.all {
		if !c.meant(id, of) || c.idle(now) {
			continue
		}
		seen := gateway.Counter{Name: id.name, Per: id.per, Of: id.of, Agent: c.agent, Issuer: c.issuer, Key: id.key, Running: c.live}
		seen.Count, seen.Sum = c.used(now, c.window)
		if n := len(c.buckets); n > 0 {
			seen.Window, seen.Oldest, seen.Until = c.window.String(), c.buckets[0].At.UTC(), c.buckets[n-1].At.Add(c.window).UTC()
		}
		all = append(all, seen)
	}
	return all
}

// reset forgets what was counted for good. Reservations stay.
func (t *tallies) reset(of gateway.MeterOf) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.counters.all {
		if c.meant(id, of) {
			c.buckets = nil
		}
	}
}

// meant reports whether a counter is among those that are meant.
func (c *counter) meant(id counterID, of gateway.MeterOf) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(of.Name, id.name) && is(of.Key, id.key) && is(of.Agent, c.agent) && is(of.Issuer, c.issuer) &&
		(of.Session == "" || id.per == gateway.PerSession && id.of == of.Session) &&
		(of.Tool == "" || id.per == gateway.PerTool && id.of == of.Tool)
}
