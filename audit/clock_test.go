package audit

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"toolward/gateway"
)

// A clock that was set, either way, has an event that says by how much; one that
// runs has none.
func TestClock(t *testing.T) {
	s := openStore(t)
	steps := []time.Duration{0, time.Hour, -48 * time.Hour}
	for _, step := range steps {
		must(t, s.writer.do(t.Context(), func() error {
			s.writer.clock.wall = s.writer.clock.wall.Add(-step) // as it would be read, had it been set
			s.writer.upkeep()
			return nil
		}))
	}
	got := column1(t, s, "SELECT body ->> '$.step_ms' FROM events WHERE type = 'audit.clock' ORDER BY seq")
	if len(got) != 2 {
		t.Fatalf("got %q", got)
	}
	for i, want := range steps[1:] {
		if ms, err := strconv.ParseInt(got[i], 10, 64); err != nil || (time.Duration(ms)*time.Millisecond-want).Abs() > time.Minute {
			t.Errorf("a step of %s is recorded as %s ms", want, got[i])
		}
	}
}

// A record with events from the future is ready, says that it has them and how far
// ahead they are, also of events that are no calls, and no more once the time came.
func TestEventsFromTheFutureAreSaid(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, s *Store, at time.Time){
		"a call": func(t *testing.T, s *Store, at time.Time) {
			c := newCall(t, `{}`)
			c.Time = at
			must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
		},
		"an event of the gateway": func(t *testing.T, s *Store, at time.Time) {
			_, err := s.Append(t.Context(), Event{Type: TypeHangup, TimeUnixMs: at.UnixMilli(), Body: "{}"})
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			record(t, s, `{}`, `{}`)
			look := func() (time.Duration, error) {
				must(t, s.writer.do(t.Context(), func() error {
					s.writer.clock.wall = s.writer.clock.wall.Add(time.Hour) // the clock was set back
					s.writer.upkeep()
					return nil
				}))
				return s.ClockAhead(), s.Ready()
			}
			if by, err := look(); err != nil || by != 0 {
				t.Errorf("without any: %v, %v", by, err)
			}
			at := time.Now().Add(48 * time.Hour)
			write(t, s, at)
			var ahead *FutureError
			if by, err := look(); !errors.As(err, &ahead) || !ahead.Degraded() || ahead.Until.Sub(at).Abs() > time.Hour || by < 46*time.Hour || by > 48*time.Hour {
				t.Errorf("got %v, %v", by, err)
			}
			record(t, s, `{}`, `{}`) // calls are recorded all the same
			s.writer.ahead.Store(&FutureError{time.Now()})
			if by := s.ClockAhead(); by != 0 || s.Ready() != nil {
				t.Errorf("once the time came: %v, %v", by, s.Ready())
			}
		})
	}
}

// The database can fail in any part of the upkeep, and the gateway lives on.
func TestDatabaseFailsInUpkeep(t *testing.T) {
	s := openStore(t, func(o *Options) { o.RetainBodies, o.Retain = time.Hour, time.Hour })
	must(t, s.Attach(t.Context(), nobody{}))
	for name, due := range map[string]func(w *writer){
		"noting the clock": func(w *writer) { w.clock.wall = w.clock.wall.Add(time.Hour) },
		"signing":          func(w *writer) { w.signedAt = time.Time{} },
		"expiring":         func(w *writer) { w.expired = time.Time{} },
		"pruning":          func(w *writer) { w.pruned = time.Time{} },
	} {
		old := newCall(t, `{}`)
		old.Time = time.Now().Add(-24 * time.Hour)
		must(t, s.Record(t.Context(), gateway.PhaseRefusal, old))
		must(t, s.writer.do(t.Context(), func() error {
			w := s.writer
			due(w)
			w.looked, w.expired, w.pruned = time.Time{}, time.Time{}, time.Time{} // all that follows is due as well
			must(t, w.conn.exec("PRAGMA query_only = ON"))                        // as a disk that does not take more
			w.upkeep()
			if w.failure() == nil || w.conn != nil {
				t.Errorf("%s: no failure", name)
			}
			return nil
		}))
		untilRecorded(t, s)
	}
	checkChain(t, s)
}
