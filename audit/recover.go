package audit

import (
	"fmt"
	"time"
)

// verifiedTail is how many events at the end are verified when the database is
// opened. `toolward audit verify` verifies all.
const verifiedTail = 1000

// fail marks the store as failed and closes the connection. A commit whose
// fsync failed must not be retried on the same pages, which the kernel may have
// dropped: the file is opened anew and its end verified before anything else is
// written. It is for the writer's goroutine.
func (w *writer) fail(err error) error {
	err = w.broken(err)
	w.hangUp()
	w.tried = time.Now()
	return err
}

// broken marks the store as failed: from now on nothing goes to the journal.
func (w *writer) broken(err error) error {
	err = fmt.Errorf("audit database %s: %w", w.opts.Path, err)
	if w.failed.Swap(&err) == nil {
		w.standing.Store(w.opts.Standby != "")
		w.opts.Log.Error("audit database cannot be written; calls are refused until it can, or go to the standby", "standby", w.opts.Standby, "error", err)
	}
	w.moved.Ring()
	return err
}

func (w *writer) hangUp() {
	if w.conn != nil {
		_ = w.conn.close() // what brought us here says more
		w.conn = nil
	}
}

// recover tries to go on after a failure, and reports whether it did.
func (w *writer) recover() bool {
	if time.Since(w.tried) < retry {
		return false
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	w.tried = time.Now()
	w.hangUp()
	stood, err := w.goOn()
	if err != nil {
		_ = w.fail(err)
		return false
	}
	w.failed.Store(nil)
	w.late.Store(nil)
	w.standing.Store(false)
	w.opts.Log.Info("audit database can be written again", "events", w.end.seq, "taken over from the standby", stood)
	return true
}

// goOn opens the database anew, moves there what the journal has, and then what the
// standby has, and returns how many that were.
func (w *writer) goOn() (stood int, err error) {
	if err := w.reconnect(); err != nil {
		return 0, err
	}
	if err := w.move(); err != nil {
		return 0, err
	}
	if err := w.journal.Clear(); err != nil { // also of what a write left that failed
		return 0, err
	}
	clear(w.inSegment)
	// Opening proves little: a full disk shows when something is written.
	said := &waiter{entry: &entry{event: *ownEvent(TypeRecover, map[string]string{"after": w.failure().Error()})}}
	if err := w.appendGroup([]*waiter{said}); err != nil {
		return 0, err
	}
	w.answer(said, nil)
	if err := w.move(); err != nil {
		return 0, err
	}
	return w.takeOver()
}

// reconnect opens the database, if it is the file that was open before, and finds the end of the chain where it was
// left, or after events whose commit succeeded although it was reported as
// failed: they are in the record, so they count from now on, and not only after
// the next start.
//
// Another file in its place is not looked at. The write-ahead log of the one that was there
// lies beside it, and SQLite would read both as one: what the log has proves nothing of the rest.
func (w *writer) reconnect() error {
	if err := w.sameFile(); err != nil {
		return err
	}
	if err := w.connect(); err != nil {
		return err
	}
	end, err := w.verifiedEnd()
	if err != nil {
		return err
	}
	if end.seq < w.end.seq {
		return fmt.Errorf("it ends at event %d, but %d was committed", end.seq, w.end.seq)
	}
	held, err := w.conn.at(w.end.seq)
	if err != nil {
		return err
	}
	if held != w.end {
		return fmt.Errorf("event %d is not the one that was committed", w.end.seq)
	}
	return w.meet(end)
}

// meet takes it that the database ends where it does: after events that were moved, or
// after what the gateway said itself.
func (w *writer) meet(end head) error {
	w.mu.Lock()
	w.moving, w.pending = append(w.moving, w.pending...), nil
	w.mu.Unlock()
	moved := min(end.seq-w.end.seq, int64(len(w.moving)))
	if moved > 0 {
		last := w.moving[moved-1].head()
		if held, err := w.conn.at(last.seq); err != nil {
			return err
		} else if held != last {
			return &ForeignError{last.seq, "it is not the one that was recorded"}
		}
		w.has(w.moving[:moved])
	}
	if end.seq <= w.head.seq {
		return nil
	}
	after := w.head.seq
	w.reached(end)
	if w.follower == nil || w.stood {
		return nil // what the standby took was followed then
	}
	return w.catchUp(after)
}

// catchUp shows the follower what came after an event. It is at most one commit,
// that was reported as failed; verifiedEnd has verified it.
func (w *writer) catchUp(after int64) error {
	rows, err := w.conn.rows("SELECT "+readColumns+" FROM events WHERE seq > ? ORDER BY seq", after)
	if err != nil {
		return err
	}
	var events []*Event
	for _, columns := range rows {
		r, err := parseRow(columns)
		if err != nil {
			return err
		}
		events = append(events, &r.Event)
	}
	w.follow(events)
	return nil
}

// verifiedEnd reads the end of the chain and verifies the events before it.
func (w *writer) verifiedEnd() (head, error) {
	rows, err := w.conn.rows("SELECT "+readColumns+" FROM (SELECT * FROM events ORDER BY seq DESC LIMIT ?) events ORDER BY seq", int64(verifiedTail))
	if err != nil {
		return head{}, err
	}
	c := chain{keys: w.keys}
	if c.segments, err = w.segments(); err != nil {
		return head{}, err
	}
	for i, columns := range rows {
		r, err := parseRow(columns)
		switch {
		case err != nil && c.declared(r.Seq):
			c.at.seq, err = r.Seq, nil
		case err == nil && i == 0 && r.Seq > 1 && c.declared(r.Seq):
			c.at = head{r.Seq, r.hash}
		case err == nil && i == 0 && r.Seq > 1:
			err = c.begin(r) // what it is chained to is out of reach
		case err == nil:
			_, err = c.follow(r)
		}
		if err != nil {
			return head{}, fmt.Errorf("%w: run `toolward audit verify`, and restore a copy that passes or go on behind it with `toolward audit new-segment`", err)
		}
	}
	return c.at, nil
}
