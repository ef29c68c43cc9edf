package journal

import (
	"errors"
	"syscall"
)

// datasync is fdatasync(2).
func (f osFile) datasync() error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
