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
// written.
func (w *writer) fail(err error) error {
	err = fmt.Errorf("audit database %s: %w", w.opts.Path, err)
	if w.failed.Swap(&err) == nil {
		w.standing.Store(w.opts.Standby != "")
		w.opts.Log.Error("audit database cannot be written; calls are refused until it can, or go to the standby", "standby", w.opts.Standby, "error", err)
	}
	if w.conn != nil {
		_ = w.conn.close() // the error that brought us here says more
		w.conn = nil
	}
	w.tried = time.Now()
	return err
}

// recover tries to go on after a failure, and reports whether it did.
func (w *writer) recover() bool {
	if time.Since(w.tried) < retry {
		return false
	}
	w.tried = time.Now()
	if err := w.reconnect(); err != nil {
		_ = w.fail(err)
		return false
	}
	// Opening proves little: a full disk shows when something is written.
	was := w.failure()
	if _, err := w.write([]*Event{ownEvent(TypeRecover, map[string]string{"after": was.Error()})}); err != nil {
		return false
	}
	stood, err := w.takeOver()
	if err != nil {
		_ = w.fail(err)
		return false
	}
	w.failed.Store(nil)
	w.standing.Store(false)
	w.opts.Log.Info("audit database can be written again", "events", w.head.seq, "taken over from the standby", stood)
	return true
}

// reconnect opens the database and finds the end of the chain where it was
// left, or after events whose commit succeeded although it was reported as
// failed: they are in the record, so they count from now on, and not only after
// the next start.
func (w *writer) reconnect() error {
	if err := w.connect(); err != nil {
		return err
	}
	end, err := w.verifiedEnd()
	if err != nil {
		return err
	}
	if end.seq < w.head.seq {
		return fmt.Errorf("it ends at event %d, but %d was committed", end.seq, w.head.seq)
	}
	held, err := w.conn.at(w.head.seq)
	if err != nil {
		return err
	}
	if held != w.head {
		return fmt.Errorf("event %d is not the one that was committed", w.head.seq)
	}
	after := w.head.seq
	w.head = end
	if after == end.seq || w.follower == nil || w.stood {
		return nil // what the standby took was followed then
	}
	return w.catchUp(after)
}

// catchUp shows the follower what came after an event. It is at most one commit,
// that was reported as failed; verifiedEnd has verified it.
func (w *writer) catchUp(after int64) error {
	rows, err := w.conn.rows("SELECT "+eventColumns+" FROM events WHERE seq > ? ORDER BY seq", after)
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
	w.follow(events, nil)
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
