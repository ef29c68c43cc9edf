//go:build unix

package policy

import (
	"syscall"
	"time"
)

// processorTime is what the process has had of the processor, which counts alike on a
// machine that has other work.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
