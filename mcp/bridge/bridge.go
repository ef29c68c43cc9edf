// Package bridge carries MCP from lines to Streamable HTTP and back: a client that
// can only start programs reaches a gateway that runs already.
//
// A message goes on as the bytes that came, both ways; but for line breaks between
// tokens, which a line cannot have. What the bridge reads of it is what HTTP wants in
// headers: the method, the ID, the revision, the name. It judges nothing.
//
//	a request       POST; the answer is its JSON, or the events of its stream
//	a notification  POST, before the next line is read
//	a response      the same
//	initialize      is waited for: what follows needs its session
//	a batch         POST; an array, or the events of its stream
//	cancelled       passed on behind the request; in 2026-07-28, which has no such
//	                message over HTTP, the request's connection is closed. No answer
//	                to it is written
//	a session       GET, for what the gateway says unasked
//
// # When the gateway ends
//
// A request that was not sent yet waits a little for the gateway to be back; one that
// was sent is answered with an error that says so, since nobody knows whether it took
// effect. The session is opened again by the client's own initialize, whose answer the
// client does not see a second time, and its log level and subscriptions are set
// again.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Options of a bridge. Client, Reach and Log are required.
type Options struct {
	Client *http.Client
	// Reach says where the endpoint is and which token it takes. anew is set if
	// what it said last does not do any more. Its error is for the client's user.
	Reach func(ctx context.Context, anew bool) (url, token string, err error)
	// Unsent reports whether an error of Client says that nothing was sent.
	Unsent func(error) bool

	MaxLine   int           // of what the client sends, in bytes
	MaxAnswer int           // of what the gateway sends; 0 means 64 MiB
	Patience  time.Duration // how long an unsent request waits for the gateway; 0 means 5 s
	Grace     time.Duration // how long requests go on once the input has ended; 0 means 30 s
	Log       *slog.Logger
}

// Bridge is one client's connection. Use it once.
type Bridge struct {
	opt Options

	outMu sync.Mutex
	out   io.Writer
	stop  context.CancelCauseFunc

	running sync.WaitGroup // requests
	hearing sync.WaitGroup // the session's stream
	flights flights
	session session
	params  bindings

	modern bool // whether the last request was of 2026-07-28; of the reading goroutine
}

// New returns a bridge.
func New(opt Options) *Bridge {
	if opt.MaxAnswer == 0 {
		opt.MaxAnswer = 64 << 20
	}
	if opt.Patience == 0 {
		opt.Patience = 5 * time.Second
	}
	if opt.Grace == 0 {
		opt.Grace = 30 * time.Second
	}
	return &Bridge{opt: opt, session: session{again: make(chan struct{}, 1)}}
}

// Run carries messages until the input ends (nil, after what was running is
// answered), ctx ends, or the output fails.
func (b *Bridge) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	b.out, b.stop = out, stop
	err := b.read(ctx, in)
	if err == nil {
		b.settle(ctx)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	b.session.closeAt(b)
	stop(nil)
	b.running.Wait()
	b.hearing.Wait()
	return err
}

// settle waits for what is running.
func (b *Bridge) settle(ctx context.Context) {
	b.flights.hangUp()
	done := make(chan struct{})
	go gateway.Contain(b.opt.Log, "waiting for answers", func() { b.running.Wait(); close(done) })()
	t := time.NewTimer(b.opt.Grace)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
	}
}

type readLine struct {
	data []byte
	err  error
}

// read takes lines until there are no more (nil) or ctx ends.
func (b *Bridge) read(ctx context.Context, in io.Reader) error {
	lines := make(chan readLine)
	go gateway.Contain(b.opt.Log, "reading lines", func() { scan(ctx, mcp.NewLineReader(in, b.opt.MaxLine), lines) })()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line := <-lines:
			switch {
			case errors.Is(line.err, mcp.ErrTooLong):
				b.write(mcp.AppendError(nil, nil, mcp.ErrorObject(mcp.CodeInvalidRequest, fmt.Sprintf("the message is over the limit of %d bytes", b.opt.MaxLine), nil)))
			case errors.Is(line.err, io.EOF):
				return nil
			case line.err != nil:
				return fmt.Errorf("read a message: %w", line.err)
			default:
				b.take(ctx, parse(line.data))
			}
		}
	}
}

// scan reads apart from whoever takes the lines: a read of standard input cannot be
// interrupted.
func scan(ctx context.Context, r *mcp.LineReader, lines chan<- readLine) {
	for {
		data, err := r.Next()
		if err == nil && len(data) == 0 {
			continue
		}
		select {
		case lines <- readLine{append([]byte(nil), data...), err}:
		case <-ctx.Done():
			return
		}
		if err != nil && !errors.Is(err, mcp.ErrTooLong) {
			return
		}
	}
}

// take begins with one line.
func (b *Bridge) take(ctx context.Context, m message) {
	if m.wantsAnswer() {
		b.modern = m.modern()
	}
	switch {
	case m.method == mcp.MethodInitialize:
		b.initialize(ctx, m)
	case m.method == mcp.NoteCancelled:
		b.cancelled(ctx, m)
	case m.wantsAnswer():
		f := b.flights.begin(ctx, m)
		b.running.Go(gateway.Contain(b.opt.Log, "passing on a request", func() {
			defer b.flights.end(f)
			b.request(f)
		}))
	case b.modern && m.method != "":
		// 2026-07-28 has no other notification of clients, and no session to send one in.
	default:
		b.tell(ctx, m)
	}
}

// cancelled passes a cancellation on.
func (b *Bridge) cancelled(ctx context.Context, m message) {
	f := b.flights.cancel(m.cancels)
	if b.modern {
		if f != nil {
			f.stop()
		}
		return
	}
	if f == nil {
		b.tell(ctx, m)
		return
	}
	<-f.sent // ahead of its request it would cancel nothing
	b.tell(ctx, m)
	b.running.Go(gateway.Contain(b.opt.Log, "cancelling a request", func() { b.insist(f, m) }))
}

// insist says a cancellation again while its request goes on: two connections have no
// order, and it may have come first all the same.
func (b *Bridge) insist(f *flight, m message) {
	for wait := pause; wait <= rest; wait *= 4 {
		select {
		case <-f.ctx.Done():
			return
		case <-time.After(wait):
			b.tell(f.ctx, m)
		}
	}
}

// tell sends what is not answered. Where it cannot be sent there is nobody to tell
// but the log.
func (b *Bridge) tell(ctx context.Context, m message) {
	resp, err := b.post(ctx, m)
	switch {
	case err != nil && m.broken:
		b.fail(m.id, err.Error())
		return
	case err != nil:
		b.opt.Log.Warn("a message could not be passed on", "method", m.method, "error", err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what could be read says enough
	switch {
	case m.broken:
		b.answer(m, resp, body)
	case resp.StatusCode < 300:
		if m.method == mcp.NoteInitialized {
			b.session.listen(ctx, b)
		}
	default:
		b.opt.Log.Warn("the gateway does not take a message", "method", m.method, "status", resp.StatusCode, "answer", string(body))
	}
}

// write writes one message as a line.
func (b *Bridge) write(message []byte) {
	line := append(append(make([]byte, 0, len(message)+1), mcp.OneLine(message)...), '\n')
	b.outMu.Lock()
	defer b.outMu.Unlock()
	if _, err := b.out.Write(line); err != nil {
		b.stop(fmt.Errorf("write a message: %w", err))
	}
}

// codeLost is the JSON-RPC code of what the bridge says itself: in the range that
// implementations may use.
const codeLost = -32000

// fail answers a request.
func (b *Bridge) fail(id json.RawMessage, why string) {
	b.write(mcp.AppendError(nil, id, mcp.ErrorObject(codeLost, why, nil)))
}
