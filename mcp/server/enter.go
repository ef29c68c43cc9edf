package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"toolward/gateway"
	"toolward/mcp"
)

// refuseBroken refuses a message that cannot be read. If its headers name a
// session, that is looked up first: what is refused to a request of a session is
// told to whoever waits for that request.
func (x *exchange) refuseBroken(ctx context.Context, code int, err error) outcome {
	if mcp.Modern(x.header.Get(mcp.HeaderRevision)) {
		x.standAlone("")
	} else if id := x.header.Get(mcp.HeaderSession); id != "" {
		ss := x.srv.sessions.find(id, x.agent, x.surface, x.server)
		if ss == nil {
			return x.refuseBegin(ctx, noSession())
		}
		x.join(ss)
	}
	return x.refuseAs(ctx, gateway.AsRefusal("surface", err), code, 0)
}

// enter finds out which revision a message of Streamable HTTP speaks, holds
// its headers against its body, and finds its session.
func (x *exchange) enter(ctx context.Context) (outcome, bool) {
	header, meta := x.header.Get(mcp.HeaderRevision), x.metaString(mcp.MetaRevision)
	if mcp.Modern(header) || mcp.Modern(meta) {
		x.standAlone(meta)
		return x.enterModern(ctx, header, meta)
	}
	if x.msg.Method == mcp.MethodInitialize {
		return x.checkLegacy(ctx)
	}
	_, o, ok := x.enterSession(ctx)
	return o, ok
}

// enterSession finds the session that a request's headers name.
func (x *exchange) enterSession(ctx context.Context) (*session, outcome, bool) {
	if o, ok := x.checkLegacy(ctx); !ok {
		return nil, o, false
	}
	id := x.header.Get(mcp.HeaderSession)
	if id == "" {
		o := x.refuse(ctx, gateway.Refuse("surface", gateway.Malformed, "no "+mcp.HeaderSession+" header: send initialize first, or speak revision "+mcp.Latest))
		return nil, o, false
	}
	ss := x.srv.sessions.find(id, x.agent, x.surface, x.server)
	if ss == nil {
		return nil, x.refuseBegin(ctx, noSession()), false
	}
	x.join(ss)
	return ss, outcome{}, true
}

// checkLegacy checks the headers of revisions with sessions.
func (x *exchange) checkLegacy(ctx context.Context) (outcome, bool) {
	if o, ok := x.checkOnce(ctx); !ok {
		return o, false
	}
	if header := x.header.Get(mcp.HeaderRevision); header != "" && !mcp.Known(header) {
		r := gateway.Refuse("surface", gateway.Unsupported, "the revision in "+mcp.HeaderRevision+" is not supported")
		return x.refuseAs(ctx, r, mcp.CodeInvalidRequest, http.StatusBadRequest), false
	}
	return outcome{}, true
}

// checkOnce refuses header fields of MCP that stand twice.
func (x *exchange) checkOnce(ctx context.Context) (outcome, bool) {
	for name, values := range x.header {
		if len(values) > 1 && (strings.HasPrefix(name, "Mcp-") || name == mcp.HeaderLastEventID) {
			return x.mismatch(ctx, "the header "+clip(name)+" stands twice"), false
		}
	}
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
	if o, ok := x.checkOnce(ctx); !ok {
		return o, false
	}
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
