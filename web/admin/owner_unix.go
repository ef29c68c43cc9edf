//go:build unix

package admin

import (
	"io/fs"
	"os"
	"syscall"
)

// ofAnother reports whether a file belongs to another user than this process runs as.
func ofAnother(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) != os.Geteuid()
}
