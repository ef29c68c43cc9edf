package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// route handles what came as one line or event of a link that reads all of them
// in one place: a message, or an array of them.
func (c *Conn) route(raw []byte) {
	first, more, err := messagesIn(raw)
	if err != nil {
		if f := c.flight(lenientID(raw, raw[max(0, len(raw)-maxEdge):])); f != nil {
			f.settle(reply{err: c.invalid("what is not a valid message").Because(err)})
			return
		}
		c.log.Warn("invalid message from upstream is dropped", "err", err, "bytes", len(raw))
		return
	}
	c.handle(first, nil)
	for _, m := range more {
		c.handle(m, nil)
	}
}

// handle takes a message to where it belongs. From is the flight whose own
// stream it came on, nil on a stream that many share.
func (c *Conn) handle(m mcp.Message, from *flight) {
	if !m.IsResponse() {
		c.incoming(m, from)
		return
	}
	if f := c.flight(m.ID); f != nil {
		f.settle(reply{message: m})
		return
	}
	c.answered(m.ID)
	c.log.Debug("answer that nobody waits for is dropped")
}

// settle hands over the answer; only the first counts. A flight that reads a
// stream of its own is woken: its answer came on another.
func (f *flight) settle(r reply) {
	select {
	case f.answer <- r:
	default:
		return
	}
	if stop := f.reading.Load(); stop != nil {
		(*stop)()
	}
}

// await is the other half of route: it delivers what comes for a flight until
// the answer is there.
func (c *Conn) await(ctx context.Context, f *flight) (mcp.Message, error) {
	for {
		select {
		case n := <-f.notes:
			c.deliver(ctx, f, n)
		case r := <-f.answer:
			for len(f.notes) > 0 {
				c.deliver(ctx, f, <-f.notes)
			}
			return r.message, r.err
		case <-ctx.Done():
			return mcp.Message{}, ctx.Err()
		case <-c.link.done():
			select {
			case r := <-f.answer:
				return r.message, r.err
			default:
				return mcp.Message{}, c.endedDuring(f)
			}
		}
	}
}

// endedDuring says why a call has no answer, when the connection was lost. If it
// was for an answer that is too long, that is the only call's.
func (c *Conn) endedDuring(f *flight) error {
	why := c.link.why()
	var long *gateway.Refusal
	if errors.As(why, &long) && c.onlyFlight() == f {
		return long
	}
	return c.ended("ended during the call; it may have done what was asked").Because(why)
}

// ended says that a connection was lost: how, or that it never stood.
func (c *Conn) ended(how string) *gateway.Refusal {
	if !c.started.Load() {
		how = "did not start"
	}
	return c.down("upstream " + c.client.opts.Name + " " + how)
}

func (c *Conn) deliver(ctx context.Context, f *flight, n note) {
	if err := f.call.Origin.Notify(ctx, f.call, n.method, n.params); err != nil {
		c.log.Debug("notification did not reach the agent", "method", n.method, "err", err)
	}
}

// incoming handles a request or notification of the server. From is the flight
// whose own stream it came on, nil on a stream that many share.
func (c *Conn) incoming(m mcp.Message, from *flight) {
	if m.IsRequest() {
		c.serve(m, from)
		return
	}
	switch m.Method {
	case mcp.NoteToolsChanged, mcp.NotePromptsChanged, mcp.NoteResourcesChanged, mcp.NoteResourceUpdated:
		c.events(gateway.Event{Method: m.Method, Params: withoutSubscription(m.Params)})
	case mcp.NoteCancelled:
		c.cancelAsked(m.Params)
	case mcp.NoteProgress:
		c.progress(m, from)
	case mcp.NoteMessage:
		if w, known := c.whoHears(m, from); known && wantsLog(w.origin, m.Params) {
			c.note(w, m.Method, m.Params)
		}
	case mcp.NoteElicitationDone:
		c.elicitationDone(m, from)
	case mcp.NoteAcknowledged:
		c.acknowledged()
	default:
		if w, known := c.whoHears(m, from); known {
			c.note(w, m.Method, m.Params)
		}
	}
}

// withoutSubscription takes out the ID of the gateway's own subscription; the
// agent's has another.
func withoutSubscription(params json.RawMessage) json.RawMessage {
	if !gateway.MayName(params, mcp.MetaSubscriptionID) {
		return params
	}
	o, err := gateway.Split(params)
	if err != nil {
		return params
	}
	meta, err := o.Object("_meta")
	if err != nil {
		return params
	}
	rest := o.Without("_meta")
	if kept := meta.Without(mcp.MetaSubscriptionID); len(kept) > 0 {
		rest = append(rest, gateway.Member{Name: "_meta", Value: gateway.JoinMembers(kept)})
	}
	return gateway.JoinMembers(rest)
}

// note passes a notification on: through the flight's queue where one reader
// serves many, so that a slow agent holds up nobody else.
func (c *Conn) note(w whose, method string, params json.RawMessage) {
	f := w.flight
	if f != nil && f.notes != nil {
		select {
		case f.notes <- note{method, params}:
		default:
			c.log.Debug("agent does not keep up: a notification is dropped", "method", method)
		}
		return
	}
	ctx, cause := c.life, (*gateway.Call)(nil)
	if f != nil {
		ctx, cause = f.clock.ctx, f.call
	}
	if err := w.origin.Notify(ctx, cause, method, params); err != nil {
		c.log.Debug("notification did not reach the agent", "method", method, "err", err)
	}
}

// progress puts the agent's own token back.
func (c *Conn) progress(m mcp.Message, from *flight) {
	o, err := gateway.Split(m.Params)
	if err != nil {
		return
	}
	token, _ := o.Get(mcp.MetaProgressToken)
	if s := mcp.Unquote(token); s != "" {
		token = json.RawMessage(s) // some servers make every token a string
	}
	f := c.flight(token)
	if f == nil || f.token == nil || from != nil && f != from {
		return
	}
	members := append([]gateway.Member(nil), o.Members()...)
	for i := range members {
		if members[i].Name == mcp.MetaProgressToken {
			members[i].Value = f.token
		}
	}
	c.note(whose{f.call.Origin, f}, m.Method, gateway.JoinMembers(members))
}

// wantsLog reports whether the agent asked for messages of this level. A
// legacy agent that asked for nothing gets what the server chooses to send, a
// modern one nothing (MCP 2026-07-28 server/utilities/logging).
func wantsLog(origin gateway.Origin, params json.RawMessage) bool {
	want := origin.LogLevel()
	if want == "" {
		return !mcp.Modern(origin.Protocol())
	}
	o, err := gateway.Split(params)
	if err != nil {
		return false
	}
	level, _, err := o.String("level")
	return err != nil || severity(level) >= severity(want) // what is no level is judged to be none where that is recorded
}

// cancelled tells the server that nobody waits for a request any more (MCP
// basic/utilities/cancellation). An initialize must not be cancelled.
func (c *Conn) cancelled(f *flight, why string) {
	body := mcp.AppendNotification(nil, mcp.NoteCancelled, gateway.JoinMembers([]gateway.Member{
		{Name: "requestId", Value: json.RawMessage(f.id)},
		{Name: "reason", Value: mcp.Quote(why)},
	}))
	c.spawn(func() {
		ctx, cancel := context.WithTimeout(c.life, 5*time.Second)
		defer cancel()
		if err := c.link.send(ctx, body); err != nil {
			c.log.Debug("cancellation did not reach upstream", "err", err)
		}
	})
}

// spawn starts work that Close waits for; false if the connection is closed. It
// handles what the upstream sent, so that it is contained.
func (c *Conn) spawn(work func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return false
	}
	c.work.Go(gateway.Contain(c.log, "a connection to an upstream", work))
	return true
}
