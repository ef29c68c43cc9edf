package client

import (
	"context"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// turns let one call of an agent at a time onto a connection whose questions
// could not be told apart. They are by agent, so that nobody waits for what
// another agent, or a person behind it, is being asked.
type turns map[string]chan struct{}

// takesTurns reports whether a call is one that may be long in asking something.
// What agents do beside a question must not wait for it: tasks say themselves
// what they are about, and the rest is short.
func takesTurns(call *gateway.Call) bool {
	switch call.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodResourcesRead:
		return true
	}
	return false
}

// turn waits until no other call of the agent is in flight that could be asked
// something too. It is nothing to wait for where policy lets this server ask
// nothing, where the agent answers nothing, and where each call has a stream of
// its own.
func (c *Conn) turn(ctx context.Context, call *gateway.Call) (done func(), err error) {
	if c.modern || !c.sharesStream() || !takesTurns(call) || call.Origin == nil || !c.client.opts.Asks() || !declares(call.Origin.Capabilities(), "sampling", "elicitation", "roots") {
		return func() {}, nil
	}
	key := call.Origin.Session()
	if key == "" {
		key = "\x00" + call.Agent.Principal()
	}
	late := time.NewTimer(c.client.opts.Timeout)
	defer late.Stop()
	for {
		c.mu.Lock()
		other := c.turns[key]
		if other == nil {
			mine := make(chan struct{})
			c.turns[key] = mine
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.turns, key)
				c.mu.Unlock()
				close(mine)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, gateway.Refuse("upstream", gateway.Cancelled, "the call was cancelled").Because(ctx.Err())
		case <-late.C:
			name := c.client.opts.Name
			r := gateway.Refuse("upstream", gateway.Overloaded, "upstream "+name+" takes one call of an agent at a time, because it may ask something during it, and another one is not over: answer first what that one asks, if it does")
			r.Remedy = "calls need not wait for each other over Streamable HTTP, or with upstreams." + name + ".isolate: call"
			return nil, r
		}
	}
}

// sharesStream reports whether what the server asks comes on one stream for all
// calls: true but on Streamable HTTP.
func (c *Conn) sharesStream() bool {
	_, own := c.link.(*streamable)
	return !own
}
