package client

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Bounds of a server's requests that are being answered at once.
const (
	maxAsking  = 16 // put to an agent, in one call; and on one connection outside of calls
	maxReplies = 64 // answered by the gateway itself, on one connection
)

// errUnwanted ends a request that the server itself cancelled.
var errUnwanted = errors.New("the server cancelled its request")

// serve answers a request of the server: itself, by asking an agent, or with a
// refusal.
func (c *Conn) serve(m mcp.Message, from *flight) {
	switch m.Method {
	case mcp.MethodPing:
		c.reply(m, func() { c.respond(mcp.AppendResult(nil, m.ID, json.RawMessage("{}"))) })
		return
	case mcp.MethodSampling, mcp.MethodElicitation, mcp.MethodRoots:
	case mcp.MethodInitialize, mcp.MethodDiscover: // it comes back, and so does this answer, as that to the request
		c.reply(m, func() {
			c.refuse(m, mcp.CodeMethodNotFound, "this is the gateway's own request: a program that sends back what it gets is no MCP server")
		})
		return
	default:
		c.reply(m, func() { c.refuse(m, mcp.CodeMethodNotFound, "an agent cannot be asked for this") })
		return
	}
	w, no := c.whoAsks(m, from)
	if no != nil {
		c.reply(m, func() { c.unasked(m, no) })
		return
	}
	if m.Method == mcp.MethodElicitation {
		c.elicited.asked(m.Params, w.origin)
	}
	waiting := &c.asking
	if w.flight != nil {
		waiting = &w.flight.asking
	}
	if waiting.Add(1) > maxAsking {
		waiting.Add(-1)
		c.reply(m, func() { c.refuse(m, mcp.CodeInternal, "too many requests of this server wait for an answer") })
		return
	}
	// It is known before the next message is read: that may cancel it, or use its
	// ID again.
	ctx, cancel := context.WithCancelCause(w.lasts(c))
	if !c.asks(m.ID, cancel) {
		cancel(nil)
		c.calmed(waiting)
		c.log.Warn("upstream used the ID of a request of its own that is not answered yet", "method", m.Method)
		return // an answer would be taken for the other's
	}
	c.spawn(func() {
		defer c.calmed(waiting)
		defer cancel(nil)
		defer c.asksNoMore(m.ID)
		c.ask(ctx, m, w)
	})
}

// lasts is the context of a question: its call's, or the connection's.
func (w whose) lasts(c *Conn) context.Context {
	if w.flight != nil {
		return w.flight.clock.ctx
	}
	return c.life
}

// reply answers what no agent is asked. A server that asks faster than it reads
// answers gets none in the end, and no goroutine either.
func (c *Conn) reply(m mcp.Message, answer func()) {
	if c.replying.Add(1) > maxReplies {
		c.replying.Add(-1)
		c.log.Debug("upstream asks faster than it reads answers: a request is left unanswered", "method", m.Method)
		return
	}
	c.spawn(func() {
		defer c.replying.Add(-1)
		answer()
	})
}

// unasked refuses a request that belongs to nobody, for the server to read and
// for the record.
func (c *Conn) unasked(m mcp.Message, no *unknown) {
	reason := "the gateway cannot tell which call this is for: " + no.reason
	c.client.opts.Unasked(c.life, no.agent, m.Method, m.Params, gateway.Refuse("upstream", gateway.Unsupported, reason))
	c.refuse(m, mcp.CodeInternal, reason)
}

// ask puts a request of the server to the agent and sends back the answer. It
// ends with the call that it belongs to, and with no other.
func (c *Conn) ask(ctx context.Context, m mcp.Message, w whose) {
	var cause *gateway.Call
	if f := w.flight; f != nil {
		cause = f.call
		f.clock.pause()
		defer f.clock.resume()
	}
	if errors.Is(context.Cause(ctx), errUnwanted) {
		return
	}
	result, err := w.origin.Request(ctx, cause, m.Method, m.Params)
	switch {
	case err == nil && result.Error != nil:
		c.respond(mcp.AppendError(nil, m.ID, result.Error))
	case err == nil:
		c.respond(mcp.AppendResult(nil, m.ID, result.Raw))
	case errors.Is(context.Cause(ctx), errUnwanted):
	default:
		code, text := refusalCode(err)
		c.respond(mcp.AppendError(nil, m.ID, mcp.ErrorObject(code, text, nil)))
	}
}

// calmed counts a request of the server out.
func (c *Conn) calmed(waiting *atomic.Int32) {
	if waiting.Add(-1) > 0 || waiting != &c.asking {
		return
	}
	select {
	case c.calm <- struct{}{}:
	default:
	}
}

// quiet waits until an agent is being asked nothing outside of calls.
func (c *Conn) quiet(ctx context.Context) {
	for c.asking.Load() > 0 {
		select {
		case <-c.calm:
		case <-ctx.Done():
			return
		}
	}
}

// asks notes a request of the server; false if there is one with this ID.
func (c *Conn) asks(id json.RawMessage, cancel context.CancelCauseFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked[string(id)] != nil {
		return false
	}
	c.asked[string(id)] = cancel
	return true
}

func (c *Conn) asksNoMore(id json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, string(id))
}

// cancelAsked ends a request of the server's that it no longer wants answered.
func (c *Conn) cancelAsked(params json.RawMessage) {
	o, err := gateway.Split(params)
	if err != nil {
		return
	}
	id, _ := o.Get("requestId")
	c.mu.Lock()
	cancel := c.asked[string(id)]
	c.mu.Unlock()
	if cancel != nil {
		cancel(errUnwanted)
	}
}

// codeRejected is what MCP uses where a person declines (client/sampling).
const codeRejected = -1

func refusalCode(err error) (int, string) {
	var r *gateway.Refusal
	switch {
	case !errors.As(err, &r):
		return mcp.CodeInternal, "the agent could not be asked"
	case r.Code == gateway.Blocked: // whom and why an operator stopped is not for servers, least for a server that is
		return codeRejected, "an operator of the gateway stopped this"
	case r.Code == gateway.Unsupported:
		return mcp.CodeMethodNotFound, strings.Join(r.Reasons, "; ")
	case r.Code == gateway.UpstreamInvalid: // what it asks
		return mcp.CodeInvalidParams, strings.Join(r.Reasons, "; ")
	case r.Code == gateway.Malformed: // what the agent answers
		return mcp.CodeInternal, strings.Join(r.Reasons, "; ")
	}
	return codeRejected, strings.Join(r.Reasons, "; ")
}

func (c *Conn) refuse(m mcp.Message, code int, text string) {
	c.log.Warn("request of upstream is refused", "method", m.Method, "reason", text)
	c.respond(mcp.AppendError(nil, m.ID, mcp.ErrorObject(code, text, nil)))
}

func (c *Conn) respond(body []byte) {
	ctx, cancel := context.WithTimeout(c.life, 30*time.Second)
	defer cancel()
	if err := c.link.send(ctx, body); err != nil {
		c.log.Warn("answer did not reach upstream", "err", err)
	}
}
