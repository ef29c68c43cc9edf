//go:build unix

package audit

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in the place of the keys is not waited for.
func TestKeysThatAreNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db.keys")
	must(t, syscall.Mkfifo(path, 0o600))
	if _, err := LoadKeys(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("%v", err)
	}
}
