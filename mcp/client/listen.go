package client

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// listening is what a server is asked to tell unasked. To a modern one that is
// one subscriptions/listen request for the connection (MCP 2026-07-28), made
// anew when the set of resources changes.
type listening struct {
	uris    map[string]bool    // resources that are subscribed to
	restart context.CancelFunc // ends the request under way
	wake    chan struct{}      // closed to begin one where none is under way
	acked   chan struct{}      // closed when the server confirmed the present set
}

// subscribe handles resources/subscribe and unsubscribe towards a modern
// server, which has no such methods. It returns nil for everything else.
func (c *Conn) subscribe(ctx context.Context, call *gateway.Call) (*gateway.Result, error) {
	if call.Method != mcp.MethodSubscribe && call.Method != mcp.MethodUnsubscribe {
		return nil, nil
	}
	uri := ownURI(call)
	if !c.modern {
		return nil, nil
	}
	c.listenMu.Lock()
	if c.uris == nil {
		c.uris = map[string]bool{}
	}
	if has := c.uris[uri]; has == (call.Method == mcp.MethodSubscribe) {
		c.listenMu.Unlock()
		return &gateway.Result{Raw: json.RawMessage("{}")}, nil
	}
	if call.Method == mcp.MethodSubscribe {
		c.uris[uri] = true
	} else {
		delete(c.uris, uri)
	}
	acked := make(chan struct{})
	c.acked = acked
	if c.restart != nil {
		c.restart()
	}
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
	c.listenMu.Unlock()
	if call.Method == mcp.MethodUnsubscribe {
		return &gateway.Result{Raw: json.RawMessage("{}")}, nil
	}
	select {
	case <-acked:
		return &gateway.Result{Raw: json.RawMessage("{}")}, nil
	case <-ctx.Done():
		return nil, gateway.Refuse("upstream", gateway.UpstreamTimeout, "upstream "+c.client.opts.Name+" did not confirm the subscription")
	}
}

// subscribed notes what a legacy server accepted.
func (c *Conn) subscribed(call *gateway.Call, r *gateway.Result) {
	if r == nil || r.Error != nil || call.Method != mcp.MethodSubscribe && call.Method != mcp.MethodUnsubscribe {
		return
	}
	c.listenMu.Lock()
	defer c.listenMu.Unlock()
	if call.Method == mcp.MethodUnsubscribe {
		delete(c.uris, ownURI(call))
		return
	}
	if c.uris == nil {
		c.uris = map[string]bool{}
	}
	c.uris[ownURI(call)] = true
}

// resubscribe tells a legacy server in a new session what the old one knew.
func (c *Conn) resubscribe() {
	c.listenMu.Lock()
	uris := slices.Sorted(maps.Keys(c.uris))
	c.listenMu.Unlock()
	for _, uri := range uris {
		if _, err := c.request(c.life, mcp.MethodSubscribe, []gateway.Member{{Name: "uri", Value: mcp.Quote(uri)}}); err != nil {
			c.log.Warn("subscription could not be restored", "uri", uri, "err", err)
		}
	}
}

// listenAlways keeps the listen request open until the connection ends.
func (c *Conn) listenAlways() {
	backoff := retryFirst
	for c.life.Err() == nil {
		filter, wait, ctx := c.nextFilter()
		if filter == nil {
			select {
			case <-wait:
				continue
			case <-c.life.Done():
				return
			}
		}
		start := time.Now()
		m, err := c.listenOnce(ctx, filter)
		if ctx.Err() != nil {
			backoff = retryFirst
			continue // the set of resources changed
		}
		if err == nil && m.Error != nil && mcp.ErrorCode(m.Error) == mcp.CodeMethodNotFound {
			c.log.Debug("upstream offers no subscriptions/listen")
			return
		}
		if time.Since(start) > streamLived {
			backoff = retryFirst
		}
		c.log.Debug("subscriptions/listen ended", "err", err, "retry_in", backoff)
		if !pause(c.life, backoff) {
			return
		}
		backoff = min(2*backoff, retryLast)
		c.events(gateway.Event{Method: mcp.NoteToolsChanged}) // something may have changed meanwhile
	}
}

// nextFilter is the filter of the next listen request and its context, or nil
// and what to wait for if there is nothing to listen for.
func (c *Conn) nextFilter() (filter json.RawMessage, wait chan struct{}, ctx context.Context) {
	c.listenMu.Lock()
	defer c.listenMu.Unlock()
	var members []gateway.Member
	for _, cap := range []string{"tools", "prompts", "resources"} {
		o, err := c.server.Object(cap)
		if err != nil {
			continue
		}
		if v, _ := o.Get("listChanged"); string(v) == "true" {
			members = append(members, gateway.Member{Name: cap + "ListChanged", Value: json.RawMessage("true")})
		}
	}
	if len(c.uris) > 0 {
		raw, _ := json.Marshal(slices.Sorted(maps.Keys(c.uris))) // strings always encode
		members = append(members, gateway.Member{Name: "resourceSubscriptions", Value: raw})
	}
	if len(members) == 0 {
		c.wake = make(chan struct{})
		return nil, c.wake, nil
	}
	ctx, c.restart = context.WithCancel(c.life)
	return gateway.JoinMembers(members), nil, ctx
}

// listenOnce holds one listen request open.
func (c *Conn) listenOnce(ctx context.Context, filter json.RawMessage) (mcp.Message, error) {
	clock := &clock{ctx: ctx, timer: time.NewTimer(0)}
	f := c.begin(clock, nil)
	defer c.finish(f)
	body := mcp.AppendRequest(nil, json.RawMessage(f.id), mcp.MethodListen, gateway.JoinMembers([]gateway.Member{
		{Name: "notifications", Value: filter},
		{Name: "_meta", Value: c.ownMeta()},
	}))
	return c.link.roundTrip(ctx, f, request{body: body, method: mcp.MethodListen})
}

// acknowledged notes that the server confirmed what it listens for.
func (c *Conn) acknowledged() {
	c.listenMu.Lock()
	defer c.listenMu.Unlock()
	if c.acked != nil {
		close(c.acked)
		c.acked = nil
	}
}
