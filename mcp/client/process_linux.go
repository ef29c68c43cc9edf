package client

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupLeader makes the child the leader of a process group, and has the
// kernel end it if the gateway dies without a chance to do so. The signal is
// tied to the thread that forked; Go ends a thread only when a goroutine that
// locked it exits, which nothing here does.
func groupLeader() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reapGroup waits for the leader to exit, calls kill, and only then reaps it:
// until then its process ID, which names the group, cannot be used again.
func reapGroup(cmd *exec.Cmd, kill func()) error {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	kill()
	return cmd.Wait()
}
