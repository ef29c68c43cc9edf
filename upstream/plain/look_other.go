//go:build !unix

package plain

import "syscall"

// canLook says that an idle connection can be looked at without waiting.
const canLook = false

func quiet(syscall.RawConn) bool { return false }
