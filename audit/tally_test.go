package audit

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// listener notes what a record says of tallies.
type listener struct {
	nobody
	said map[string]*gateway.Tally
}

func (l listener) Fold(e gateway.Entry) error {
	if e.Tally != nil {
		l.said[e.Type] = e.Tally
	}
	return nil
}

// Snapshot fails, so that a start reads the events.
func (listener) Snapshot() (json.RawMessage, error) {
	return nil, errors.New("a listener keeps nothing")
}

func tallying(t testing.TB, value string) *gateway.Call {
	c := newCall(t, `{"n":1}`)
	amount, err := gateway.ParseAmount("12.000000001")
	must(t, err)
	c.Tally = gateway.Tally{Revision: "r1", Meters: []gateway.Meter{
		{Name: "m", Per: gateway.PerAgent, Of: "a", Key: "customer-7", Window: time.Hour, Amount: amount},
		{Name: "other", Per: gateway.PerAll, Window: time.Hour, Looks: true},
	}, Memories: []gateway.Memory{{Name: "n", Value: json.RawMessage(value), Tool: "files__read_file", For: time.Minute}}}
	c.Session.Meters = []gateway.Used{{Name: "m", Count: 2, Sum: amount, Amount: gateway.One}}
	c.Session.History = []gateway.Memory{{Name: "n", Value: json.RawMessage(value), From: c.ID + "/a0", Tool: "files__read_file", For: time.Minute, Time: c.Time.UTC().Round(0), Until: c.Time.Add(time.Minute).UTC().Round(0)}}
	return c
}

// TestTalliesAreOnRecord: followers hear the same when an event is written and
// when it is read again, keys are not shown, and what policy saw can be replayed.
func TestTalliesAreOnRecord(t *testing.T) {
	var path string
	s := openStore(t, func(o *Options) { path = o.Path })
	live := listener{said: map[string]*gateway.Tally{}}
	must(t, s.Attach(t.Context(), live))
	c := tallying(t, `"x"`)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	c.ResultTally = gateway.Tally{Meters: []gateway.Meter{{Name: "rows", Per: gateway.PerAll, Window: time.Hour, Amount: gateway.One}}}
	respond(c, `{"content":[]}`)
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
	if m := live.said[TypeAttempt].Meters; len(m) != 1 || m[0].Key != s.Token("customer-7") {
		t.Errorf("%+v, want the meter that is added to, under a token", m)
	}
	for _, body := range column1(t, s, "SELECT body FROM events") {
		if strings.Contains(body, "customer-7") {
			t.Errorf("the key is on record: %s", body)
		}
	}
	for replayed, err := range s.Replay(t.Context(), Filter{}) {
		must(t, err)
		got := replayed.Call.Session
		for i := range got.History {
			got.History[i].For, got.History[i].Until = c.Session.History[i].For, c.Session.History[i].Until
		}
		if diff := cmp.Diff(c.Session.Meters, got.Meters, cmp.Comparer(func(a, b gateway.Amount) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(c.Session.History, got.History); diff != "" {
			t.Error(diff)
		}
	}
	must(t, s.Close())
	again, err := Open(Options{Path: path})
	must(t, err)
	defer func() { must(t, again.Close()) }()
	later := listener{said: map[string]*gateway.Tally{}}
	must(t, again.Attach(t.Context(), later))
	if diff := cmp.Diff(live.said, later.said, cmp.Comparer(func(a, b gateway.Amount) bool { return a == b })); diff != "" || len(later.said) != 2 {
		t.Errorf("read again (-written +read):\n%s", diff)
	}
}

// TestSecretIsNotRemembered: the record would hold a token, which no rule finds
// again, so the call is refused before it is made.
func TestSecretIsNotRemembered(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Own = []gateway.Secret{{Text: "made-up-credential", Token: "[own]"}} })
	for value, refused := range map[string]bool{`"made-up-credential"`: true, `"with made-up-credential in it"`: true, `"x"`: false, `7`: false, `null`: false} {
		err := s.Record(t.Context(), gateway.PhaseAttempt, tallying(t, value))
		var refusal *gateway.Refusal
		if errors.As(err, &refusal) != refused || refused && refusal.Code != gateway.GuardBlocked {
			t.Errorf("%s: %v", value, err)
		}
	}
	if n := len(column1(t, s, "SELECT body FROM events WHERE type = 'call.attempt'")); n != 3 {
		t.Errorf("%d attempts are on record, want 3", n)
	}
}

// TestRememberedValuesAreErasable: a value stands in a text alone, once; when that is
// gone, whoever folds or replays the record finds that something was remembered, and
// not what.
func TestRememberedValuesAreErasable(t *testing.T) {
	for name, of := range map[string]func(c *gateway.Call) Erasure{
		"call":    func(c *gateway.Call) Erasure { return Erasure{Call: c.ID} },
		"agent":   func(c *gateway.Call) Erasure { return Erasure{Agent: c.Agent.ID} },
		"session": func(c *gateway.Call) Erasure { return Erasure{Session: c.Session.ID} },
	} {
		t.Run(name, func(t *testing.T) {
			var path string
			s := openStore(t, func(o *Options) { path = o.Path })
			first := tallying(t, `"made-up-order"`)
			first.Session.History = nil
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, first))
			later := newCall(t, `{"n":2}`)
			later.Session.Recent = nil
			later.Session.History = []gateway.Memory{{Name: "n", Value: json.RawMessage(`"made-up-order"`), From: first.ID + "/a0", Tool: "files__read_file"}}
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, later))
			remembered := func() (value, partial string) {
				for replayed, err := range s.Replay(t.Context(), Filter{}) {
					must(t, err)
					if h := replayed.Call.Session.History; len(h) == 1 {
						return string(h[0].Value), replayed.Partial
					}
				}
				t.Fatal("no history")
				return "", ""
			}
			if v, partial := remembered(); v != `"made-up-order"` || partial != "" {
				t.Errorf("before: %s %s", v, partial)
			}
			for _, body := range column1(t, s, "SELECT body FROM events") {
				if strings.Contains(body, "made-up-order") {
					t.Errorf("a body that stays holds it: %s", body)
				}
			}
			e := of(first)
			e.Why = "a request"
			if erased, err := s.Erase(t.Context(), e); err != nil || erased.Texts == 0 {
				t.Fatal(erased, err)
			}
			if v, partial := remembered(); v != "null" || partial == "" {
				t.Errorf("after: %s %s", v, partial)
			}
			must(t, s.Close())
			again, err := Open(Options{Path: path})
			must(t, err)
			defer func() { must(t, again.Close()) }()
			heard := listener{said: map[string]*gateway.Tally{}}
			must(t, again.Attach(t.Context(), heard))
			if m := heard.said[TypeAttempt].Memories; len(m) != 1 || m[0].Name != "n" || m[0].Value != nil {
				t.Errorf("read again: %+v", m)
			}
		})
	}
}
