//go:build unix && !linux

package client

import (
	"os/exec"
	"syscall"
)

func groupLeader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// reapGroup cannot wait without reaping here: the group is ended right after
// its leader was reaped, when the system may in theory have used the ID again.
func reapGroup(cmd *exec.Cmd, kill func()) error {
	err := cmd.Wait()
	kill()
	return err
}
