//go:build e2e

package lab

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// sendSSE opens a stream of the 2024-11-05 transport, initializes, sends a
// message, and reads the answer from the stream.
func sendSSE(t testing.TB, g *Gateway, token, _, message string) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	r := NewRequest(t, g.URL+"/sse", token, nil).WithContext(ctx)
	r.Method = http.MethodGet
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body) // what could be read is shown
		a := Answer{Status: resp.StatusCode, Header: resp.Header, Text: string(body)}
		a.readMessage(a.Text)
		return a
	}
	events := bufio.NewReader(resp.Body)
	endpoint := nextData(t, events)
	for i, m := range []string{Hello, message} {
		posted := Do(t, NewRequest(t, g.URL+endpoint, token, strings.NewReader(m)))
		if posted.Status != http.StatusAccepted {
			posted.readMessage(posted.Text)
			return posted
		}
		answer := nextData(t, events)
		for notification(answer) {
			answer = nextData(t, events)
		}
		if i == 1 {
			a := Answer{Status: resp.StatusCode, Text: answer}
			a.readMessage(answer)
			return a
		}
	}
	panic("unreachable")
}

// notification reports whether a message is one that the agent did not wait for.
func notification(message string) bool {
	return strings.HasPrefix(message, `{"jsonrpc":"2.0","method":"notifications/`)
}

// nextData is the data of the next event.
func nextData(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended with %v", err)
		}
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data:"); ok {
			return strings.TrimPrefix(data, " ")
		}
	}
}

// pipe is a `toolward stdio` that runs for one token.
type pipe struct {
	token string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	log   *Log
}

// sendStdio sends a message on the standard input of `toolward stdio --standalone`, which is
// started on the gateway's configuration with a record of its own: the record
// has one writer.
func sendStdio(t testing.TB, g *Gateway, token, _, message string) Answer {
	t.Helper()
	if g.pipe == nil || g.pipe.token != token {
		g.CloseStdio(t)
		if a := g.openStdio(t, token); a != nil {
			return *a
		}
	}
	return g.pipe.ask(t, message)
}

// openStdio starts the process, or returns how it refused.
func (g *Gateway) openStdio(t testing.TB, token string) *Answer {
	t.Helper()
	config := map[string]any{}
	for name, v := range g.config {
		config[name] = v
	}
	config["audit"] = map[string]any{"path": "stdio/toolward.db"}
	g.Write(t, "stdio/.keep", "")
	g.writeConfig(t, "stdio.yaml", config)
	p := &pipe{token: token, cmd: g.Command("stdio", "--standalone", "--config", "stdio.yaml"), log: &Log{}}
	p.cmd.Env = append(p.cmd.Env, "TOOLWARD_TOKEN="+token)
	p.cmd.Stderr = p.log
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	_, writeErr := io.WriteString(p.in, Hello+"\n")
	line, readErr := p.out.ReadString('\n')
	if writeErr != nil || readErr != nil { // refused at the door
		waited := p.cmd.Wait()
		a := &Answer{Text: p.log.String()}
		if waited != nil {
			a.Code = codeIn(a.Text)
		}
		return a
	}
	if a := (Answer{Text: line}); !strings.Contains(line, `"protocolVersion"`) {
		t.Fatalf("the session was not opened: %+v\n%s", a, p.log)
	}
	g.pipe = p
	return nil
}

// codeIn is the code of the refusal that a command ended with.
func codeIn(stderr string) string {
	_, rest, _ := strings.Cut(stderr, "toolward: ")
	code, _, _ := strings.Cut(rest, ":")
	return code
}

func (p *pipe) ask(t testing.TB, message string) Answer {
	t.Helper()
	if _, err := io.WriteString(p.in, message+"\n"); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	line, err := p.out.ReadString('\n')
	for err == nil && notification(line) {
		line, err = p.out.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	a := Answer{Text: line}
	a.readMessage(line)
	return a
}

// KillStdio is kill -9 of `toolward stdio`.
func (g *Gateway) KillStdio() {
	p := g.pipe
	g.pipe = nil
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// CloseStdio ends `toolward stdio`, if it runs, by closing its input.
func (g *Gateway) CloseStdio(t testing.TB) {
	t.Helper()
	if g.pipe == nil {
		return
	}
	p := g.pipe
	g.pipe = nil
	_ = p.in.Close() // it may have ended by itself, which Wait shows
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("toolward stdio ended with %v\n%s", err, p.log)
	}
}
