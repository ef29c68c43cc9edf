package audit

import (
	"strconv"
	"testing"
	"time"
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
