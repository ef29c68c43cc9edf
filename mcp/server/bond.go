package server

import (
	"context"
	"encoding/json"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// bond is what ties an exchange to others of its agent. It has two types: a
// [session], which knows the requests that run in it and keeps what was sent, or
// [alone], where a request ends with its connection and leaves nothing behind.
type bond interface {
	// sessionID is "" without a session.
	sessionID() string
	// said, logLevel and setLevel are about initialize and logging/setLevel.
	said() hello
	logLevel() string
	setLevel(level string)
	// mayWatch and watch keep the list of subscriptions.
	mayWatch() bool
	watch(r resource, on bool)

	// begin, end and sent are called when a request begins, when it is over and
	// its ID free, and when its answer is sent. If begin refuses, the others are
	// not called.
	begin(id json.RawMessage, cancel context.CancelFunc) *gateway.Refusal
	end(id json.RawMessage)
	sent()
	// callContext is what a call runs under that is answered by p.
	callContext(ctx context.Context, p *postStream) (context.Context, context.CancelFunc)
	// newStream makes the stream of a POST's answer; keep remembers it when it
	// has events, and leave lets go of it when it is over, as far as need be.
	newStream() *stream
	keep(st *stream)
	leave(st *stream)

	// note takes a notification of the agent. Unknown ones are ignored, as
	// JSON-RPC wants.
	note(ctx context.Context, x *exchange)
	// answered takes the agent's answer to a question; false if there cannot
	// have been any.
	answered(msg mcp.Message) bool
	// ask sends a question, and waits for its answer.
	ask(ctx context.Context, x *exchange, method string, params json.RawMessage) (*gateway.Result, error)
	// aside is where messages go that their request has no stream for, nil if
	// nobody reads there.
	aside() *stream
}

var (
	_ bond = (*session)(nil)
	_ bond = alone{}
)

// alone is no session: that of a stateless request, or of one that is not in
// its session yet.
type alone struct{ srv *Server }

func (alone) sessionID() string                                          { return "" }
func (alone) said() hello                                                { return hello{} }
func (alone) logLevel() string                                           { return "" }
func (alone) setLevel(string)                                            {}
func (alone) mayWatch() bool                                             { return false }
func (alone) watch(resource, bool)                                       {}
func (alone) begin(json.RawMessage, context.CancelFunc) *gateway.Refusal { return nil }
func (alone) end(json.RawMessage)                                        {}
func (alone) sent()                                                      {}
func (alone) keep(*stream)                                               {}
func (alone) answered(mcp.Message) bool                                  { return false }
func (alone) aside() *stream                                             { return nil }

// note ignores even a cancellation: a stateless agent cancels by closing its
// request, and the ID that its notification names another agent may use as well.
func (alone) note(context.Context, *exchange) {}

// callContext: a stateless agent cancels by closing its request.
func (alone) callContext(ctx context.Context, _ *postStream) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (a alone) newStream() *stream { return newStream("", 0, &a.srv.kept) }

// leave: nobody can come back for what was not delivered.
func (alone) leave(st *stream) { st.forget() }

func (alone) ask(context.Context, *exchange, string, json.RawMessage) (*gateway.Result, error) {
	return nil, gateway.Refuse("surface", gateway.Unsupported, "the agent has no session to be asked in")
}

func (ss *session) sessionID() string { return ss.id }

func (ss *session) begin(id json.RawMessage, cancel context.CancelFunc) *gateway.Refusal {
	return ss.requests.begin(id, cancel)
}

func (ss *session) sent()              { ss.requests.answering.Done() }
func (ss *session) newStream() *stream { return ss.streams.newStream() }
func (ss *session) keep(st *stream)    { ss.streams.add(st) }
func (ss *session) leave(*stream)      { ss.streams.trim() }

// callContext: a session's call whose stream can be resumed goes on without the
// connection, for as long as an agent may be away; one that has not sent an
// event yet could not be picked up again, and ends with it.
func (ss *session) callContext(conn context.Context, p *postStream) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(conn))
	stop := context.AfterFunc(conn, func() {
		if p.left() {
			ss.await(ctx, p.stream, cancel)
		} else {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}

// await gives up a call whose agent does not come back to its stream. Without
// it, one that asks something would wait for ever, with its place in the limits.
func (ss *session) await(ctx context.Context, st *stream, giveUp context.CancelFunc) {
	t := time.AfterFunc(ss.srv.opt.ParkTTL, func() {
		if st.attached() {
			ss.await(ctx, st, giveUp)
		} else {
			giveUp()
		}
	})
	context.AfterFunc(ctx, func() { t.Stop() })
}

func (ss *session) note(ctx context.Context, x *exchange) {
	switch x.msg.Method {
	case mcp.NoteCancelled:
		if id, ok := x.params.Get("requestId"); ok {
			ss.requests.cancel(id)
		}
	case mcp.NoteRootsChanged:
		// It makes work at every upstream of the session, so it counts as a
		// call. What is passed on is our own message, without its params.
		if x.charge(ctx) == nil {
			ss.srv.opt.Upstreams.Notify(ctx, ss.id, x.msg.Method, nil)
		}
	}
}

// answered drops what nobody waits for: it is late, or was never asked for.
func (ss *session) answered(msg mcp.Message) bool {
	ss.questions.answered(mcp.Unquote(msg.ID), gateway.Result{Raw: msg.Result, Error: msg.Error, IsError: msg.Error != nil})
	return true
}

func (ss *session) ask(ctx context.Context, x *exchange, method string, params json.RawMessage) (*gateway.Result, error) {
	id, answer, ok := ss.questions.ask()
	if !ok {
		return nil, gateway.Refuse("surface", gateway.Cancelled, "the agent's session ended")
	}
	defer ss.questions.unask(id)
	if err := x.emit(mcp.AppendRequest(nil, mcp.Quote(id), method, params), true); err != nil {
		return nil, gateway.Refuse("surface", gateway.Unsupported, "the agent has no stream open to be asked on").Because(err)
	}
	select {
	case r, open := <-answer:
		if !open {
			return nil, gateway.Refuse("surface", gateway.Cancelled, "the agent's session ended")
		}
		return &r, nil
	case <-ctx.Done():
		reason := gateway.JoinMembers([]gateway.Member{
			{Name: "requestId", Value: mcp.Quote(id)}, {Name: "reason", Value: mcp.Quote("the call that asked for it ended")},
		})
		_ = x.emit(mcp.AppendNotification(nil, mcp.NoteCancelled, reason), false) // nobody is left to tell
		return nil, ctx.Err()
	}
}

func (ss *session) aside() *stream {
	if !ss.main.live() {
		return nil
	}
	return ss.main
}
