package state

import (
	"fmt"
	"testing"
	"time"

	"toolward/gateway"
)

// asker is a call of a test that a person is asked about, or that comes meanwhile.
// It goes on if it sees fewer before it than there is room for.
type asker struct {
	call *gateway.Call
	held gateway.Reservation
	goes bool
}

// secondLooks are what a policy can count by. Had says that the policy which was in
// force when the first look was taken counted the same.
var secondLooks = []struct {
	name string
	had  bool
	adds func(t testing.TB, c *gateway.Call)
	seen func(*gateway.Session) int
}{
	{"a meter that is new", false, addsTo(""), byMeter}, {"a meter", true, addsTo(""), byMeter},
	{"a keyed meter that is new", false, addsTo("k"), byMeter}, {"a keyed meter", true, addsTo("k"), byMeter},
	{"history that is new", false, remembers, byHistory}, {"history", true, remembers, byHistory},
	{"calls", true, func(testing.TB, *gateway.Call) {}, func(s *gateway.Session) int { return s.Calls }},
}

func addsTo(key string) func(testing.TB, *gateway.Call) {
	return func(t testing.TB, c *gateway.Call) { c.Tally = metered(t, c.Agent, "1", key).Tally }
}

func remembers(_ testing.TB, c *gateway.Call) {
	m := remembering(c.Agent, `"x"`, time.Hour).Tally.Memories
	m[0].Name = c.ID // the same twice would be there once
	c.Tally.Memories = m
}

func byMeter(s *gateway.Session) int   { return s.Meters[0].Count }
func byHistory(s *gateway.Session) int { return len(s.History) }

// orders calls f with each order in which calls can take two steps each.
func orders(calls int, f func([]int)) {
	var walk func([]int, []int)
	walk = func(done, so []int) {
		if len(so) == 2*calls {
			f(so)
			return
		}
		for i := range calls {
			if done[i] < 2 {
				done[i]++
				walk(done, append(so, i))
				done[i]--
			}
		}
	}
	walk(make([]int, calls), nil)
}

// TestSecondLooksInEveryOrder: two calls wait for people while policy changes, a
// third comes meanwhile. In whatever order each looks and goes on or is refused, as
// many go on as there is room for: not one more, and not one fewer because each saw
// the other.
func TestSecondLooksInEveryOrder(t *testing.T) {
	for _, how := range secondLooks {
		for room := 1; room <= 3; room++ {
			orders(3, func(order []int) {
				r, rec := newRoom(t)
				a := agent("a")
				var all [3]asker
				for i := range all {
					all[i].call = newCall(a, "s__t")
					if i == 2 {
						continue // comes later
					}
					if how.had {
						how.adds(t, all[i].call)
					}
					all[i].held = begun(t, r, all[i].call)
				}
				went := 0
				for _, i := range order {
					if all[i].step(t, r, rec, room, how.adds, how.seen) {
						went++
					}
				}
				if went != room {
					t.Errorf("%s, room for %d, order %v: %d went on", how.name, room, order, went)
				}
			})
		}
	}
}

// step looks, or goes on as it has seen; it reports that it went on.
func (k *asker) step(t testing.TB, r *Room, rec *record, room int, adds func(testing.TB, *gateway.Call), seen func(*gateway.Session) int) bool {
	t.Helper()
	if k.call.Parent == nil { // it has not looked
		k.call.Parent = k.call
		adds(t, k.call)
		if k.held == nil {
			k.held = begun(t, r, k.call)
		} else if err := k.held.Again(t.Context(), k.call); err != nil {
			t.Fatal(err)
		} else if err := k.held.Count(t.Context(), k.call); err != nil {
			t.Fatal(err)
		}
		k.goes = seen(&k.call.Session) < room
		return false
	}
	if k.goes {
		attempted(t, rec, k.call)
	}
	finish(t, k.held, k.call)
	return k.goes
}

// TestPlaceIsKeptOnlyForWhatWasHeld: who adds more than before stands behind those
// who have not seen it.
func TestPlaceIsKeptOnlyForWhatWasHeld(t *testing.T) {
	meter := func(name, amount, key string) func(testing.TB, *gateway.Call) {
		return func(t testing.TB, c *gateway.Call) {
			more := metered(t, c.Agent, amount, key).Tally.Meters
			more[0].Name = name
			c.Tally.Meters = append(c.Tally.Meters, more...)
		}
	}
	nothing := func(testing.TB, *gateway.Call) {}
	for name, k := range map[string]struct {
		before, after []func(testing.TB, *gateway.Call)
		want          int // that the first sees of the second, in the meter "m"
	}{
		"the same":            {adds(meter("m", "2", "")), adds(meter("m", "2", "")), 0},
		"less":                {adds(meter("m", "2", "")), adds(meter("m", "1", "")), 0},
		"more":                {adds(meter("m", "2", "")), adds(meter("m", "3", "")), 1},
		"one meter fewer":     {adds(meter("m", "2", ""), meter("n", "1", "")), adds(meter("m", "2", "")), 0},
		"one meter more":      {adds(meter("m", "2", "")), adds(meter("m", "2", ""), meter("n", "1", "")), 1},
		"another meter":       {adds(meter("n", "2", "")), adds(meter("m", "2", "")), 1},
		"a key":               {adds(meter("m", "2", "")), adds(meter("m", "2", "k")), 0}, // nobody else has it
		"something to recall": {adds(meter("m", "2", "")), adds(meter("m", "2", ""), remembers), 1},
		"nothing before":      {adds(nothing), adds(meter("m", "2", "")), 1},
	} {
		r, _ := newRoom(t)
		first, second := newCall(agent("a"), "s__t"), newCall(agent("a"), "s__t")
		for _, add := range k.before {
			add(t, first)
		}
		held := begun(t, r, first)
		meter("m", "7", "")(t, second)
		behind := begun(t, r, second)
		first.Tally = gateway.Tally{}
		for _, add := range k.after {
			add(t, first)
		}
		for range 2 { // also where it looks more than once
			if err := held.Count(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("%d/%d", k.want, 7*k.want)
			if m := first.Session.Meters[0]; fmt.Sprintf("%d/%v", m.Count, m.Sum) != want {
				t.Errorf("%s: it sees %d/%v, want %s", name, m.Count, m.Sum, want)
			}
		}
		finish(t, behind, second)
		finish(t, held, first)
		if got := counted(t, r, looked(t, agent("a"))); got != "0/0" {
			t.Errorf("%s: %s is left", name, got)
		}
	}
}

func adds(all ...func(testing.TB, *gateway.Call)) []func(testing.TB, *gateway.Call) { return all }
