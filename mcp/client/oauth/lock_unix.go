//go:build unix

package oauth

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// locked runs f while no other process, and no other vault of this one, changes
// the file at path. The kernel gives the lock back when a process dies.
func locked(path string, f func() error) error {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return errors.Join(fmt.Errorf("lock %s: %w", path, err), lock.Close())
	}
	return errors.Join(f(), lock.Close())
}
