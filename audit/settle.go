package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"

	"toolward/audit/journal"
)

// maxMove is how many bytes, estimated by weigh, one transaction moves at most, but for
// a single event.
const maxMove = 8 << 20

// LateError says that the database does not get what is recorded: another program keeps
// it locked. What is recorded is durable in the journal, until there is no room.
type LateError struct {
	Since  time.Time
	Events int64 // that wait
	Full   bool  // no more can wait: calls are refused
	Cause  error
}

func (e *LateError) Error() string {
	return fmt.Sprintf("the audit database has not got what was recorded since %s (%d events wait in the journal): %v", e.Since.UTC().Format(time.RFC3339), e.Events, e.Cause)
}

// Unwrap returns the cause.
func (e *LateError) Unwrap() error { return e.Cause }

// Degraded reports whether the gateway works for now.
func (e *LateError) Degraded() bool { return !e.Full }

// lateness is the present [LateError], nil if there is none.
func (w *writer) lateness() *LateError {
	late := w.late.Load()
	if late == nil {
		return nil
	}
	now := *late
	now.Events = w.appended.Load() - w.settled.Load()
	now.Full = now.Events >= int64(w.opts.Queue)
	return &now
}

// settle moves what the journal has into the database, and rings for who waits for that.
// A database that is locked by another program is no failure yet: it is tried again, and
// calls are recorded until the journal is full.
func (w *writer) settle() error {
	defer w.moved.Ring()
	if err := w.failure(); err != nil {
		return err
	}
	err := w.move()
	w.look.Store(true)
	switch {
	case err == nil:
		if w.late.Swap(nil) != nil {
			w.opts.Log.Info("the audit database gets again what is recorded", "events", w.end.seq)
		}
	case errors.As(err, new(lockedError)):
		if w.late.CompareAndSwap(nil, &LateError{Since: time.Now(), Cause: err}) {
			w.opts.Log.Warn("the audit database does not get what is recorded, which waits in the journal", "error", err)
		}
	default:
		err = w.fail(err)
	}
	return err
}

// move moves all that is pending, some in each transaction.
func (w *writer) move() error {
	for {
		if len(w.moving) == 0 {
			w.mu.Lock()
			w.moving, w.pending = w.pending, nil
			w.mu.Unlock()
		}
		if len(w.moving) == 0 {
			return nil
		}
		n, size := 0, 0
		for n < len(w.moving) && n < 2*many && (n == 0 || size < maxMove) {
			size += weigh(&w.moving[n].event)
			n++
		}
		start := time.Now()
		err := w.insert(w.moving[:n])
		if w.opts.Observe != nil {
			w.opts.Observe(n, time.Since(start), err)
		}
		if err != nil {
			return err
		}
		w.has(w.moving[:n])
		w.unfolded += size + 6*4096
		w.foldIfDue()
	}
}

// openJournal opens the journal and moves what it holds, and the database lacks, into it.
// The gateway that wrote there was killed.
func (w *writer) openJournal() error {
	var err error
	if w.journal, err = journal.Open(w.opts.journal(), journal.Size); err != nil {
		return err
	}
	entries, err := journal.Read(w.opts.journal())
	if err != nil {
		return err
	}
	found, astray := following(entries, w.end, w.keys)
	if astray > 0 {
		w.opts.Log.Warn("the journal holds events that do not follow what the database and it have: the power was lost, or the database is an older copy, or somebody wrote there",
			"up to event", astray, "the record ends at", w.end.seq+int64(len(found)))
	}
	if n := len(found); n > 0 {
		w.opts.Log.Info("events of the journal are taken into the audit database", "events", n)
		w.moving, w.head = found, found[n-1].head()
		w.appended.Store(w.head.seq)
	}
	if err := w.move(); err != nil {
		return err
	}
	return w.journal.Clear()
}

// journal is where the journal stands.
func (o Options) journal() string { return o.Path + ".journal" }

// insert commits events as one transaction.
func (w *writer) insert(events []*entry) error {
	if err := w.sameFile(); err != nil {
		return err
	}
	if err := run(w.conn.begin, nil); isBusy(err) {
		return lockedError{err}
	} else if err != nil {
		return err
	}
	for _, e := range events {
		if err := w.conn.add(&e.event, e.hash[:], e.mac[:]); err != nil {
			if isConstraint(err) && w.taken(e.event.Seq) {
				err = &ForeignError{e.event.Seq, "another program wrote into the database"}
			}
			return w.rolledBack(err)
		}
	}
	if err := w.conn.flush(); err != nil {
		return w.rolledBack(err)
	}
	return run(w.conn.commit, nil)
}

// has says that the database has the first events of those that are moving.
func (w *writer) has(events []*entry) {
	for _, e := range events {
		w.end = e.head()
		e.event = Event{}
		w.entries.Put(e)
	}
	w.moving = w.moving[len(events):]
	w.settled.Store(w.end.seq)
}

// rolledBack is why a transaction was given up. It is a failure: what the connection
// remembers of it is wrong, and goes with it.
func (w *writer) rolledBack(err error) error {
	return errors.Join(err, w.conn.exec("ROLLBACK"))
}

// lockedError is a transaction that could not begin.
type lockedError struct{ error }

func isBusy(err error) bool {
	var sqlErr sqlite3.Error
	return errors.As(err, &sqlErr) && sqlErr.Code == sqlite3.ErrBusy
}

// catchUpTo waits until the database has an event, for as long as it is not locked by
// another program.
func (w *writer) catchUpTo(ctx context.Context, seq int64) {
	for w.settled.Load() < seq && w.failure() == nil && w.late.Load() == nil {
		moved := w.moved.Next()
		if w.settled.Load() >= seq {
			return
		}
		w.hasten()
		select {
		case <-moved:
		case <-w.done:
			return
		case <-ctx.Done():
			return
		}
	}
}
