package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// prepare finds or makes the keys and the database file. The file of
// checkpoints tells a new record from one that was lost: it has a line from the
// first minute on, and lives elsewhere.
func prepare(opts Options) (*Keys, error) {
	size, err := sizeOf(opts.Path)
	if err != nil {
		return nil, err
	}
	checkpoints, err := sizeOf(opts.Checkpoints)
	if err != nil {
		return nil, err
	}
	before, err := sizeOf(older(opts.Checkpoints))
	if err != nil {
		return nil, err
	}
	if size <= 0 && max(checkpoints, before) > 0 {
		says := opts.Checkpoints
		if before > 0 {
			says = older(says)
		}
		return nil, fmt.Errorf("audit database %s is missing or empty, but %s says that there was one: restore it, or move that file away to begin a new record", opts.Path, says)
	}
	if err := finishRotation(opts); err != nil {
		return nil, err
	}
	keys, err := LoadKeys(opts.Keys)
	if errors.Is(err, fs.ErrNotExist) {
		if size > 0 && !isSQLite(opts.Path) {
			return nil, fmt.Errorf("%s is no SQLite database: give audit.path another name, or move that file away", opts.Path)
		}
		if size > 0 {
			return nil, fmt.Errorf("audit keys %s are missing: without them %s can be verified, but not continued; restore them, or move the database away to begin a new record", opts.Keys, opts.Path)
		}
		keys, err = createKeys(opts.Keys)
	}
	if err != nil && size > 0 { // an older version's keys are no reason, its schema is
		if r, old := OpenReader(opts.Path); old != nil {
			return nil, old
		} else if err := r.Close(); err != nil {
			return nil, err
		}
	}
	if err == nil {
		err = keys.publish(opts.Path + ".pub")
	}
	if err == nil && size <= 0 {
		err = create(opts)
	}
	return keys, err
}

// isSQLite reports whether a file begins as a database does
// (https://www.sqlite.org/fileformat2.html §1.3.1), or cannot be read to tell.
func isSQLite(path string) bool {
	const magic = "SQLite format 3\x00"
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || string(head) == magic
}

// create makes an empty record beside its place and moves it there, so that a
// crash in the middle leaves nothing that looks like a record.
func create(opts Options) error {
	final := opts.Path
	opts.Path += ".new"
	for _, leftover := range []string{opts.Path, opts.Path + "-wal", opts.Path + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("create audit database: %w", err)
		}
	}
	f, err := os.OpenFile(opts.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	c, err := dial(opts, true)
	if err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	if err := c.close(); err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	if err := os.Rename(opts.Path, final); err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	return syncDir(filepath.Dir(final))
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("create audit database: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// sizeOf is the size of a file, -1 if there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("audit: %s is not a file", path)
	}
	return info.Size(), nil
}
