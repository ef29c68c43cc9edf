package state

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func amount(t testing.TB, s string) gateway.Amount {
	t.Helper()
	a, err := gateway.ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// metered is a call that adds to a meter of its agent.
func metered(t testing.TB, a *gateway.Agent, sum, key string) *gateway.Call {
	t.Helper()
	c := newCall(a, "s__t")
	c.Tally.Meters = []gateway.Meter{{Name: "m", Per: gateway.PerAgent, Of: a.PrincipalID(), Key: key, Window: time.Hour, Amount: amount(t, sum)}}
	return c
}

// looked is a call that only looks.
func looked(t testing.TB, a *gateway.Agent) *gateway.Call {
	t.Helper()
	c := metered(t, a, "0", "")
	c.Tally.Meters[0].Looks = true
	return c
}

// begun is what a call is told, and its reservation.
func begun(t testing.TB, r *Room, c *gateway.Call) gateway.Reservation {
	t.Helper()
	held, err := counting(t, r, c)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// counting begins a call and reserves what it adds.
func counting(t testing.TB, r *Room, c *gateway.Call) (gateway.Reservation, error) {
	t.Helper()
	_, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Count(t.Context(), c); err != nil {
		finish(t, held, c)
		return nil, err
	}
	return held, nil
}

// counted is what a meter says to a call, as "count/sum".
func counted(t testing.TB, r *Room, c *gateway.Call) string {
	t.Helper()
	held := begun(t, r, c)
	if err := held.Finish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d/%v", c.Session.Meters[0].Count, c.Session.Meters[0].Sum)
}

// attempted puts the attempt of a call on record, with keys as the record writes them.
func attempted(t testing.TB, rec *record, c *gateway.Call) {
	t.Helper()
	said := c.Tally
	said.Meters = append([]gateway.Meter(nil), said.Meters...)
	for i := range said.Meters {
		if m := &said.Meters[i]; m.Key != "" {
			m.Key = rec.Token(m.Key)
		}
	}
	err := rec.Add(gateway.Entry{Type: "call.attempt", Time: time.Now(), Call: c.ID, Agent: c.Agent.ID, Issuer: c.Agent.Issuer, Session: c.Session.ID, Kind: c.Kind, Tool: c.ToolName(), Tally: &said})
	if err != nil {
		t.Fatal(err)
	}
}

func finish(t testing.TB, held gateway.Reservation, c *gateway.Call) {
	t.Helper()
	if err := held.Finish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestMetersReserve walks a call through what it can become.
func TestMetersReserve(t *testing.T) {
	r, rec := newRoom(t)
	a := agent("a")
	want := func(what, want string) {
		t.Helper()
		if got := counted(t, r, looked(t, a)); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	first, second := metered(t, a, "0.1", ""), metered(t, a, "0.2", "")
	held := begun(t, r, first)
	if got := counted(t, r, second); got != "1/0.1" {
		t.Errorf("a second call sees %s, want 1/0.1", got)
	}
	want("in progress", "1/0.1")
	finish(t, held, first)
	want("given back", "0/0")
	held = begun(t, r, first)
	attempted(t, rec, first)
	want("attempted", "1/0.1")
	finish(t, held, first)
	want("over", "1/0.1")
	held = begun(t, r, second)
	if err := errors.Join(held.Again(t.Context(), second), held.Count(t.Context(), second)); err != nil || second.Session.Meters[0].Count != 1 {
		t.Errorf("asked again: %+v %v, want 1 without itself", second.Session.Meters, err)
	}
	attempted(t, rec, second)
	finish(t, held, second)
	want("two", "2/0.3")
	snapshot, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, again := range map[string]*Room{"from events": rec.again(t, nil, 0), "from a snapshot": rec.again(t, snapshot, len(rec.Events()))} {
		if got := counted(t, again, looked(t, a)); got != "2/0.3" {
			t.Errorf("%s: %s, want 2/0.3", name, got)
		}
	}
	if got := counted(t, r, looked(t, agent("b"))); got != "0/0" {
		t.Errorf("another agent: %s", got)
	}
}

// TestMeterKeys: each key counts for itself, and who looks sees all.
func TestMeterKeys(t *testing.T) {
	r, rec := newRoom(t)
	a := agent("a")
	for _, key := range []string{"x", "x", "y"} {
		c := metered(t, a, "5", key)
		held := begun(t, r, c)
		attempted(t, rec, c)
		finish(t, held, c)
	}
	for _, room := range []*Room{r, rec.again(t, nil, 0)} {
		for key, want := range map[string]string{"x": "2/10", "y": "1/5", "z": "0/0"} {
			if got := counted(t, room, metered(t, a, "1", key)); got != want {
				t.Errorf("key %s: %s, want %s", key, got, want)
			}
		}
		if got := counted(t, room, looked(t, a)); got != "3/15" {
			t.Errorf("all: %s, want 3/15", got)
		}
	}
}

// TestWindowNeverForgetsEarly adds at random times, more often than is kept
// exactly, and holds the counter against a list: it never says less, and no more
// than what happened within the window and one slot.
func TestWindowNeverForgetsEarly(t *testing.T) {
	const window = time.Hour
	start := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(20) {
		var c counter
		var list []time.Time
		now, step := start, seed
		for range 2000 {
			step = step*6364136223846793005 + 1442695040888963407
			now = now.Add(time.Duration(step>>33) % (5 * time.Minute) / time.Duration(1+seed*2))
			c.add(now, window, gateway.One)
			list = append(list, now)
			least, most := 0, 0
			for _, at := range list {
				if now.Sub(at) < window {
					least++
				}
				if now.Sub(at) < window+window/slots {
					most++
				}
			}
			count, sum := c.used(now, window)
			if count < least || count > most || sum.String() != fmt.Sprint(count) {
				t.Fatalf("seed %d, after %d: %d (%v), want %d to %d", seed, len(list), count, sum, least, most)
			}
			if len(c.buckets) > maxBuckets {
				t.Fatalf("%d buckets", len(c.buckets))
			}
		}
	}
}

// TestWindowEnds to the instant where entries are kept apart.
func TestWindowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		c := metered(t, a, "7", "k")
		held := begun(t, r, c)
		attempted(t, rec, c)
		finish(t, held, c)
		time.Sleep(time.Hour - time.Nanosecond)
		if got := counted(t, r, looked(t, a)); got != "1/7" {
			t.Errorf("just before: %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got := counted(t, r, looked(t, a)); got != "0/0" {
			t.Errorf("after an hour: %s", got)
		}
	})
}

// TestMetersAtOnce: of many at once, each sees those before it.
func TestMetersAtOnce(t *testing.T) {
	r, rec := newRoom(t)
	a := agent("a")
	var all sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range 1000 {
		all.Go(func() {
			c := metered(t, a, "1", "k")
			held := begun(t, r, c)
			if c.Session.Meters[0].Count < 3 {
				attempted(t, rec, c)
				mu.Lock()
				passed++
				mu.Unlock()
			}
			finish(t, held, c)
		})
	}
	all.Wait()
	if got := counted(t, r, looked(t, a)); passed != 3 || got != "3/3" {
		t.Errorf("%d passed, and %s is counted; want 3", passed, got)
	}
}

func remembering(a *gateway.Agent, value string, span time.Duration) *gateway.Call {
	c := newCall(a, "s__t")
	c.Tally.Memories = []gateway.Memory{{Name: "n", Value: []byte(value), Tool: "s__t", For: span}}
	return c
}

// recalled is what a session's history holds.
func recalled(t testing.TB, r *Room, a *gateway.Agent) []string {
	t.Helper()
	var values []string
	c := newCall(a, "s__t")
	finish(t, begun(t, r, c), c)
	for _, m := range c.Session.History {
		values = append(values, string(m.Value))
	}
	return values
}

// TestHistory walks an entry through what can become of it.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		want := func(what string, room *Room, values ...string) {
			t.Helper()
			if diff := cmp.Diff(values, recalled(t, room, a)); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		c := remembering(a, `"x"`, 3*time.Hour)
		held := begun(t, r, c)
		if len(c.Session.History) != 0 {
			t.Error("a call sees its own entry")
		}
		want("in progress", r, `"x"`)
		finish(t, held, c)
		want("given back", r)
		for _, v := range []string{`"x"`, `1`, `"x"`} {
			c := remembering(a, v, 3*time.Hour)
			held := begun(t, r, c)
			attempted(t, rec, c)
			finish(t, held, c)
		}
		want("once each, newest last", r, `1`, `"x"`)
		if got := recalled(t, r, agent("b")); got != nil {
			t.Errorf("another agent: %q", got)
		}
		time.Sleep(2 * time.Hour) // the session is idle for an hour
		snapshot, err := r.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		want("while the session is idle", r, `1`, `"x"`)
		want("from events", rec.again(t, nil, 0), `1`, `"x"`)
		want("from a snapshot", rec.again(t, snapshot, len(rec.Events())), `1`, `"x"`)
		time.Sleep(time.Hour)
		want("after its time", r)
	})
}

// TestFullHistoryRefuses: nothing that still holds is pushed out.
func TestFullHistoryRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		for i := range maxHistory {
			c := remembering(a, fmt.Sprint(i), time.Hour)
			held := begun(t, r, c)
			attempted(t, rec, c)
			finish(t, held, c)
		}
		c := remembering(a, "64", time.Hour)
		_, err := counting(t, r, c)
		if got := code(t, err); got != gateway.RateLimited {
			t.Fatalf("%v, want rate_limited", err)
		}
		later := newCall(a, "s__t")
		later.Tally.May = true
		if _, err := counting(t, r, later); code(t, err) != gateway.RateLimited {
			t.Errorf("%v, want rate_limited for what its result may add", err)
		}
		if got := recalled(t, r, a); len(got) != maxHistory || got[0] != "0" {
			t.Errorf("%d are remembered: %q", len(got), got)
		}
		time.Sleep(time.Hour)
		finish(t, begun(t, r, c), c)
	})
}

// TestErasedValuesAreStillRemembered: that something was left, and when, holds; what it
// was is gone, here and in whatever is made of the record.
func TestErasedValuesAreStillRemembered(t *testing.T) {
	for name, of := range map[string]func(c *gateway.Call) erased{
		"call":    func(c *gateway.Call) erased { return erased{Call: c.ID} },
		"agent":   func(c *gateway.Call) erased { return erased{Agent: c.Agent.ID} },
		"session": func(c *gateway.Call) erased { return erased{Session: c.Session.ID} },
	} {
		t.Run(name, func(t *testing.T) {
			r, rec := newRoom(t)
			a, b := agent("a"), agent("b")
			c, other := remembering(a, `"x"`, time.Hour), remembering(b, `"y"`, time.Hour)
			spent(t, rec, c)
			spent(t, rec, other)
			if err := rec.Note(t.Context(), "audit.erase", of(c)); err != nil {
				t.Fatal(err)
			}
			snapshot, err := r.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(snapshot), `"x"`) {
				t.Errorf("the snapshot holds it: %s", snapshot)
			}
			for name, room := range map[string]*Room{"live": r, "from events": rec.again(t, nil, 0), "from a snapshot": rec.again(t, snapshot, len(rec.Events()))} {
				if got := recalled(t, room, a); len(got) != 1 || got[0] != "null" {
					t.Errorf("%s: %q, want null", name, got)
				}
				if got := recalled(t, room, b); len(got) != 1 || got[0] != `"y"` {
					t.Errorf("%s: another agent's: %q", name, got)
				}
			}
			late := rec.again(t, snapshot, len(rec.Events()))
			if err := late.Fold(gateway.Entry{Type: "audit.erase", Time: time.Now(), Body: []byte(`{"agent":"b"}`)}); err != nil {
				t.Fatal(err)
			}
			if got := recalled(t, late, b); len(got) != 1 || got[0] != "null" {
				t.Errorf("erased after a snapshot: %q", got)
			}
		})
	}
}
