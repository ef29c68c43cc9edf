package audit

import (
	"github.com/mattn/go-sqlite3"

	"toolward/audit/schema"
)

// SQLite folds the write-ahead log into the database at the commit that fills
// it, and the journal fills while some thousands of pages are copied. So most of that is done beside the writer, by a connection of
// its own: a passive checkpoint copies what is committed and blocks nobody. What
// was committed meanwhile, a few pages, the writer folds between two commits,
// and with nothing left in it the log starts over. Should folding fail, the writer does it by itself at [ownFold].
const (
	foldAfter = 32 << 20 // bytes added to the log, estimated by weigh
	ownFold   = "8000"   // pages (PRAGMA wal_autocheckpoint)
)

// weigh estimates what an event adds to the log, without the last page of each index,
// which a commit adds.
func weigh(e *Event) int { return len(e.Body) + len(e.Text) + len(e.Beside) + 1024 }

// foldIfDue starts folding once the log has grown enough. It runs on the
// writer's goroutine.
func (w *writer) foldIfDue() {
	if w.unfolded < foldAfter || w.folding || w.tasks == nil { // who moves what is left closes soon, and SQLite folds then
		return
	}
	w.folding = true
	w.folds.Go(func() {
		if err := foldBeside(w.opts); err != nil {
			w.opts.Log.Warn("the audit database's write-ahead log could not be folded", "error", err)
		}
		select {
		case w.tasks <- w.foldRest:
		case <-w.done:
		}
	})
}

// foldBeside folds what is committed.
func foldBeside(opts Options) error {
	c, err := (&sqlite3.SQLiteDriver{}).Open(schema.DSN(opts.Path, "rw", opts.Busy, "&_mutex=no"))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.(*sqlite3.SQLiteConn).Exec("PRAGMA wal_checkpoint(PASSIVE)", nil)
	return err
}

// foldRest folds what was committed since.
func (w *writer) foldRest() {
	w.folding, w.unfolded = false, 0
	if w.failure() != nil {
		return
	}
	if err := w.conn.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		w.opts.Log.Warn("the audit database's write-ahead log could not be folded", "error", err)
	}
}
