package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// link is a connection on which messages go both ways as they come: legacy SSE
// and standard input and output. Each request is served on a goroutine of its
// own, and answers go to the session's main stream.
type link struct {
	srv  *Server
	ss   *session
	peer string
}

// take takes one message, or one batch.
func (l *link) take(ctx context.Context, agent *gateway.Agent, body []byte) {
	elements := []json.RawMessage{body}
	if isBatch(body) {
		revision := ""
		if l.ss.greeted() {
			revision = l.ss.said().revision
		}
		var refusal *gateway.Refusal
		if elements, refusal = splitBatch(revision, body); refusal != nil {
			x := l.exchange(agent)
			x.msg.Method = "batch"
			l.send(x, x.refuse(ctx, refusal))
			return
		}
	}
	l.all(ctx, agent, elements)
}

// all takes messages that came together. Requests are known before the first
// of them runs: a cancellation that comes with its request is not lost.
func (l *link) all(ctx context.Context, agent *gateway.Agent, messages []json.RawMessage) {
	var begun []func()
	for _, m := range messages {
		if run := l.one(ctx, agent, m); run != nil {
			begun = append(begun, run)
		}
	}
	for _, run := range begun {
		go gateway.Contain(l.srv.log, "answering on a stream", run)()
	}
}

// one takes one message. What it returns serves a request, and has to be run.
func (l *link) one(ctx context.Context, agent *gateway.Agent, body []byte) (run func()) {
	x := l.exchange(agent)
	if code, err := x.read(body); err != nil {
		l.send(x, x.refuseAs(ctx, gateway.AsRefusal("surface", err), code, 0))
		return nil
	}
	revision := x.metaString(mcp.MetaRevision)
	switch {
	case x.msg.IsResponse():
		l.ss.answered(x.msg)
		return nil
	case x.msg.IsNotification():
		l.ss.note(ctx, x)
		return nil
	case mcp.Modern(revision):
		x.standAlone(revision)
		if o, ok := x.checkRevision(ctx); !ok {
			l.send(x, o)
			return nil
		}
	case x.msg.Method == mcp.MethodInitialize:
		h := x.greet()
		l.ss.hello.Store(&h)
		x.revision = h.revision
		l.send(x, outcome{result: x.welcome(ctx, h)})
		return nil
	}
	return l.request(ctx, x)
}

// exchange is a message on the link.
func (l *link) exchange(agent *gateway.Agent) *exchange {
	x := l.srv.exchange(agent, l.ss.surface, l.peer, l.ss.server)
	x.join(l.ss)
	x.out = l.ss.main
	return x
}

// request begins a request. One that the agent cancels is not answered: on a
// connection of lines an answer would be one to a request that it does not know
// any more (MCP 2026-07-28 basic/transports/stdio, cancellation: MUST NOT; before,
// basic/utilities/cancellation: SHOULD NOT).
func (l *link) request(ctx context.Context, x *exchange) (run func()) {
	ctx, cancel := context.WithCancel(ctx)
	if refusal := x.begin(cancel); refusal != nil {
		o := x.refuseBegin(ctx, refusal)
		if refusal.Code != gateway.Cancelled {
			l.send(x, o)
		}
		cancel()
		return nil
	}
	return func() {
		defer l.ss.sent()
		defer cancel()
		o := x.answer(ctx)
		l.ss.end(x.msg.ID)
		if !x.cancelled.Load() {
			l.send(x, o)
		}
	}
}

func (l *link) send(x *exchange, o outcome) {
	body, _ := x.encode(o)
	// A closed stream has nobody to tell. An agent that keeps asking and never
	// reads loses its session.
	if err := l.ss.main.send(body, true, false); errors.Is(err, errFull) {
		l.srv.sessions.end(l.ss)
	}
}

// serveSSE opens a session of the 2024-11-05 transport and is its stream.
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request) {
	v := s.admit(w, r, gateway.SurfaceSSE, "")
	if v == nil {
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		v.refuse(gateway.Refuse("surface", gateway.Unsupported, "the method "+clip(r.Method)+" is not offered here"), http.StatusMethodNotAllowed)
		return
	}
	x := v.exchange()
	x.msg.Method = r.Method
	ss, refusal := v.openSession(x)
	if refusal != nil {
		v.write(x, x.refused(r.Context(), refusal))
		return
	}
	defer ss.requests.answering.Wait()
	defer s.sessions.end(ss)
	reader, _ := ss.main.attach(0, false)
	ctx, cancel := v.streamContext(s.base)
	defer cancel()
	defer context.AfterFunc(s.draining, ss.retire)()
	// What is under way is answered as blocked before the stream ends.
	blocked, block := context.WithCancel(context.Background())
	defer block()
	defer context.AfterFunc(blocked, ss.retire)()
	defer s.barriers.watch(v.agent, "", block)()
	out := v.newEventWriter(ss.main, "")
	out.start(0)
	out.buf = mcp.AppendEvent(out.buf, mcp.Event{Name: "endpoint", Data: []byte("/message?sessionId=" + ss.id)})
	if out.flush() != nil {
		return
	}
	_ = ss.main.pump(ctx, reader, s.opt.KeepAlive, out.write) // however it ends, the session ends with it
}

// serveMessage takes a message for such a session; the answer goes to its stream.
func (s *Server) serveMessage(w http.ResponseWriter, r *http.Request) {
	v := s.admit(w, r, gateway.SurfaceSSE, "")
	if v == nil {
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		v.refuse(gateway.Refuse("surface", gateway.Unsupported, "the method "+clip(r.Method)+" is not offered here"), http.StatusMethodNotAllowed)
		return
	}
	ss := s.sessions.find(r.URL.Query().Get("sessionId"), v.agent, v.sur, "")
	if ss == nil {
		x := v.exchange()
		x.msg.Method = r.Method
		v.write(x, x.refuseBegin(r.Context(), gateway.Refuse("surface", gateway.Forbidden, "Session not found: open /sse again")))
		return
	}
	body, refusal := v.body()
	if refusal != nil {
		v.refuse(refusal, 0)
		return
	}
	l := &link{srv: s, ss: ss, peer: v.peer}
	l.take(context.WithoutCancel(r.Context()), v.agent, body)
	w.WriteHeader(http.StatusAccepted)
}

// ServeStdio serves one agent on standard input and output, a message a line,
// at the endpoint of all upstreams (server "") or of one. It returns nil when
// the input ends, after what was running is answered, and an error if the
// agent is not let in or in or out fails. Each message needs a valid token
// still: an expired one ends the connection. A block does not: a client whose
// server is gone does not come back to it when the block is lifted.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer, cred gateway.Credentials, server string) error {
	if _, known := s.opt.Upstreams.About(server); server != "" && !known {
		return gateway.Refuse("surface", gateway.UnknownTool, "there is no upstream "+clip(server))
	}
	cred.Surface = gateway.SurfaceStdio
	agent, refusal := s.road.Identify(ctx, cred)
	if refusal != nil {
		return refusal
	}
	ss := newSession(s, agent, gateway.SurfaceStdio, server)
	if refusal := s.sessions.add(ss); refusal != nil {
		return refusal
	}
	if s.opt.CarryToken != nil { // the session lasts longer than a configuration may
		ctx = gateway.WithToken(ctx, cred.Token)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(s.base, cancel)()
	defer cancel()
	reader, _ := ss.main.attach(0, false)
	written := make(chan error, 1)
	go func() {
		err := ss.main.pump(ctx, reader, time.Hour, lineWriter(out))
		cancel() // nobody can be answered any more
		written <- err
	}()
	err := s.readLines(ctx, in, &link{srv: s, ss: ss, peer: cred.Peer}, cred)
	if err == nil {
		ss.requests.answering.Wait()
	}
	ss.main.close()
	wrote := <-written
	s.sessions.end(ss)
	ss.requests.answering.Wait()
	if err == nil && !errors.Is(wrote, context.Canceled) {
		err = wrote
	}
	return err
}

// readLines takes messages until the input ends (nil), ctx ends, or the token
// is no longer valid.
func (s *Server) readLines(ctx context.Context, in io.Reader, l *link, cred gateway.Credentials) error {
	lines := make(chan readLine)
	go scanLines(ctx, mcp.NewLineReader(in, int(s.opt.MaxBody)), lines)
	for {
		var line readLine
		select {
		case line = <-lines:
		case <-ctx.Done():
			return ctx.Err()
		}
		x := l.exchange(l.ss.currentAgent())
		switch {
		case errors.Is(line.err, mcp.ErrTooLong):
			l.send(x, x.refuse(ctx, gateway.Refuse("surface", gateway.TooLarge, "the message is over the limit of "+itoa(int(s.opt.MaxBody))+" bytes")))
			continue
		case errors.Is(line.err, io.EOF):
			return nil
		case line.err != nil:
			return fmt.Errorf("read a message: %w", line.err)
		}
		agent, refusal := s.road.Identify(ctx, cred)
		if refusal != nil {
			l.send(x, outcome{refusal: refusal})
			return refusal
		}
		l.ss.touch(agent)
		l.take(ctx, agent, line.data)
	}
}

type readLine struct {
	data []byte
	err  error
}

// scanLines reads apart from whoever takes the lines: a read of standard input
// cannot be interrupted, and must not keep the gateway from ending. It returns
// when the input ends, or fails, or has one more line after ctx has ended.
func scanLines(ctx context.Context, r *mcp.LineReader, lines chan<- readLine) {
	for {
		data, err := r.Next()
		if err == nil && len(data) == 0 {
			continue
		}
		select {
		case lines <- readLine{bytes.Clone(data), err}:
		case <-ctx.Done():
			return
		}
		if err != nil && !errors.Is(err, mcp.ErrTooLong) {
			return
		}
	}
}

// lineWriter writes each message as a line. Standard output needs no sign of life.
func lineWriter(out io.Writer) func([]event) error {
	return func(batch []event) error {
		var buf []byte
		for _, e := range batch {
			buf = append(append(buf, mcp.OneLine(e.data)...), '\n')
		}
		if buf == nil {
			return nil
		}
		_, err := out.Write(buf)
		return err
	}
}
