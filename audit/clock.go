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

// FutureError says that the record has calls of a time that has not come: a clock
// was ahead when they were recorded, or is behind now. Calls are recorded all the
// same, and what is older is pruned; but until that time comes, ages and orders
// by time are wrong.
type FutureError struct{ Until time.Time }

func (e *FutureError) Error() string {
	return fmt.Sprintf("the record has calls of a time that has not come, up to %s: a clock was wrong then, or is wrong now", e.Until.UTC().Format(time.RFC3339))
}

// Degraded is true: the gateway works.
func (e *FutureError) Degraded() bool { return true }

// lookAhead looks for calls from an hour that has not begun, and says so once.
func (w *writer) lookAhead() {
	rows, err := w.conn.rows("SELECT max(hour) FROM hours")
	if err != nil {
		w.opts.Log.Error("the audit record's times could not be looked at", "error", err)
		return
	}
	hour, _ := rows[0][0].(int64)
	if until := time.UnixMilli(hour * time.Hour.Milliseconds()); time.Until(until) > 0 {
		ahead := &FutureError{until}
		if w.ahead.Swap(ahead) == nil {
			w.opts.Log.Warn("audit record", "error", ahead)
		}
		return
	}
	w.ahead.Store(nil)
}
