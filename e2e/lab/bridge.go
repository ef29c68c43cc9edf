//go:build e2e

package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bridge is a `toolward stdio` on a gateway's configuration, started as desktop
// programs start what is in their files: in / and with no environment of the user's.
type Bridge struct {
	Log *Log

	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	ended chan error
}

// Bridge starts one. env is what the client's entry gives it.
func (g *Gateway) Bridge(t testing.TB, env []string, args ...string) *Bridge {
	t.Helper()
	b := &Bridge{Log: &Log{}, lines: make(chan string, 1000), ended: make(chan error, 1)}
	b.cmd = exec.Command(Binary(), append([]string{"stdio", "--config", filepath.Join(g.Dir, "toolward.yaml")}, args...)...)
	b.cmd.Dir, b.cmd.Env, b.cmd.Stderr = "/", append([]string{"PATH=/usr/bin:/bin"}, env...), b.Log
	var err error
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			b.lines <- strings.TrimSuffix(line, "\n")
		}
		close(b.lines)
		b.ended <- b.cmd.Wait()
	}()
	t.Cleanup(func() { _ = b.cmd.Process.Kill() }) // it has ended already if the test went well
	return b
}

// Send writes lines.
func (b *Bridge) Send(t testing.TB, lines ...string) {
	t.Helper()
	if _, err := io.WriteString(b.in, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Fatalf("%v\n%s", err, b.Log)
	}
}

// Next is the next line.
func (b *Bridge) Next(t testing.TB) string {
	t.Helper()
	select {
	case line, open := <-b.lines:
		if !open {
			t.Fatalf("the bridge ended\n%s", b.Log)
		}
		return line
	case <-time.After(Patience):
		t.Fatalf("nothing comes\n%s", b.Log)
		return ""
	}
}

// Poll is the next line, "" if there is none yet.
func (b *Bridge) Poll() string {
	select {
	case line := <-b.lines:
		return line
	default:
		return ""
	}
}

// With is the next line that contains a text; those before it are passed over.
func (b *Bridge) With(t testing.TB, text string) string {
	t.Helper()
	var passed []string
	for {
		select {
		case line, open := <-b.lines:
			if strings.Contains(line, text) {
				return line
			}
			if passed = append(passed, line); open {
				continue
			}
		case <-time.After(Patience):
		}
		t.Fatalf("%s does not come, but %q\n%s", text, passed, b.Log)
	}
}

// Close ends the input, and returns what else was written and the exit code.
func (b *Bridge) Close(t testing.TB) (rest []string, code int) {
	t.Helper()
	_ = b.in.Close() // it may have ended by itself
	for {
		select {
		case line, open := <-b.lines:
			if open {
				rest = append(rest, line)
				continue
			}
			<-b.ended
			return rest, b.cmd.ProcessState.ExitCode()
		case <-time.After(Patience):
			t.Fatalf("it does not end with its input\n%s", b.Log)
		}
	}
}

// Steal stops the gateway and listens at its address in its place. It returns what
// was sent there.
func Steal(t testing.TB, g *Gateway) func() []*http.Request {
	t.Helper()
	g.Stop(t)
	l, err := net.Listen("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []*http.Request
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":"hello","result":{}}`)
	})}
	go func() { _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { s.Close() })
	return func() []*http.Request {
		mu.Lock()
		defer mu.Unlock()
		if len(got) == 0 {
			t.Error("nobody came to who took the port: this shows nothing")
		}
		return got
	}
}
