package audit

import (
	"fmt"
	"time"
)

// clock notices that the wall clock was set, by comparing it with the
// monotonic clock.
type clock struct {
	start time.Time // with its monotonic reading
	wall  time.Time // the same instant by the wall clock alone
}

func newClock() clock {
	now := time.Now()
	return clock{now, now.Round(0)}
}

// step returns by how much the wall clock ran ahead of (or behind) the
// monotonic clock since the last step.
func (c *clock) step() (time.Duration, bool) {
	const jitter = 2 * time.Second // slewing and suspends of a moment are not steps
	now := time.Now()
	step := now.Round(0).Sub(c.wall) - now.Sub(c.start)
	if step.Abs() < jitter {
		return 0, false
	}
	*c = newClock()
	return step, true
}

// FutureError says that the record has events of a time that has not come: a clock
// was ahead when they were recorded, or is behind now. Calls are recorded all the
// same, and what is older is pruned; but until that time comes, ages and orders
// by time are wrong.
type FutureError struct{ Until time.Time }

func (e *FutureError) Error() string {
	return fmt.Sprintf("the record has events of a time that has not come, up to %s: a clock was wrong then, or is wrong now", e.Until.UTC().Format(time.RFC3339))
}

// Degraded is true: the gateway works.
func (e *FutureError) Degraded() bool { return true }

// newestTime reads calls by the hour, which are counted, and all else among the
// last events, so that it costs the same in a record of any size.
const newestTime = `SELECT max(coalesce((SELECT max(hour) * 3600000 FROM hours), 0),
	coalesce((SELECT max(time_unix_ms) FROM (SELECT time_unix_ms FROM events ORDER BY seq DESC LIMIT 4096)), 0))`

// lookAhead looks for events of a time that has not come, and says so once.
func (w *writer) lookAhead() {
	rows, err := w.conn.rows(newestTime)
	if err != nil {
		w.opts.Log.Error("the audit record's times could not be looked at", "error", err)
		return
	}
	ms, _ := rows[0][0].(int64)
	ahead := &FutureError{time.UnixMilli(ms)}
	if ahead.by() == 0 {
		w.ahead.Store(nil)
	} else if w.ahead.Swap(ahead) == nil {
		w.opts.Log.Warn("audit record", "error", ahead)
	}
}

// by is how far ahead the events are.
func (e *FutureError) by() time.Duration {
	const jitter = 2 * time.Second // as of [clock.step]
	if left := time.Until(e.Until); left > jitter {
		return left
	}
	return 0
}

// ClockAhead is how far the newest time on record is ahead of now, 0 if it is not. It
// is looked for once an hour, and when the clock is set.
func (s *Store) ClockAhead() time.Duration {
	if ahead := s.writer.ahead.Load(); ahead != nil {
		return ahead.by()
	}
	return 0
}
