//go:build e2e

package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// processEnv names the folder of a process upstream: its ledger, and the
// process IDs of it and of what it starts.
const processEnv = "TOOLWARD_LAB_PROCESS"

// Process is the scripted upstream on standard input and output. It is this test
// binary, which [Main] turns into an upstream.
type Process struct{ Dir string }

// NewProcess makes the folder of a process upstream.
func NewProcess(t testing.TB) *Process { return &Process{t.TempDir()} }

// Config is the upstream's entry in toolward.yaml.
func (p *Process) Config() map[string]any {
	return map[string]any{"command": self(), "timeout": "2s", "env": map[string]any{processEnv: p.Dir}}
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err) // this program runs from a file
	}
	return path
}

// Ledger is what the process wrote down before it executed each call.
func (p *Process) Ledger(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Dir, "ledger"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// Alive are the IDs of the processes that the upstream was and started, as far as
// they still run.
func (p *Process) Alive(t testing.TB) []int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Dir, "pids"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var alive []int
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		if running(pid) {
			alive = append(alive, pid)
		}
	}
	return alive
}

// running reports whether a process exists and is more than a zombie, which is
// its parent's to reap.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// Main is TestMain's: it runs the tests, or the upstream if this process is one.
func Main(m *testing.M) {
	dir := os.Getenv(processEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	note(dir, "pids", strconv.Itoa(os.Getpid()))
	serveProcess(dir, os.Stdin, os.Stdout)
}

// note appends a line, durable against the death of this process.
func note(dir, name, line string) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}

func serveProcess(dir string, in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	stays := false
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil || m.ID == nil {
			continue
		}
		if m.Method != "tools/call" {
			fmt.Fprintf(out, "%s\n", answer(m, ""))
			continue
		}
		stays = stays || m.Params.Name == "spawn"
		note(dir, "ledger", m.Params.Name+" "+string(m.Params.Arguments))
		if !hostileProcess(dir, out, m) {
			fmt.Fprintf(out, "%s\n", answer(m, os.Getenv("LAB_TOKEN")))
		}
	}
	if stays { // it does not care that nobody speaks to it any more
		_ = syscall.Pause() // a signal ends it
	}
}

// hostileProcess does what the hostile tools do, and reports whether that was
// all of the answer.
func hostileProcess(dir string, out io.Writer, m message) bool {
	switch m.Params.Name {
	case "hang":
	case "die":
		os.Exit(3)
	case "die_in_the_answer":
		_, _ = out.Write(result(m.ID, "half")[:20])
		os.Exit(3)
	case "chatter": // what programs print that were not meant for this
		fmt.Fprintf(out, "Listening on port 3000\n{\"not\":\"a message\"}\n\x1b[31mred\x1b[0m\n")
		return false
	case "truncated":
		fmt.Fprintf(out, "%s\n", result(m.ID, "cut")[:40])
	case "other_id":
		fmt.Fprintf(out, "%s\n", result(json.RawMessage(`"nobody-asked"`), "for someone else"))
	case "endless":
		for line := bytes.Repeat([]byte("a"), 64<<10); ; {
			if _, err := out.Write(line); err != nil {
				os.Exit(3)
			}
		}
	case "spawn": // a child that outlives its parent and does not read its input
		child := exec.Command("sleep", "86400")
		child.SysProcAttr = &syscall.SysProcAttr{} // in the upstream's own group
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		note(dir, "pids", strconv.Itoa(child.Process.Pid))
		return false
	default:
		return false
	}
	return true
}
