package upstreamtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const variable = "TOOLWARD_UPSTREAMTEST"

// Main is a scripted server on standard input and output if the process was
// started as one by [Command]; it then does not return.
func Main() {
	raw := os.Getenv(variable)
	if raw == "" {
		return
	}
	time.AfterFunc(patience, func() { os.Exit(9) })
	if raw == "sleeper" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		select {}
	}
	var s Script
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		panic(err)
	}
	New(s).stdio()
	os.Exit(0)
}

// Command is how to start a scripted server as a process: what to run, and its
// environment.
func Command(t testing.TB, s Script) (command string, env []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return self, []string{variable + "=" + string(raw)}
}

func (s *Server) stdio() {
	switch {
	case s.script.has("exit"):
		fmt.Fprintln(os.Stderr, "cannot start: scripted")
		os.Exit(3)
	case s.script.has("stubborn"):
		signal.Ignore(syscall.SIGTERM)
	case s.script.has("fork"):
		s.fork()
	}
	s.Note("pid %d", os.Getpid())
	var mu sync.Mutex
	var work sync.WaitGroup
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			s.Note("unreadable %q", line)
			continue
		}
		out := func(raw string) {
			mu.Lock()
			defer mu.Unlock()
			writeOut(os.Stdout, raw)
		}
		if m.ID == nil || m.Method == "" {
			s.handle(m, out) // in their order
			continue
		}
		work.Go(func() { s.handle(m, out) })
	}
	if s.script.has("stubborn") {
		select {}
	}
}

func writeOut(w io.Writer, raw string) {
	switch {
	case raw == dieNow:
		os.Exit(5)
	case raw == endless:
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				os.Exit(6)
			}
		}
	case strings.HasPrefix(raw, dieMid):
		_, _ = io.WriteString(w, strings.TrimPrefix(raw, dieMid))
		os.Exit(5)
	}
	_, _ = io.WriteString(w, raw+"\n")
}

// fork leaves a grandchild that ignores SIGTERM and holds the pipes open.
func (s *Server) fork() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{variable + "=sleeper"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	s.Note("grandchild %d", cmd.Process.Pid)
}
