package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files of the record that a group or everybody may write are told at the start and
// in readiness, each by its name, and no more once they are not.
func TestFilesThatOthersMayWrite(t *testing.T) {
	for _, file := range []string{"", ".pub", ".checkpoints"} {
		for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
			t.Run(file+mode.String(), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "t.db")
				s, err := Open(Options{Path: path})
				must(t, err)
				must(t, s.Ready())
				must(t, s.Close())
				must(t, os.Chmod(path+file, mode))
				var log bytes.Buffer
				s, err = Open(Options{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
				must(t, err)
				defer s.Close()
				var exposed *ExposedError
				if err := s.Ready(); !errors.As(err, &exposed) || !exposed.Degraded() || !strings.Contains(err.Error(), path+file) {
					t.Errorf("ready: %v", err)
				}
				if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), path+file) {
					t.Errorf("the log has %s", &log)
				}
				for _, f := range []string{file, "-wal"} {
					if err := os.Chmod(path+f, 0o600); err != nil && f == file {
						t.Fatal(err)
					}
				}
				must(t, s.Ready())
			})
		}
	}
}

// Keys and public key that do not belong together: either may be the false one.
func TestKeysAndPublicKeySwapped(t *testing.T) {
	dir, names := t.TempDir(), []string{"a.db", "b.db"}
	for _, name := range names {
		s, err := Open(Options{Path: filepath.Join(dir, name)})
		must(t, err)
		must(t, s.Close())
	}
	for _, file := range []string{".pub", ".keys"} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join(dir, "a.db"+file)
			mine, other := read(t, path), read(t, filepath.Join(dir, "b.db"+file))
			must(t, os.WriteFile(path, []byte(other), 0o600))
			defer func() { must(t, os.WriteFile(path, []byte(mine), 0o600)) }()
			if s, err := Open(Options{Path: filepath.Join(dir, "a.db")}); err == nil || !strings.Contains(err.Error(), "either may be the false one") {
				if err == nil {
					must(t, s.Close())
				}
				t.Errorf("%v", err)
			}
		})
	}
}
