package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// perfStat counts system calls and, where the processor's counters can be had,
// instructions of a process while f runs.
func perfStat(ctx context.Context, pid, calls int, f func() error) (kernel, error) {
	k := kernel{calls: "–"}
	perf, err := exec.LookPath("perf")
	if err != nil {
		k.err = errors.New("system calls are not counted: there is no perf (Linux) on the PATH")
		return k, f()
	}
	// The lines of -x are "value,unit,event,…"; -I would mix intervals in.
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, perf, "stat", "-x,", "-e", "raw_syscalls:sys_enter,instructions:u", "-p", strconv.Itoa(pid), "--control", "fd:3,4")
	ctl, ctlWrite, err := os.Pipe()
	if err != nil {
		return k, err
	}
	ackRead, ack, err := os.Pipe()
	if err != nil {
		return k, err
	}
	cmd.ExtraFiles, cmd.Stderr, cmd.Stdout = []*os.File{ctl, ack}, &out, &out
	if err := cmd.Start(); err != nil {
		return k, err
	}
	ctl.Close()
	ack.Close()
	defer ctlWrite.Close()
	defer ackRead.Close()
	acks := bufio.NewReader(ackRead)
	if _, err := ctlWrite.WriteString("enable\n"); err == nil {
		_, _ = acks.ReadString('\n') // perf counts by now, or has ended and says why
	}
	err = f()
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait() // it ends by that signal
	if err != nil {
		return k, err
	}
	return k.read(out.String(), calls), nil
}

// read takes the lines of perf stat -x,:
//
//	59000,,raw_syscalls:sys_enter,1000000,100.00,,
//	<not supported>,,instructions:u,0,100.00,,
func (k kernel) read(lines string, calls int) kernel {
	for line := range strings.Lines(lines) {
		fields := strings.Split(line, ",")
		if len(fields) < 3 {
			continue
		}
		n, err := strconv.ParseFloat(fields[0], 64)
		switch {
		case err != nil:
		case strings.HasPrefix(fields[2], "raw_syscalls"):
			k.calls = strconv.FormatFloat(n/float64(calls), 'f', 1, 64)
		case strings.HasPrefix(fields[2], "instructions"):
			k.instructions = strconv.FormatFloat(n/float64(calls), 'f', 0, 64)
		}
	}
	if k.calls == "–" {
		k.err = fmt.Errorf("system calls are not counted: perf said %q", strings.TrimSpace(lines))
	}
	return k
}
