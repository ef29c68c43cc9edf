package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"toolward/gateway"
	"toolward/mcp"
)

// streamable serves Streamable HTTP (MCP 2025-03-26 to 2026-07-28,
// basic/transports) at one endpoint.
func (s *Server) streamable(w http.ResponseWriter, r *http.Request, server string) {
	v := s.admit(w, r, gateway.SurfaceMCP, server)
	if v == nil {
		return
	}
	if server != "" {
		if _, known := s.opt.Upstreams.About(server); !known {
			v.refuse(gateway.Refuse("surface", gateway.UnknownTool, "there is no upstream of this name"), http.StatusNotFound)
			return
		}
	}
	stateless := mcp.Modern(r.Header.Get(mcp.HeaderRevision))
	switch {
	case r.Method == http.MethodPost:
		v.post()
	case r.Method == http.MethodGet && !stateless:
		v.get()
	case r.Method == http.MethodDelete && !stateless:
		v.delete()
	default:
		allow := "GET, POST, DELETE"
		if stateless {
			allow = "POST"
		}
		w.Header().Set("Allow", allow)
		v.refuse(gateway.Refuse("surface", gateway.Unsupported, "the method "+clip(r.Method)+" is not offered here"), http.StatusMethodNotAllowed)
	}
}

// refuse records and answers a refusal that belongs to no message.
func (v *visit) refuse(refusal *gateway.Refusal, status int) {
	x := v.exchange()
	x.msg.Method = v.r.Method
	v.write(x, x.refuseAs(v.r.Context(), refusal, 0, status))
}

// write answers an exchange that has no stream.
func (v *visit) write(x *exchange, o outcome) {
	body, status := x.encode(o)
	if o.refusal != nil {
		if challenge := v.srv.opt.Challenge(v.endpoint(), o.refusal, true); challenge != "" {
			v.w.Header().Set("WWW-Authenticate", challenge)
		}
		v.retryAfter(o.refusal)
	}
	v.json(status, body)
}

func (v *visit) post() {
	h := v.r.Header
	if !accepts(h, "application/json") && !accepts(h, "text/event-stream") {
		v.refuse(gateway.Refuse("surface", gateway.UnsupportedMedia, "Accept must allow application/json and text/event-stream"), http.StatusNotAcceptable)
		return
	}
	body, refusal := v.body()
	if refusal != nil {
		v.refuse(refusal, 0)
		return
	}
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		v.batch(body)
		return
	}
	x := v.exchange()
	if o, ok := x.read(v.r.Context(), body); !ok {
		v.write(x, o)
		return
	}
	if o, ok := x.enter(v.r.Context()); !ok {
		v.write(x, o)
		return
	}
	switch {
	case x.msg.IsResponse():
		if x.modern {
			v.write(x, x.refuse(v.r.Context(), gateway.Refuse("surface", gateway.Malformed, "a response answers no request of this revision")))
			return
		}
		x.response()
		v.w.WriteHeader(http.StatusAccepted)
	case x.msg.IsNotification():
		x.note(v.r.Context())
		v.w.WriteHeader(http.StatusAccepted)
	case x.msg.Method == mcp.MethodInitialize && !x.modern:
		v.initialize(x)
	default:
		v.request(x)
	}
}

// read parses one message.
func (x *exchange) read(ctx context.Context, body []byte) (outcome, bool) {
	code := 0
	var err error
	if x.msg, err = mcp.ParseAgent(body); err == nil {
		err, code = x.decode(), mcp.CodeInvalidParams
	} else if !json.Valid(body) {
		code = mcp.CodeParse
	} else if x.msg.Method != "" && x.msg.Params != nil && x.msg.Params[0] != '{' {
		code = mcp.CodeInvalidParams
	}
	if err == nil {
		return outcome{}, true
	}
	if o, ok := x.enterBroken(ctx); !ok {
		return o, false
	}
	return x.refuseAs(ctx, gateway.AsRefusal("surface", err), code, 0), false
}

// enterBroken finds the session of a message that cannot be read, if its
// headers name one: what is refused to a request of a session is told to
// whoever waits for that request.
func (x *exchange) enterBroken(ctx context.Context) (outcome, bool) {
	x.modern = mcp.Modern(x.header.Get(mcp.HeaderRevision))
	if id := x.header.Get(mcp.HeaderSession); id != "" && x.session == nil && !x.modern {
		if x.session = x.srv.sessions.find(id, x.agent, x.surface, x.server); x.session == nil {
			return x.refuseBegin(ctx, noSession()), false
		}
		x.revision = x.session.said().revision
	}
	return outcome{}, true
}

// enter finds out which revision a message of Streamable HTTP speaks, holds
// its headers against its body, and finds its session.
func (x *exchange) enter(ctx context.Context) (outcome, bool) {
	for name, values := range x.header {
		if len(values) > 1 && (strings.HasPrefix(name, "Mcp-") || name == mcp.HeaderLastEventID) {
			return x.mismatch(ctx, "the header "+clip(name)+" stands twice"), false
		}
	}
	header, meta := x.header.Get(mcp.HeaderRevision), x.metaString(mcp.MetaRevision)
	if mcp.Modern(header) || mcp.Modern(meta) {
		x.modern, x.revision = true, meta
		return x.enterModern(ctx, header, meta)
	}
	if header != "" && !mcp.Known(header) {
		r := gateway.Refuse("surface", gateway.Unsupported, "the revision in "+mcp.HeaderRevision+" is not supported")
		return x.refuseAs(ctx, r, mcp.CodeInvalidRequest, http.StatusBadRequest), false
	}
	if x.msg.Method == mcp.MethodInitialize {
		return outcome{}, true
	}
	id := x.header.Get(mcp.HeaderSession)
	if id == "" {
		o := x.refuse(ctx, gateway.Refuse("surface", gateway.Malformed, "no "+mcp.HeaderSession+" header: send initialize first, or speak revision "+mcp.Latest))
		return o, false
	}
	if x.session = x.srv.sessions.find(id, x.agent, x.surface, x.server); x.session == nil {
		return x.refuseBegin(ctx, noSession()), false
	}
	x.revision = x.session.said().revision
	return outcome{}, true
}

// refuseBegin refuses a request for the sake of its session, or because it was
// cancelled before it came.
func (x *exchange) refuseBegin(ctx context.Context, r *gateway.Refusal) outcome {
	switch r.Code {
	case gateway.Forbidden:
		o := x.refuseAs(ctx, r, codeNoSession, http.StatusNotFound)
		if x.header != nil {
			// The answer is the session's, not the request's: the Go SDK's client
			// takes an error with the request's ID for one that its session survives.
			x.msg.ID = nil
		}
		return o
	case gateway.Malformed:
		return x.refuseAs(ctx, r, 0, http.StatusBadRequest)
	case gateway.Cancelled:
		// The record names the tool: a reviewer looks for what did not happen.
		if c, err := x.newCall(); err == nil {
			return outcome{refusal: x.srv.road.Refused(ctx, c, r), call: c.ID}
		}
	}
	return x.refuse(ctx, r)
}

// mismatch refuses headers that contradict the body.
func (x *exchange) mismatch(ctx context.Context, reason string) outcome {
	return x.refuseAs(ctx, gateway.Refuse("surface", gateway.Malformed, reason), mcp.CodeHeaderMismatch, http.StatusBadRequest)
}

// enterModern checks what 2026-07-28 requires of every request over HTTP. The
// order is that of the specification: a client learns of the wrong revision
// before anything else.
func (x *exchange) enterModern(ctx context.Context, header, meta string) (outcome, bool) {
	if x.msg.IsNotification() || x.msg.IsResponse() {
		return outcome{}, true
	}
	switch {
	case header == "":
		return x.mismatch(ctx, "the header "+mcp.HeaderRevision+" is missing"), false
	case meta == "":
		return x.refuseParams(ctx, "_meta has no "+mcp.MetaRevision), false
	case header != meta:
		return x.mismatch(ctx, mcp.HeaderRevision+" and "+mcp.MetaRevision+" differ"), false
	}
	if o, ok := x.checkRevision(ctx); !ok {
		return o, false
	}
	lookup := func(name string) string { return strings.Trim(x.header.Get(name), " \t") }
	if err := mcpgo.ValidateStandardHeaders(lookup, meta, mcpgo.MCPMethod(x.msg.Method), x.named()); err != nil {
		var m mcpgo.HeaderMismatchError
		if errors.As(err, &m) {
			return x.mismatch(ctx, clip(m.Header)+": "+clip(m.Reason)), false
		}
		return x.mismatch(ctx, clip(err.Error())), false
	}
	return outcome{}, true
}

// named is params with nothing but the member that Mcp-Name mirrors: the
// validator parses what it gets, and the arguments may be large.
func (x *exchange) named() json.RawMessage {
	name := "name"
	if x.msg.Method == mcp.MethodResourcesRead {
		name = "uri"
	}
	value, ok := x.params.Get(name)
	if !ok {
		return json.RawMessage("{}")
	}
	return gateway.JoinMembers([]gateway.Member{{Name: name, Value: value}})
}

// checkRevision checks the _meta of a modern request, on any surface.
func (x *exchange) checkRevision(ctx context.Context) (outcome, bool) {
	if !mcp.Known(x.revision) {
		o := x.refuse(ctx, gateway.Refuse("surface", gateway.Unsupported, "the revision is not supported"))
		if o.refusal.Code == gateway.Unsupported {
			supported, _ := json.Marshal(mcp.Revisions()) // strings only: cannot fail
			o.failure = mcp.ErrorObject(mcp.CodeRevision, "unsupported protocol version", gateway.JoinMembers([]gateway.Member{
				{Name: "supported", Value: supported}, {Name: "requested", Value: mcp.Quote(clip(x.revision))},
			}))
			o.refusal = nil
		}
		return o, false
	}
	caps, ok := x.meta.Get(mcp.MetaCapabilities)
	if !ok || caps[0] != '{' {
		return x.refuseParams(ctx, "_meta has no "+mcp.MetaCapabilities), false
	}
	return outcome{}, true
}

// initialize opens a session. It costs what a call costs: each session is
// memory, here and at upstreams.
func (v *visit) initialize(x *exchange) {
	h := x.greet()
	x.revision = h.revision
	ss, refusal := v.openSession(x)
	if refusal != nil {
		v.write(x, x.refused(v.r.Context(), refusal))
		return
	}
	ss.hello.Store(&h)
	v.w.Header().Set(mcp.HeaderSession, ss.id)
	v.write(x, outcome{result: x.welcome(v.r.Context(), h)})
}

// openSession opens a session for this visit's agent.
func (v *visit) openSession(x *exchange) (*session, *gateway.Refusal) {
	if refusal := x.charge(); refusal != nil {
		return nil, refusal
	}
	ss := newSession(v.srv, v.agent, v.sur, v.server)
	return ss, v.srv.sessions.add(ss)
}

// request answers a request: as JSON, or as an event stream if anything has to
// be sent before the result.
func (v *visit) request(x *exchange) {
	p := v.newPostStream(x)
	x.out = p
	ctx, cancel := v.callContext(x, p)
	defer cancel()
	if x.session != nil {
		if refusal := x.session.requests.begin(x.msg.ID, cancel); refusal != nil {
			v.write(x, x.refuseBegin(ctx, refusal))
			return
		}
		defer x.session.requests.answering.Done()
	}
	if !accepts(v.r.Header, "application/json") {
		_ = p.open() // it has events to write only
	}
	stop := p.openLater(v.srv.opt.KeepAlive)
	o := x.answer(ctx)
	stop()
	if x.session != nil {
		x.session.end(x.msg.ID)
	}
	if p.closeUnstarted() {
		v.write(x, o)
		return
	}
	body, _ := x.encode(o)
	p.finish(body)
	if x.session != nil {
		x.session.streams.trim()
	} else {
		p.forget() // nobody can come back for what was not delivered
	}
}

// callContext is what a call runs under. A stateless agent cancels by closing
// its request. A session's call whose stream can be resumed goes on without
// the connection, for as long as an agent may be away; one that has not sent an
// event yet could not be picked up again, and ends with it.
func (v *visit) callContext(x *exchange, p *postStream) (context.Context, context.CancelFunc) {
	if x.session == nil {
		return context.WithCancel(v.r.Context())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.r.Context()))
	stop := context.AfterFunc(v.r.Context(), func() {
		if p.left() {
			v.srv.await(ctx, p.stream, cancel)
		} else {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}

// await gives up a call whose agent does not come back to its stream. Without
// it, one that asks something would wait for ever, with its place in the limits.
func (s *Server) await(ctx context.Context, st *stream, giveUp context.CancelFunc) {
	t := time.AfterFunc(s.opt.ParkTTL, func() {
		if st.attached() {
			s.await(ctx, st, giveUp)
		} else {
			giveUp()
		}
	})
	context.AfterFunc(ctx, func() { t.Stop() })
}
