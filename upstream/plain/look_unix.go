//go:build unix

package plain

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// canLook says that an idle connection can be looked at without waiting.
const canLook = true

// quiet reports whether nothing is to be read on a connection: no byte, no end
// and no error. It waits for nothing.
func quiet(raw syscall.RawConn) (yes bool) {
	err := raw.Control(func(fd uintptr) {
		look := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(look[:], 0)
		yes = err == nil && n == 0
	})
	return err == nil && yes
}
