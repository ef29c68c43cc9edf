package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

var errNoStream = errors.New("the agent does not accept an event stream")

// outlet is where what belongs to a request goes: a stream, or the answer to a
// POST that may become one.
type outlet interface {
	send(data []byte, must, once bool) error
}

// postStream is the answer to one POST. It is JSON if nothing comes before the
// result, and an event stream else:
//
//	silent ──a message, or a long time──▶ events ──result──▶ closed
//	  ├──result──▶ JSON
//	  └──a message to an agent that accepts no events──▶ failed ──result──▶ JSON
//
// It is safe for concurrent use.
type postStream struct {
	*stream
	v    *visit
	x    *exchange
	done chan struct{} // closed when the pump has ended; nil before it runs

	once   sync.Once
	failed error // why it cannot be events; written within once

	mu   sync.Mutex
	mode postMode
}

type postMode int

const (
	postSilent postMode = iota
	postEvents
	postJSON
)

func (v *visit) newPostStream(x *exchange) *postStream {
	return &postStream{stream: x.bond.newStream(), v: v, x: x}
}

// open makes it an event stream, without a message. It returns once it is one,
// whoever did that.
func (p *postStream) open() error {
	p.mu.Lock()
	if p.mode == postJSON {
		p.mu.Unlock()
		return errClosed
	}
	p.mode = postEvents
	p.mu.Unlock()
	return p.begun()
}

// begun begins the event stream once, and waits until that is done.
func (p *postStream) begun() error {
	p.once.Do(func() {
		if p.failed = p.begin(); p.failed != nil {
			p.close()
		}
	})
	return p.failed
}

// send is [stream.send], and makes it an event stream.
func (p *postStream) send(data []byte, must, once bool) error {
	if err := p.open(); err != nil {
		return err
	}
	return p.stream.send(data, must, once)
}

// closeUnstarted makes the answer JSON if it is not an event stream, and reports
// whether it did.
func (p *postStream) closeUnstarted() bool {
	p.mu.Lock()
	if p.mode == postSilent {
		p.mode = postJSON
		p.mu.Unlock()
		return true
	}
	p.mu.Unlock()
	return p.begun() != nil
}

// begin turns the answer into an event stream.
func (p *postStream) begin() error {
	if !accepts(p.v.r.Header, "text/event-stream") {
		return errNoStream
	}
	p.x.bond.keep(p.stream)
	r, _ := p.attach(0, false)
	p.done = make(chan struct{})
	out := p.v.newEventWriter(p.stream, p.x.revision)
	go gateway.Contain(p.v.srv.log, "writing a stream", func() {
		defer close(p.done)
		_ = p.pump(p.v.r.Context(), r, p.v.srv.opt.KeepAlive, out.write) // an error means that the agent left, or came back elsewhere
	})()
	return nil
}

// left waits for the end of what is being written to an agent whose connection
// broke, and reports whether it can come back to the stream.
func (p *postStream) left() (resumable bool) {
	p.mu.Lock()
	events := p.mode == postEvents
	p.mu.Unlock()
	if !events || p.begun() != nil {
		return false
	}
	<-p.done
	return p.resumable()
}

// openLater turns the answer into a stream if it takes long, so that nothing
// between here and the agent gives up on it.
func (p *postStream) openLater(after time.Duration) (stop func()) {
	t := time.AfterFunc(after, func() {
		if p.open() == nil { // an agent without streams waits in silence
			p.sign.Store(true)
			p.poke()
		}
	})
	return func() { t.Stop() }
}

// finish sends the result and waits until it is written, or cannot be.
func (p *postStream) finish(body []byte) {
	_ = p.send(body, true, false) // it is open, and takes every answer
	p.close()
	<-p.done
}

// eventWriter writes a stream's events to an HTTP response.
type eventWriter struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	stream   string // ID of the stream, "" for events without IDs
	revision string
	begun    bool
	buf      []byte
}

// retryAfter tells agents of sessions when to come back after a break.
const retryAfter = time.Second

func (v *visit) newEventWriter(st *stream, revision string) *eventWriter {
	return &eventWriter{w: v.w, rc: http.NewResponseController(v.w), stream: st.id, revision: revision}
}

// start writes the headers, and the event that an agent needs to resume a
// stream that breaks before its first message (MCP 2025-11-25
// basic/transports). Older agents would take its empty data for a message:
// theirs has no data, and sets only the ID.
func (e *eventWriter) start(after uint64) {
	if e.begun {
		return
	}
	e.begun = true
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	e.w.WriteHeader(http.StatusOK)
	if e.stream != "" {
		first := mcp.Event{ID: eventID(e.stream, after), Retry: retryAfter}
		if e.revision >= mcp.Revision20251125 {
			first.Data = []byte{}
		}
		e.buf = mcp.AppendEvent(e.buf, first)
	}
}

func (e *eventWriter) write(batch []event) error {
	if len(batch) > 0 {
		e.start(batch[0].seq - 1)
	} else {
		e.start(0)
		e.buf = append(e.buf, ":\n\n"...)
	}
	for _, ev := range batch {
		out := mcp.Event{Name: "message", Data: ev.data}
		if e.stream != "" {
			out.ID = eventID(e.stream, ev.seq)
		}
		e.buf = mcp.AppendEvent(e.buf, out)
	}
	return e.flush()
}

func (e *eventWriter) flush() error {
	_, err := e.w.Write(e.buf)
	if cap(e.buf) > 64<<10 {
		e.buf = nil
	}
	e.buf = e.buf[:0]
	return errors.Join(err, e.rc.Flush())
}

// get serves a session's own stream, or goes on with a stream that broke.
func (v *visit) get() {
	x := v.exchange()
	x.msg.Method = v.r.Method
	if !accepts(v.r.Header, "text/event-stream") {
		v.refuse(gateway.Refuse("surface", gateway.UnsupportedMedia, "Accept must allow text/event-stream"), http.StatusNotAcceptable)
		return
	}
	ss, o, ok := x.enterSession(v.r.Context())
	if !ok {
		v.write(x, o)
		return
	}
	st, after, resume := ss.main, uint64(0), false
	if last := v.r.Header.Get(mcp.HeaderLastEventID); last != "" {
		id, seq, ok := splitEventID(last)
		if st, after, resume = ss.stream(id), seq, true; !ok || st == nil {
			v.gone()
			return
		}
	}
	r, ok := st.attach(after, resume)
	if !ok {
		v.gone()
		return
	}
	ctx, cancel := v.streamContext(v.srv.draining)
	defer cancel()
	defer v.srv.barriers.watch(v.agent, v.server, cancel)()
	out := v.newEventWriter(st, x.revision)
	out.start(after)
	if err := out.flush(); err != nil {
		st.detach(r)
		return
	}
	_ = st.pump(ctx, r, v.srv.opt.KeepAlive, out.write) // whichever way it ends, the agent may come back
}

// streamContext ends with the connection, the agent's token, and a context of
// the server.
func (v *visit) streamContext(server context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := untilExpiry(v.r.Context(), v.agent)
	stop := context.AfterFunc(server, cancel)
	return ctx, func() { stop(); cancel() }
}

// gone answers a Last-Event-ID whose following events are not kept any more.
func (v *visit) gone() {
	v.refuse(gateway.Refuse("surface", gateway.Malformed, "the stream cannot be resumed after this event: open a new one without Last-Event-ID"), 0)
}

// delete ends a session.
func (v *visit) delete() {
	x := v.exchange()
	x.msg.Method = v.r.Method
	ss, o, ok := x.enterSession(v.r.Context())
	if !ok {
		v.write(x, o)
		return
	}
	v.srv.sessions.end(ss)
	v.w.WriteHeader(http.StatusNoContent)
}
