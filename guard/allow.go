package guard

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"toolward/gateway"
)

// Exception is an entry of the allow file: findings that it covers are not
// findings. It covers what all of its members say that are set; Print or Rule
// must be.
type Exception struct {
	ID      string    `json:"id"`               // made by [AllowList.Add]
	Print   string    `json:"print,omitempty"`  // fingerprint of a finding
	Rule    string    `json:"rule,omitempty"`   // "secret.github-pat"; "secret.*" covers all rules of a kind
	Tool    string    `json:"tool,omitempty"`   // wire name; "files__*" covers all tools of a server
	Reason  string    `json:"reason"`           // why, for the next reviewer; required
	By      string    `json:"by,omitempty"`     // who said so
	Created time.Time `json:"created"`          //
	Expires time.Time `json:"expires,omitzero"` // it no longer covers anything at or after this; zero is never
}

// The events that say what became of an exception: it, and by whom.
const (
	EventExcepted         = "guard.excepted"
	EventExceptionRemoved = "guard.exception_removed"
)

// AllowList is the operator's exceptions, kept in a JSON file:
//
//	{"allow": [{"id": "k3v9", "print": "8c0f…", "rule": "secret.generic", "tool": "files__read_file",
//	            "reason": "sample key in our docs", "created": "2026-11-24T10:00:00Z", "expires": "2027-02-24T10:00:00Z"}]}
//
// A file that another process changed is read again within two seconds of a
// finding; while it cannot be read, the entries read last stay. It is safe for
// concurrent use; a nil list is empty.
type AllowList struct {
	path string

	mu      sync.Mutex
	entries []Exception
	stamp   stamp     // of the file that was read
	checked time.Time // when the stamp was last compared
	err     error     // of the last reading
}

// stamp tells versions of a file apart.
type stamp struct {
	time time.Time
	size int64
}

const allowCheck = 2 * time.Second

type allowFile struct {
	Allow []Exception `json:"allow"`
}

// OpenAllow reads an allow file. One that does not exist is an empty list, and
// is made by the first [AllowList.Add].
func OpenAllow(path string) (*AllowList, error) {
	l := &AllowList{path: path}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return nil, err
	}
	return l, nil
}

// List returns the exceptions by age, expired ones included.
func (l *AllowList) List() []Exception {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// Err is why the file could not be read the last time that it had changed, nil
// if it could.
func (l *AllowList) Err() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Add completes an exception with an ID and the time and writes it to the file. Note,
// if it is not nil, is told before that: if it fails, the exception does not hold.
func (l *AllowList) Add(e Exception, note func(Exception) error) (Exception, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return Exception{}, err
	}
	e.ID, e.Created = strings.ToLower(rand.Text()[:8]), time.Now().UTC().Truncate(time.Second)
	if err := e.check(); err != nil {
		return Exception{}, err
	}
	if note != nil {
		if err := note(e); err != nil {
			return Exception{}, err
		}
	}
	return e, l.write(append(slices.Clone(l.entries), e))
}

// ErrNoException is the answer to an ID that no exception has.
var ErrNoException = errors.New("no such exception")

// Remove deletes an exception from the file.
func (l *AllowList) Remove(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return err
	}
	i := slices.IndexFunc(l.entries, func(e Exception) bool { return e.ID == id })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrNoException, id)
	}
	return l.write(slices.Delete(slices.Clone(l.entries), i, i+1))
}

// check reports what an exception lacks.
func (e *Exception) check() error {
	switch {
	case e.Print == "" && e.Rule == "":
		return errors.New("an exception needs a fingerprint or a rule: a tool alone would switch guard off for it")
	case e.Rule == "*":
		return errors.New(`an exception for the rule "*" would switch guard off`)
	case strings.TrimSpace(e.Reason) == "":
		return errors.New("an exception needs a reason")
	}
	return nil
}

// read reads the file; the lock is held.
func (l *AllowList) read() error {
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		l.entries, l.stamp = nil, stamp{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read allow file: %w", err)
	}
	var f allowFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return fmt.Errorf("allow file %s: %w", l.path, err)
	}
	for i := range f.Allow {
		if err := f.Allow[i].check(); err != nil {
			return fmt.Errorf("allow file %s: entry %d: %w", l.path, i+1, err)
		}
	}
	slices.SortStableFunc(f.Allow, func(a, b Exception) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	l.entries, l.stamp = f.Allow, stampOf(l.path)
	return nil
}

// write replaces the file at once: a reader sees the old one or the new one.
func (l *AllowList) write(entries []Exception) error {
	data, err := json.MarshalIndent(allowFile{entries}, "", "  ")
	if err != nil {
		return fmt.Errorf("write allow file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(l.path), ".allow-*") // readable by its owner only
	if err != nil {
		return fmt.Errorf("write allow file: %w", err)
	}
	_, err = tmp.Write(append(data, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), l.path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("write allow file: %w", err)
	}
	l.entries, l.stamp = entries, stampOf(l.path)
	return nil
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// covers reports whether an exception covers a finding in a call of a tool.
func (l *AllowList) covers(f *gateway.Finding, t *gateway.Tool) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.checked) >= allowCheck {
		l.checked = now
		if stampOf(l.path) != l.stamp {
			l.err = l.read()
		}
	}
	wire := ""
	if t != nil {
		wire = t.Wire
	}
	return slices.ContainsFunc(l.entries, func(e Exception) bool {
		return (e.Print == "" || e.Print == f.Print) && match(e.Rule, f.Rule) && match(e.Tool, wire) && (e.Expires.IsZero() || now.Before(e.Expires))
	})
}

// match compares a name with a pattern that is empty, the name, or its start
// followed by an asterisk.
func match(pattern, name string) bool {
	if start, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, start)
	}
	return pattern == "" || pattern == name
}
