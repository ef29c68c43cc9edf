//go:build unix

package admin

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAttackCredentialThatIsNoFile puts what is no file in the credential's place. A
// pipe that nobody writes to would hold up the start for ever.
func TestAttackCredentialThatIsNoFile(t *testing.T) {
	for name, lay := range map[string]func(path string) error{
		"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a pipe": func(path string) error {
			_ = syscall.Mkfifo(path+".pipe", 0o600)
			return os.Symlink(path+".pipe", path)
		},
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a device": func(path string) error { return os.Symlink(os.DevNull, path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "operator")
			if err := lay(path); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenCredential(path, "", ""); err == nil || !strings.Contains(err.Error(), "no regular file") {
				t.Errorf("at a start: %v", err)
			}
			if _, err := ReadCredential(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
				t.Errorf("by a command: %v", err)
			}
		})
	}
}

// Root reads what another user wrote, and so knows. The gateway does not take it;
// commands that root runs for a gateway of another user do.
func TestAttackCredentialOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a file away")
	}
	path := filepath.Join(t.TempDir(), "operator")
	if _, err := OpenCredential(path, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCredential(path, "", ""); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("at a start: %v", err)
	}
	if _, err := ReadCredential(path); err != nil {
		t.Errorf("by a command: %v", err)
	}
}
