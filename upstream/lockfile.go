package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"toolward/gateway"
)

// LockFile keeps pins in a JSON file that can be reviewed and committed beside
// toolward.yaml, usually as toolward.lock:
//
//	{"version": 1, "pins": [{"server", "kind", "name", "fingerprint", "by", "time", "definition"}…]}
//
// Pins are sorted by server, kind and name, so that a change of one tool is a
// change of one entry. The file is replaced as a whole, durably.
type LockFile struct {
	path string
	mu   sync.Mutex
}

// NewLockFile uses the file at path. It need not exist yet.
func NewLockFile(path string) *LockFile { return &LockFile{path: path} }

type lockDocument struct {
	Version int           `json:"version"`
	Pins    []gateway.Pin `json:"pins"`
}

// Pins reads the file; a missing one has no pins. A pin whose fingerprint is
// not that of its definition is an error: somebody edited one of them.
func (l *LockFile) Pins(context.Context) ([]gateway.Pin, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read()
}

func (l *LockFile) read() ([]gateway.Pin, error) {
	raw, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc lockDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("%s: version %d is not known to this toolward", l.path, doc.Version)
	}
	for _, p := range doc.Pins {
		if got, err := Fingerprint(p.Definition); err != nil || got != p.Fingerprint {
			return nil, fmt.Errorf("%s: the fingerprint of %s %s %q does not fit its definition", l.path, p.Server, p.Kind, p.Name)
		}
	}
	return doc.Pins, nil
}

// PutPins adds or replaces pins. When it returns nil they are on disk.
func (l *LockFile) PutPins(_ context.Context, pins ...gateway.Pin) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, err := l.read()
	if err != nil {
		return err
	}
	byKey := make(map[pinKey]gateway.Pin, len(old)+len(pins))
	for _, p := range append(old, pins...) {
		byKey[keyOf(p)] = p
	}
	doc := lockDocument{Version: 1, Pins: sortedPins(byKey)}
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(l.path, append(raw, '\n'))
}

// replaceFile writes beside the file and renames: a crash leaves the old or
// the new one, never half of it.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
