package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"toolward/audit/journal"
	"toolward/audit/schema"
)

// MakeBackup copies a record to a file that does not exist yet, also while a
// gateway writes it, and says in the copy, signed, up to which event of the record
// it goes ([TypeBackup]): it verifies by itself, and against checkpoints that are
// newer than it. The public key comes beside it. Like the record, the copy can be
// gone on with, by whoever has the keys.
func MakeBackup(ctx context.Context, opts Options, to, by string) (b Backup, err error) {
	opts = opts.withDefaults()
	keys, err := LoadKeys(opts.Keys)
	if err != nil {
		return b, err
	}
	if exists(to) {
		return b, fmt.Errorf("%s exists", to)
	}
	half := to + ".new" // half a backup never has its name
	for _, leftover := range []string{half, half + "-wal", half + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return b, fmt.Errorf("backup: %w", err)
		}
	}
	// The journal is read before the database is: what a gateway moves meanwhile is in both.
	entries, err := journal.Read(opts.journal())
	if err != nil {
		return b, fmt.Errorf("backup: %w", err)
	}
	if err := copyDatabase(ctx, opts, half); err != nil {
		return b, errors.Join(fmt.Errorf("backup: %w", err), os.Remove(half))
	}
	copied := opts
	copied.Path, copied.Durability = half, DurabilityPower
	w := &writer{opts: copied, keys: keys, own: hiding(copied.Own)}
	if err := w.connect(); err != nil {
		return b, errors.Join(fmt.Errorf("backup: %w", err), os.Remove(half))
	}
	if b, err = w.stateBackup(by, entries, opts.lock()); err != nil {
		err = fmt.Errorf("backup: %w", err)
	}
	if w.conn != nil {
		err = errors.Join(err, w.conn.close())
	}
	if err == nil {
		err = keys.publish(to + ".pub")
	}
	if err != nil {
		return b, errors.Join(err, os.Remove(half))
	}
	if err := os.Rename(half, to); err != nil {
		return b, fmt.Errorf("backup: %w", err)
	}
	return b, syncDir(filepath.Dir(to))
}

// copyDatabase writes the committed state of a database to another file, without
// its free pages.
func copyDatabase(ctx context.Context, opts Options, to string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // SQLite fills an empty one
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", schema.DSN(opts.Path, "ro", opts.Busy, ""))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return errors.Join(err, db.Close())
}

// alsoFrom appends what a journal has and the database that was copied had not. Of what
// does not follow, the copy says that it was there, as a start would; but not beside a
// gateway that runs, which may have used a segment anew while the journal was read: what
// stood in it is in its database, and what follows that is later than the copy.
func (w *writer) alsoFrom(entries []journal.Entry, lock string) error {
	found, astray := following(entries, w.end, w.keys)
	if err := w.moveEntries(found); err != nil || len(astray) == 0 {
		return err
	}
	held, err := lockFile(lock)
	if err != nil {
		return nil // one runs, or nobody here can tell
	}
	if err := held.Close(); err != nil {
		return err
	}
	_, err = w.write([]*Event{givenUp(w.end.seq, astray)})
	return err
}

// stateBackup appends what a journal has, the statement of what the copy is, and a checkpoint.
func (w *writer) stateBackup(by string, journaled []journal.Entry, lock string) (b Backup, err error) {
	end, err := w.verifiedEnd()
	if err != nil {
		return b, err
	}
	w.reached(end)
	if err := w.alsoFrom(journaled, lock); err != nil {
		return b, err
	}
	b = Backup{Of: w.head.seq, Hash: w.head.hash[:], Time: time.Now().UTC().Format(time.RFC3339), By: column(by)}
	text, err := w.keys.state(statesBackup, b)
	if err != nil {
		return b, err
	}
	_, _, err = w.signInside(ownEvent(TypeBackup, backupBody{b, text}))
	return b, err
}

// backupBody is the body of a [TypeBackup] event.
type backupBody struct {
	Backup
	Note string `json:"note"`
}
