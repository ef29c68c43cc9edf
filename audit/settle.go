package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"

	"toolward/audit/journal"
	"toolward/audit/schema"
)

// maxMove is how many bytes, estimated by weigh, one transaction moves at most, but for
// a single event.
const maxMove = 8 << 20

// LateError says that the database does not get what is recorded: another program keeps
// it locked. What is recorded is durable in the journal meanwhile, for [Options.Late], or
// until there is no room; then the record fails.
type LateError struct {
	Since  time.Time
	Events int64 // that wait
	Cause  error
}

func (e *LateError) Error() string {
	return fmt.Sprintf("the audit database has not got what was recorded since %s (%d events wait in the journal): %v", e.Since.UTC().Format(time.RFC3339), e.Events, e.Cause)
}

// Unwrap returns the cause.
func (e *LateError) Unwrap() error { return e.Cause }

// failure is e when calls are refused for it, which a degraded record's are not.
func (e *LateError) failure() error {
	return fmt.Errorf("another program has kept it locked since %s, and no more than the %d events in the journal can wait for it: %w", e.Since.UTC().Format(time.RFC3339), e.Events, e.Cause)
}

// Degraded reports that the gateway works for now.
func (e *LateError) Degraded() bool { return true }

// lateness is the present [LateError], nil if there is none.
func (w *writer) lateness() *LateError {
	late := w.late.Load()
	if late == nil {
		return nil
	}
	now := *late
	now.Events = w.appended.Load() - w.settled.Load()
	return &now
}

// settle moves what the journal has into the database, and rings for who waits for that.
// A database that is locked by another program is no failure yet: it is tried again, and
// calls are recorded meanwhile, but not for longer than [Options.Late].
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
		if late := w.lateness(); time.Since(late.Since) >= w.opts.Late {
			err = w.fail(late.failure())
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
		w.unfolded += size + 6*pageSize
		w.foldIfDue()
	}
}

// openJournal opens the journal and moves what it holds, and the database lacks, into it.
// The gateway that wrote there was killed.
func (w *writer) openJournal() error {
	found, astray, err := w.left()
	if err != nil {
		return err
	}
	if n := len(found); n > 0 {
		w.opts.Log.Info("events of the journal are taken into the audit database", "events", n)
	}
	return w.take(found, astray)
}

// left is what the journal holds behind the end of the record ([following]).
func (w *writer) left() (found []*entry, astray []int64, err error) {
	entries, err := journal.Read(w.opts.journal())
	if err != nil {
		return nil, nil, err
	}
	found, astray = following(entries, w.end, w.keys)
	return found, astray, nil
}

// take moves events into the database and empties the journal. Of those that do not follow
// the record says for good that they were there: whoever changes one in the journal would
// else have a start throw away all that stands behind it, and nothing would tell.
func (w *writer) take(found []*entry, astray []int64) (err error) {
	if w.journal, err = w.opened(); err != nil {
		return err
	}
	if err := w.moveEntries(found); err != nil {
		return err
	}
	if n := len(astray); n > 0 {
		w.opts.Log.Error("events of the journal do not follow what the record has, and are given up: the power was lost, or the database is an older copy, or somebody wrote there",
			"events", n, "the last of them", astray[n-1], "the record ends at", w.end.seq)
		if _, err := w.write([]*Event{givenUp(w.end.seq, astray)}); err != nil {
			return err
		}
	}
	return w.journal.Clear()
}

// givenUp says of events of the journal that they do not follow the last one that does.
func givenUp(after int64, astray []int64) *Event {
	n := len(astray)
	return ownEvent(TypeAstray, map[string]int64{"after": after, "through": astray[n-1], "events": int64(n)})
}

// opened is the journal's files. Who may read the database may read what they hold; nobody
// but the owner has to write.
func (w *writer) opened() (*journal.Journal, error) {
	return journal.Open(w.opts.journal(), journal.Size, w.file.Mode().Perm()&^0o022)
}

// moveEntries moves events that no one recorded here.
func (w *writer) moveEntries(found []*entry) error {
	if n := len(found); n > 0 {
		w.moving, w.head = found, found[n-1].head()
		w.appended.Store(w.head.seq)
	}
	return w.move()
}

// journal is where the journal stands.
func (o Options) journal() string { return schema.Real(o.Path) + ".journal" }

// lock is the file that the writer of events locks.
func (o Options) lock() string { return schema.Real(o.Path) + ".lock" }

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

// catchUpTo waits until the database has an event. Of one that another program keeps
// locked it waits for one more try.
func (w *writer) catchUpTo(ctx context.Context, seq int64) {
	for more := true; more && w.settled.Load() < seq && w.failure() == nil; {
		more = w.late.Load() == nil
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
