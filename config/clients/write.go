package clients

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Written says what [Write] did.
type Written struct {
	Snippet
	Backup  string // copy of the file as it was; "" if there was none
	Changed bool   // false if the entry was there already
}

// Write puts the entry into the client's file, which it makes if need be. The
// old content is kept beside it under a name with the time and .bak. A file
// that it cannot change without changing something else is left alone, and the
// error says so.
func Write(id string, o Options, now time.Time) (Written, error) {
	c, err := prepare(id, &o)
	if err != nil {
		return Written{}, err
	}
	snippet, err := Connect(id, o)
	if err != nil {
		return Written{}, err
	}
	w := Written{Snippet: snippet}
	path, err := target(w.Path)
	if err != nil {
		return w, err
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	exists := err == nil
	text, err := c.edit(old, o)
	if err != nil {
		return w, fmt.Errorf("%s: %w; put it there by hand", path, err)
	}
	if exists && string(text) == string(old) {
		return w, nil
	}
	mode := fs.FileMode(0o600) // it may hold a token
	if exists {
		info, err := os.Stat(path)
		if err != nil {
			return w, err
		}
		mode = info.Mode().Perm()
		w.Backup = path + "." + now.UTC().Format("20060102T150405Z") + ".bak"
		if err := os.WriteFile(w.Backup, old, mode); err != nil {
			return w, err
		}
	}
	if err := replace(path, text, mode); err != nil {
		return w, err
	}
	w.Changed = true
	return w, nil
}

// target follows a link, so that a file kept elsewhere (dotfiles) stays one.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return real, err
}

// replace writes the whole file or nothing: the client may read it any time.
func replace(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".toolward-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
