package server

import (
	"encoding/json"
	"net/http"
	"sync"

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
	room := answers.Get().(*[]byte)
	body, status := x.encodeTo((*room)[:0], o)
	if o.refusal != nil {
		if challenge := v.srv.opt.Challenge(v.r.Host, v.endpoint(), o.refusal, true); challenge != "" {
			v.w.Header().Set("WWW-Authenticate", challenge)
		}
		v.retryAfter(o.refusal)
	}
	// Of what was written net/http keeps nothing. Of what was not it does: HTTP/2 returns when
	// the agent resets its stream, and the frame that is on its way is made of body after that.
	if v.json(status, body) && cap(body) <= maxRoom {
		*room = body
		answers.Put(room)
	}
}

// answers hold what is written to agents, one message each.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// maxRoom is how large an answer is whose memory is used again, in bytes.
const maxRoom = 1 << 20

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
	if isBatch(body) {
		v.batch(body)
		return
	}
	x := v.exchange()
	if code, err := x.read(body); err != nil {
		v.write(x, x.refuseBroken(v.r.Context(), code, err))
		return
	}
	if o, ok := x.enter(v.r.Context()); !ok {
		v.write(x, o)
		return
	}
	switch {
	case x.msg.IsResponse():
		if !x.bond.answered(x.msg) {
			x.msg.ID = nil // of no request of ours
			v.write(x, x.refuse(v.r.Context(), gateway.Refuse("surface", gateway.Malformed, "a response answers no request of this revision")))
			return
		}
		v.w.WriteHeader(http.StatusAccepted)
	case x.msg.IsNotification():
		x.bond.note(v.r.Context(), x)
		v.w.WriteHeader(http.StatusAccepted)
	case x.msg.Method == mcp.MethodInitialize && x.era.has(mcp.MethodInitialize):
		v.initialize(x)
	default:
		v.request(x)
	}
}

// read parses one message. The code goes with the error.
func (x *exchange) read(body []byte) (code int, err error) {
	if x.msg, err = mcp.ParseAgent(body); err == nil {
		return mcp.CodeInvalidParams, x.decode()
	}
	switch {
	case !json.Valid(body):
		return mcp.CodeParse, err
	case x.msg.Method != "" && x.msg.Params != nil && x.msg.Params[0] != '{':
		return mcp.CodeInvalidParams, err
	}
	return 0, err
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
	if refusal := x.charge(v.r.Context()); refusal != nil {
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
	ctx, cancel := x.bond.callContext(v.r.Context(), p)
	defer cancel()
	if refusal := x.begin(cancel); refusal != nil {
		v.write(x, x.refuseBegin(ctx, refusal))
		return
	}
	defer x.bond.sent()
	if !accepts(v.r.Header, "application/json") {
		_ = p.open() // it has events to write only
	}
	stop := p.openLater(v.srv.opt.KeepAlive)
	o := x.answer(ctx)
	stop()
	x.bond.end(x.msg.ID)
	if p.closeUnstarted() {
		v.write(x, o)
		return
	}
	body, _ := x.encode(o)
	p.finish(body)
	x.bond.leave(p.stream)
}
