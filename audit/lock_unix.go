//go:build unix

package audit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockFile takes the lock that makes one gateway the only writer of events. The
// kernel gives it back when the process dies, however it dies, so no process
// ID has to be trusted; the one in the file is for people.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := os.ReadFile(path)
		_ = f.Close()
		return nil, fmt.Errorf("%w: process %s, lock %s", ErrInUse, strings.TrimSpace(string(holder)), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit lock %s: %w", path, err), f.Close())
	}
	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) { // the lock holds; a full disk shows where it matters
		return nil, errors.Join(fmt.Errorf("audit lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
