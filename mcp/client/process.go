package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// How long a process has to end after its input was closed, and again after
// SIGTERM, before SIGKILL.
const grace = 2 * time.Second

// writeFor is how long a process may leave its input unread. A write that was
// cut in the middle cannot be repaired, so it ends the process.
const writeFor = 30 * time.Second

// process is a server on standard input and output (MCP basic/transports,
// stdio). It is the leader of a process group of its own, and when it ends, by
// itself or by close, the group ends with it.
type process struct {
	conn   *Conn
	cmd    *exec.Cmd
	stdin  *os.File
	stderr *stderrLog
	writer chan struct{} // who holds its token may write

	mu   sync.Mutex
	gone bool // the group's ID may be another's by now

	closeOnce sync.Once
	ended     chan struct{} // the leader has exited and the group is gone
	lost      chan struct{} // no more messages will come
	lostOnce  sync.Once
}

func startProcess(c *Client, conn *Conn) (*process, error) {
	o := c.opts
	p := &process{
		conn: conn, cmd: exec.Command(o.Command, o.Args...), writer: make(chan struct{}, 1),
		ended: make(chan struct{}), lost: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.SysProcAttr = o.Dir, groupLeader()
	p.cmd.Env = o.Env
	if p.cmd.Env == nil {
		p.cmd.Env = []string{} // nil would hand over the gateway's own
	}
	pipes, err := connect(p.cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Command, err)
	}
	p.stdin = pipes.stdin
	p.stderr = newStderrLog(conn.log)
	conn.work.Go(func() { p.stderr.copy(pipes.stderr) })
	conn.work.Go(gateway.Contain(conn.log, "reading an upstream's output", func() {
		defer p.lose() // nobody reads any more
		p.read(pipes.stdout)
	}))
	conn.work.Go(func() { p.reap(pipes) })
	return p, nil
}

// pipes are the gateway's ends. They are files of our own, not exec's pipes:
// exec closes those when the process exits, with its last answer still unread.
type pipes struct{ stdin, stdout, stderr *os.File }

// connect starts the command with pipes.
func connect(cmd *exec.Cmd) (pipes, error) {
	var ours, theirs []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(ours, theirs...))
			return pipes{}, err
		}
		if i == 0 {
			ours, theirs = append(ours, w), append(theirs, r)
		} else {
			ours, theirs = append(ours, r), append(theirs, w)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err := cmd.Start()
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return pipes{}, err
	}
	return pipes{ours[0], ours[1], ours[2]}, nil
}

// reap waits for the leader and ends the rest of its group with it. Whoever
// left the group may still hold the pipes: reading them ends a little later.
func (p *process) reap(p2 pipes) {
	err := reapGroup(p.cmd, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.kill(syscall.SIGKILL)
		p.gone = true
	})
	soon := time.Now().Add(time.Second)
	_ = p2.stdout.SetReadDeadline(soon) // fails only if it is closed, which is as good
	_ = p2.stderr.SetReadDeadline(soon)
	p.conn.log.Info("upstream process has ended", "state", p.cmd.ProcessState.String(), "err", err)
	p.lose()
	close(p.ended)
}

// signal sends a signal to the group while its ID is certain to be its own.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		p.kill(sig)
	}
}

func (p *process) kill(sig syscall.Signal) {
	err := syscall.Kill(-p.cmd.Process.Pid, sig)
	if err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
		p.conn.log.Warn("process group could not be signalled", "signal", sig.String(), "err", err)
	}
}

func (p *process) lose() { p.lostOnce.Do(func() { close(p.lost) }) }

// read hands over the lines of standard output until it ends. One over the limit
// is skipped, and fails the call that it answers; one that does not end ends the
// process.
func (p *process) read(stdout *os.File) {
	defer stdout.Close()
	in := newLines(stdout, p.conn.client.opts.MaxAnswer)
	junk := 0
	for {
		l, err := in.next()
		switch {
		case errors.Is(err, errEndless):
			p.conn.over(l)
			p.conn.log.Error("upstream does not end its line; its process is ended")
			p.signal(syscall.SIGKILL)
		case errors.Is(err, io.ErrUnexpectedEOF):
			p.conn.log.Warn("upstream ended in the middle of a line")
		case err != nil:
		case l.whole == nil:
			p.conn.over(l)
			continue
		case len(l.whole) == 0:
			continue
		case !looksLikeMessage(l.whole):
			// Banners and stray prints are common, and harm nobody.
			if junk++; junk <= 3 {
				p.conn.log.Warn("upstream wrote what is no message to its standard output", "line", clipBytes(l.whole))
			}
			continue
		default:
			p.conn.route(l.whole)
			continue
		}
		p.lose()
		// Go on until the pipe is closed, so that the process does not hang
		// in a write when it is told to end.
		_, _ = io.Copy(io.Discard, in.r)
		return
	}
}

// looksLikeMessage tells a message, or what was meant to be one, from a banner:
// text before it on the same line is the commonest mistake.
func looksLikeMessage(l []byte) bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(l, []byte("\xef\xbb\xbf")), " \t")
	return len(start) > 0 && (start[0] == '{' || start[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(start[1:], " "), []byte("{"))) ||
		bytes.Contains(l, []byte(`"jsonrpc"`))
}

func (p *process) roundTrip(ctx context.Context, f *flight, r request) (mcp.Message, error) {
	if err := p.send(ctx, r.body); err != nil {
		return mcp.Message{}, err
	}
	m, err := p.conn.await(ctx, f)
	if ctx.Err() != nil && r.method != mcp.MethodInitialize {
		p.conn.cancelled(f, "the call was cancelled or timed out")
	}
	return m, err
}

func (p *process) send(ctx context.Context, body []byte) error {
	select {
	case p.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.lost:
		return p.conn.ended("has ended").Because(p.why())
	}
	defer func() { <-p.writer }()
	if err := p.stdin.SetWriteDeadline(time.Now().Add(writeFor)); err != nil {
		return err
	}
	if _, err := p.stdin.Write(append(mcp.OneLine(body), '\n')); err != nil {
		if p.exited(err) {
			return p.conn.ended("has ended").Because(p.why())
		}
		p.signal(syscall.SIGKILL)
		return p.conn.down("upstream " + p.conn.client.opts.Name + " does not read its input").Because(err)
	}
	return nil
}

// exited reports whether a write failed because the process is gone. Its end of
// the pipe closes a moment before it can be waited for.
func (p *process) exited(err error) bool {
	if !errors.Is(err, syscall.EPIPE) {
		return false
	}
	select {
	case <-p.ended:
		return true
	case <-time.After(time.Second):
		return false
	}
}

func (p *process) established()          {}
func (p *process) perSession() bool      { return p.conn.client.opts.Isolate }
func (p *process) done() <-chan struct{} { return p.lost }

// why gives the exit status, and what the process said first and last: a program
// that does not start says why at once and then how it is used, and one that breaks
// down later says so at the end.
func (p *process) why() error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	for _, c := range []chan struct{}{p.ended, p.stderr.read} {
		select {
		case <-c:
		case <-t.C: // it closed its output and lives on
			return errors.New("its standard output was closed")
		}
	}
	first, last := p.stderr.said()
	if len(first) == 0 {
		return errors.New(p.cmd.ProcessState.String())
	}
	text := fmt.Sprintf("%s; its standard error begins %q", p.cmd.ProcessState, strings.Join(first, "\n"))
	if last != "" {
		text += fmt.Sprintf(" and ends %q", last)
	}
	return errors.New(text)
}

// close ends the process as MCP says: close its input, then SIGTERM, then
// SIGKILL, to the whole group each time.
func (p *process) close() error {
	p.closeOnce.Do(func() {
		p.stdin.Close()
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			t := time.NewTimer(grace)
			select {
			case <-p.ended:
				t.Stop()
				return
			case <-t.C:
				p.signal(sig)
			}
		}
	})
	<-p.ended
	return nil
}

func clipBytes(b []byte) string {
	const most = 200
	if len(b) > most {
		b = b[:most]
	}
	return string(b)
}
