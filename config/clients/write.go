package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Written says what [Write] or [Remove] did.
type Written struct {
	Snippet
	Backup  string // copy of the file as it was; "" if there was none
	Changed bool   // false if nothing was to be done
	Gone    bool   // the file had nothing else in it and was removed
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
	w := Written{}
	if w.Snippet, err = c.connect(o); err != nil {
		return w, err
	}
	ch, _, err := c.change(o)
	if err != nil {
		return w, err
	}
	return w, w.change(c, ch, now)
}

// Remove takes the entry out of the client's file, and leaves the file as it was
// before [Write], if nobody else has changed it.
func Remove(id string, o Options, now time.Time) (Written, error) {
	c, err := prepare(id, &o)
	if err != nil {
		return Written{}, err
	}
	w := Written{Snippet: Snippet{Client: c.Title}}
	if w.Path, w.Paste, err = c.place(o); err != nil {
		return w, err
	}
	return w, w.change(c, &change{root: c.Root, name: o.Name, list: c.List}, now)
}

// change makes the change to the file.
func (w *Written) change(c *client, ch *change, now time.Time) error {
	if w.Path == "" {
		return fmt.Errorf("%s has no file that can be edited: its place is %s", c.Title, w.Paste)
	}
	path, err := target(w.Path)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	exists := err == nil
	if !exists {
		if ch.entry == nil {
			return nil
		}
		if c.Made {
			return fmt.Errorf("%s is not there, and %s makes it itself: start it once", path, c.Title)
		}
	}
	text, err := ch.edit(c.Format, old)
	if err != nil {
		return fmt.Errorf("%s: %w; change it by hand", path, err)
	}
	if exists && bytes.Equal(text, old) {
		return nil
	}
	mode := fs.FileMode(0o600) // it may hold a token
	earlier := false
	if exists {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
		if earlier, err = hasBackup(path); err != nil {
			return err
		}
		if w.Backup, err = backup(path, old, mode, now); err != nil {
			return err
		}
	}
	// The client may have written it meanwhile: Claude Code keeps its history there.
	if again, err := os.ReadFile(path); exists && (err != nil || !bytes.Equal(again, old)) {
		return errors.Join(fmt.Errorf("%s changed while it was edited: try again", path), err)
	}
	w.Changed = true
	if rest := bytes.TrimSpace(bytes.TrimPrefix(text, []byte(bom))); ch.entry == nil && (len(rest) == 0 || string(rest) == "{}") && !earlier {
		w.Gone = true
		return os.Remove(path)
	}
	return replace(path, text, mode)
}

// hasBackup reports whether a file was there before it was first edited here.
func hasBackup(path string) (bool, error) {
	all, err := os.ReadDir(filepath.Dir(path))
	for _, e := range all {
		if rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+"."); ok && strings.HasSuffix(rest, ".bak") {
			return true, nil
		}
	}
	return false, err
}

// backup keeps what a file held, under a name that is not taken.
func backup(path string, text []byte, mode fs.FileMode, now time.Time) (string, error) {
	base := path + "." + now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		name := base + ".bak"
		if n > 1 {
			name = base + "-" + strconv.Itoa(n) + ".bak"
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(text)
		return name, errors.Join(err, f.Close())
	}
}

// target follows a link, so that a file kept elsewhere (dotfiles) stays one.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if to, err := os.Readlink(path); err == nil {
		return "", fmt.Errorf("%s is a link to %s, which is not there", path, to)
	}
	return path, nil
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
