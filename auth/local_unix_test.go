//go:build unix

package auth_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"toolward/auth"
)

// A pipe in the key's place that nobody writes to does not hold up the start.
func TestLocalKeyThatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenLocal(auth.LocalOptions{KeyFile: path}); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("%v", err)
	}
}
