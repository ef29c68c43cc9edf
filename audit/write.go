package audit

import (
	"errors"
	"fmt"
	"os"

	"github.com/mattn/go-sqlite3"
)

// hold runs f while nothing is appended and the database has all that was.
func (w *writer) hold(f func() error) error {
	if err := w.settle(); err != nil { // nearly all, while others are recorded
		return err
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.settle(); err != nil {
		return err
	}
	return f()
}

// write commits events of the gateway itself as one transaction. A row that breaks a
// constraint is rejected alone, and the rest is committed; any other error fails the
// store.
func (w *writer) write(events []*Event) (rejected map[int]error, err error) {
	err = w.hold(func() error {
		rejected, err = w.writeHeld(events)
		return err
	})
	return rejected, err
}

// writeHeld is write for who holds the record.
func (w *writer) writeHeld(events []*Event) (rejected map[int]error, err error) {
	w.stood = false
	if err := w.sameFile(); err != nil {
		return nil, w.fail(err)
	}
	if err := run(w.conn.begin, nil); err != nil {
		return nil, w.fail(err)
	}
	end := w.head
	for i, e := range events {
		var next head
		w.afresh(e)
		if err := w.nameAttempt(e, w.conn); err != nil {
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
		}
		next, w.scratch = end.next(e, w.scratch)
		mac := w.keys.seal(next.hash)
		err := w.conn.add(e, next.hash[:], mac[:])
		switch {
		case err == nil:
			end = next
			w.noteAttempt(e)
		case isConstraint(err) && w.taken(e.Seq):
			err := &ForeignError{e.Seq, "another program wrote into the database"}
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
		case isConstraint(err):
			if rejected == nil {
				rejected = map[int]error{}
			}
			rejected[i] = fmt.Errorf("audit event %s was rejected: %w", e.Type, err)
			w.opts.Log.Error("audit event was rejected", "type", e.Type, "call", e.Call, "error", err)
		default:
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK"))) // with the connection goes what it remembers
		}
	}
	if err := w.conn.flush(); err != nil {
		return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
	}
	if err := run(w.conn.commit, nil); err != nil {
		return nil, w.fail(err)
	}
	w.reached(end)
	w.committed.Ring()
	for _, e := range events {
		w.unfolded += weigh(e)
	}
	w.unfolded += 6 * pageSize
	w.foldIfDue()
	return rejected, nil
}

func isConstraint(err error) bool {
	var sqlErr sqlite3.Error
	return errors.As(err, &sqlErr) && sqlErr.Code == sqlite3.ErrConstraint
}

// taken reports whether there is a row with a number that is the next one's.
func (w *writer) taken(seq int64) bool {
	rows, err := w.conn.rows("SELECT 1 FROM events WHERE seq = ?", seq)
	return err == nil && len(rows) > 0
}

// alone fails the store if there are events that it did not write: rows of another
// program take the numbers of those to come.
func (w *writer) alone() {
	rows, err := w.conn.rows("SELECT max(seq) FROM events")
	if err != nil {
		_ = w.fail(err)
	} else if last, _ := rows[0][0].(int64); last > w.end.seq {
		_ = w.fail(&ForeignError{last, "another program wrote into the database"})
	}
}

// sameFile fails when the database was removed or replaced: SQLite would go on
// writing to a file that nobody can find.
func (w *writer) sameFile() error {
	info, err := os.Stat(w.opts.Path)
	if err != nil {
		return fmt.Errorf("the audit database was removed: %w", err)
	}
	if !os.SameFile(info, w.file) {
		return errors.New("the audit database was replaced by another file")
	}
	return nil
}
