package state

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// fill puts calls of an agent on record, each under a key of its own.
func fill(t testing.TB, rec *record, a *gateway.Agent, n int) {
	t.Helper()
	for i := range n {
		spent(t, rec, metered(t, a, "1", fmt.Sprint(i)))
	}
}

// refusedPlace is the refusal of a call for whose counter there is no place.
func refusedPlace(t testing.TB, r *Room, c *gateway.Call, want gateway.Code) {
	t.Helper()
	_, err := counting(t, r, c)
	if got := code(t, err); got != want || !strings.Contains(err.Error(), "meter m") {
		t.Errorf("%v, want %s that names the meter", err, want)
	}
	if r.tallies.held[c.ID] != nil {
		t.Error("a call that was refused holds something")
	}
}

// TestKeysBeyondTheBound: who makes keys without end gets no further with new ones.
// To count them together would let a rule through that asks for an earlier call
// (nothing is released that nobody drafted), and to drop one a rule that bounds.
func TestKeysBeyondTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		fill(t, rec, a, maxKeys)
		for name, room := range map[string]*Room{"live": r, "after a restart": rec.again(t, nil, 0)} {
			refusedPlace(t, room, metered(t, a, "1", "new"), gateway.RateLimited)
			for want, c := range map[string]*gateway.Call{
				"1/1":                               metered(t, a, "1", "1"),
				"0/0":                               metered(t, agent("b"), "1", "new"),
				fmt.Sprintf("%[1]d/%[1]d", maxKeys): looked(t, a),
			} {
				if got := counted(t, room, c); got != want {
					t.Errorf("%s: key %q of %s: %s, want %s", name, c.Tally.Meters[0].Key, c.Agent.ID, got, want)
				}
			}
		}
		time.Sleep(time.Hour)
		if got := counted(t, r, metered(t, a, "1", "new")); got != "0/0" {
			t.Errorf("after an hour: %s", got)
		}
	})
}

// TestKeysLeaveRoomForOthers: agents that fill the table with keys keep nobody out
// who has none.
func TestKeysLeaveRoomForOthers(t *testing.T) {
	r, rec := newRoom(t)
	for i := range maxKeyed / maxKeys {
		fill(t, rec, agent(fmt.Sprint("many", i)), maxKeys)
	}
	refusedPlace(t, r, metered(t, agent("b"), "1", "new"), gateway.RateLimited)
	spent(t, rec, metered(t, agent("b"), "1", ""))
	if got := counted(t, r, looked(t, agent("b"))); got != "1/1" {
		t.Errorf("without a key: %s", got)
	}
}

// TestCountersBeyondTheBound: a full table takes no newcomers, and those that it has
// go on.
func TestCountersBeyondTheBound(t *testing.T) {
	r, rec := newRoom(t)
	for i := range maxCounters {
		a := agent(fmt.Sprint(i))
		c := metered(t, a, "1", "")
		c.Session.ID = a.SessionID()
		attempted(t, rec, c)
	}
	refusedPlace(t, r, metered(t, agent("new"), "1", ""), gateway.Overloaded)
	if got := counted(t, r, metered(t, agent("7"), "1", "")); got != "1/1" {
		t.Errorf("one who is known: %s", got)
	}
	if n := len(r.tallies.counters.all); n > maxCounters+1 {
		t.Errorf("%d counters", n)
	}
}

// denial is a call that counts by key once it is denied.
func denial(t testing.TB, a *gateway.Agent, key string) *gateway.Call {
	t.Helper()
	c := metered(t, a, "1", key)
	c.Tally.Meters[0].Denied = true
	return c
}

// TestDenialsBeyondTheBound: a denial cannot be refused, so those under keys beyond
// the bound count together, and each such key sees them all: who makes keys to be
// locked out of one after the other is locked out of all new ones.
func TestDenialsBeyondTheBound(t *testing.T) {
	r, rec := newRoom(t)
	a := agent("a")
	for i := range maxKeys + 3 {
		c := denial(t, a, fmt.Sprint(i))
		held := begun(t, r, c)
		said := c.Tally
		said.Meters[0].Key = tokenOf(said.Meters[0].Key)
		if err := rec.Add(gateway.Entry{Type: "call.refusal", Time: time.Now(), Call: c.ID, Agent: "a", Session: c.Session.ID, Kind: c.Kind, Tally: &said}); err != nil {
			t.Fatal(err)
		}
		finish(t, held, c)
	}
	for name, room := range map[string]*Room{"live": r, "after a restart": rec.again(t, nil, 0)} {
		for key, want := range map[string]string{"7": "1/1", "new": "3/3", fmt.Sprint(maxKeys + 1): "3/3"} {
			if got := counted(t, room, denial(t, a, key)); got != want {
				t.Errorf("%s: key %s: %s, want %s", name, key, got, want)
			}
		}
	}
}

// TestAShorterWindowForgetsNothing: a call that began under a policy with a shorter
// window is on record under one with a longer, which still has all that it counts;
// and a policy that is taken back finds what it had counted.
func TestAShorterWindowForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		within := func(c *gateway.Call, window time.Duration) *gateway.Call { c.Tally.Meters[0].Window = window; return c }
		short := within(metered(t, a, "1", "k"), time.Second)
		held := begun(t, r, short)
		spent(t, rec, within(metered(t, a, "5", "k"), 24*time.Hour))
		time.Sleep(time.Hour)
		attempted(t, rec, short)
		finish(t, held, short)
		snapshot, err := r.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for name, room := range map[string]*Room{"live": r, "from events": rec.again(t, nil, 0), "from a snapshot": rec.again(t, snapshot, len(rec.Events()))} {
			for window, want := range map[time.Duration]string{24 * time.Hour: "2/6", 2 * time.Minute: "1/1", time.Second: "0/0"} {
				if got := counted(t, room, within(looked(t, a), window)); got != want {
					t.Errorf("%s, within %v: %s, want %s", name, window, got, want)
				}
			}
		}
	})
}

// TestManyEntriesUnderTwoWindows: a counter stays small when its window gets shorter,
// and what the longer one counts is neither forgotten early nor kept for long.
func TestManyEntriesUnderTwoWindows(t *testing.T) {
	var c counter
	at := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for i := range 5000 {
		window := 24 * time.Hour
		if i > 2000 {
			window = time.Hour
		}
		c.add(at, window, gateway.One)
		if len(c.buckets) > maxBuckets {
			t.Fatalf("%d buckets after %d", len(c.buckets), i)
		}
		long, _ := c.used(at, 24*time.Hour)
		short, _ := c.used(at, time.Hour)
		if least := min(i+1, 2880); long < least || long > least*32/30+1 {
			t.Fatalf("after %d: %d within a day, want %d", i, long, least)
		}
		if least := min(i+1, 120); i < 2000 && short < least || i > 2200 && (short < least || short > least*62/60) {
			t.Fatalf("after %d: %d within an hour, want %d", i, short, least)
		}
		at = at.Add(30 * time.Second)
	}
}

// TestMetersOfCallsUnderWay: what is on "running" counts from when a call begins until
// it is over, attempt and denial or not, and after a restart nothing runs.
func TestMetersOfCallsUnderWay(t *testing.T) {
	r, rec := newRoom(t)
	a := agent("a")
	running := func(key string) *gateway.Call {
		c := metered(t, a, "2", key)
		c.Tally.Meters[0].Window, c.Tally.Meters[0].Running = 0, true
		return c
	}
	under := running("k")
	held := begun(t, r, under)
	want := func(what string, room *Room, key, want string) {
		t.Helper()
		if got := counted(t, room, running(key)); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	want("begun", r, "k", "1/2")
	want("begun, all keys", r, "", "1/2")
	want("begun, another key", r, "x", "0/0")
	under.Tally.Meters = under.Tally.Meters[:1]
	attempt(t, rec, under)
	want("attempted", r, "k", "1/2")
	if r.tallies.held[under.ID] != nil {
		t.Error("a call that was attempted is among those that wait to be")
	}
	want("attempted, after a restart", rec.again(t, nil, 0), "k", "0/0")
	if got := r.Counters(gateway.MeterOf{Key: "k"}); len(got) != 1 || got[0].Running != 1 || got[0].Count != 1 {
		t.Errorf("listed: %+v", got)
	}
	if _, err := r.ResetMeter(t.Context(), gateway.MeterOf{Name: "m"}, ann, "why"); err == nil {
		t.Error("what runs was reset")
	}
	finish(t, held, under)
	want("over", r, "k", "0/0")
	if under.Adds(gateway.PhaseAttempt) != nil {
		t.Error("it goes on record")
	}
}

// TestKeysAreCounted: how many keys there are within the window, without the call's own.
func TestKeysAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		a := agent("a")
		keys := func(room *Room, key string) int {
			c := metered(t, a, "1", key)
			c.Tally.Meters[0].Keys = true
			finish(t, begun(t, room, c), c)
			return c.Session.Meters[0].Keys
		}
		spent(t, rec, metered(t, a, "1", "x"))
		time.Sleep(time.Minute)
		spent(t, rec, metered(t, a, "1", "y"))
		spent(t, rec, metered(t, a, "1", "x"))
		spent(t, rec, metered(t, agent("b"), "1", "z"))
		under := metered(t, a, "1", "w")
		held := begun(t, r, under)
		if got := keys(r, "v"); got != 3 {
			t.Errorf("%d, want x, y and w", got)
		}
		finish(t, held, under)
		for _, room := range []*Room{r, rec.again(t, nil, 0)} {
			if got := keys(room, "x"); got != 2 {
				t.Errorf("%d, want x and y", got)
			}
		}
		time.Sleep(time.Hour)
		if got := keys(r, "x"); got != 0 {
			t.Errorf("%d after an hour", got)
		}
	})
}

// TestClocksThatStep: a clock that is set back makes entries count longer, never
// shorter, and one that is only looked at while it is ahead forgets nothing.
func TestClocksThatStep(t *testing.T) {
	start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		adds  []time.Duration // after start, in the order of the record
		looks []time.Duration
		want  int
	}{
		{"back an hour", []time.Duration{0, -time.Hour}, []time.Duration{-time.Hour, 0, 59 * time.Minute}, 2},
		{"back, and to and fro", []time.Duration{0, -time.Hour, time.Minute, -24 * time.Hour}, []time.Duration{-24 * time.Hour, time.Minute, time.Hour - 1}, 4},
		{"looked at from the future", []time.Duration{0, time.Second}, []time.Duration{48 * time.Hour, 2 * time.Second, 0}, 2},
		{"ahead, where something was counted", []time.Duration{0, 48 * time.Hour, time.Second}, []time.Duration{48*time.Hour + time.Minute, 2 * time.Second}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c counter
			for _, at := range tt.adds {
				c.add(start.Add(at), time.Hour, gateway.One)
			}
			for i, at := range tt.looks {
				if got, sum := c.used(start.Add(at), time.Hour); at < 48*time.Hour && got != tt.want || sum.String() != fmt.Sprint(got) {
					t.Errorf("look %d: %d/%v, want %d", i, got, sum, tt.want)
				}
			}
		})
	}
}
