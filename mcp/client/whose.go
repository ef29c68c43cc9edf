package client

import (
	"fmt"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// whose is who a message of the server belongs to: an agent, and the flight of
// the call that caused it, nil if no call did.
type whose struct {
	origin gateway.Origin
	flight *flight
}

// unknown says why that cannot be known. Agent is set if it is known and the
// call alone is not.
type unknown struct {
	reason string
	agent  *gateway.Agent
}

// whoAsks finds the call that a request of the server belongs to. JSON-RPC says
// nothing of it, so there are four ways to know (see the package's doc), and
// otherwise nobody is asked: a guess would judge one tool's question by
// another's rules, or put it to another agent.
func (c *Conn) whoAsks(m mcp.Message, from *flight) (whose, *unknown) {
	if from == nil || from.call == nil {
		var no *unknown
		if from, no = c.causeOf(m); no != nil {
			return whose{}, no
		}
	}
	switch {
	case from == nil:
		return c.outside()
	case from.call.Origin == nil:
		return whose{}, &unknown{"the agent of this call cannot be asked anything", from.call.Agent}
	}
	return whose{from.call.Origin, from}, nil
}

// causeOf is whoAsks for what came on a stream that many calls share; nil
// without a reason is a request that belongs to no call.
func (c *Conn) causeOf(m mcp.Message) (*flight, *unknown) {
	if task := aboutTask(m); task != "" {
		f := c.asksFor(task)
		if f == nil {
			return nil, &unknown{reason: "nobody is asking for the task that this is about"}
		}
		return f, nil
	}
	if m.Method == mcp.MethodRoots && c.origin != nil && c.origin.Session() != "" {
		return nil, nil // the session's, whatever call happens to be in flight
	}
	open, up := c.candidates()
	switch all := len(open) + len(up); {
	case all == 0:
		return nil, nil
	case all > 1:
		return nil, &unknown{fmt.Sprintf("%d calls are in flight on this connection, and nothing says which of them asks", all), sameAgent(open, up)}
	case len(up) == 1:
		return nil, &unknown{"the only call that this can be for was given up", up[0].agent}
	}
	return open[0], nil
}

// candidates are the calls that the server may be working on: those in flight,
// and those that were given up, which it may not have heard of yet.
func (c *Conn) candidates() (open []*flight, up []givenUp) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flights {
		if f.call != nil {
			open = append(open, f)
		}
	}
	for _, g := range c.givenUp {
		if !g.over(now, c.client.opts.Timeout) {
			up = append(up, g)
		}
	}
	return open, up
}

// sameAgent is the agent of all these calls, nil if they are of several.
func sameAgent(open []*flight, up []givenUp) *gateway.Agent {
	var agents []*gateway.Agent
	for _, f := range open {
		agents = append(agents, f.call.Agent)
	}
	for _, g := range up {
		agents = append(agents, g.agent)
	}
	for _, a := range agents {
		if a == nil || agents[0] == nil || a.Principal() != agents[0].Principal() {
			return nil
		}
	}
	return agents[0]
}

// outside is who a request belongs to that no call caused: the agent session
// that the connection serves alone.
func (c *Conn) outside() (whose, *unknown) {
	c.mu.Lock()
	latest := c.latest
	c.mu.Unlock()
	switch {
	case c.origin == nil:
		return whose{}, &unknown{reason: "no call is in flight, and many agents share this connection"}
	case latest.Session() == "":
		return whose{}, &unknown{reason: "no call is in flight, and the agent has no session to be asked in"}
	}
	return whose{origin: gateway.Outside(latest, c.client.opts.Name)}, nil
}

// whoHears finds the agent that a notification belongs to. With several calls
// of one session in flight it is that session, and the oldest call stands for
// all of them. It must be a session that others cannot share, so calls without
// one count as different from each other.
func (c *Conn) whoHears(m mcp.Message, from *flight) (w whose, known bool) {
	if from == nil || from.call == nil {
		from = nil
		if task := aboutTask(m); task != "" {
			from = c.asksFor(task)
		} else if open, up := c.candidates(); len(open)+len(up) > 0 {
			if from = sameSession(open, up); from == nil {
				return whose{}, false
			}
		}
	}
	switch {
	case from == nil:
		w, no := c.outside()
		return w, no == nil
	case from.call.Origin == nil:
		return whose{}, false
	}
	return whose{from.call.Origin, from}, true
}

// sameSession returns the oldest call that is still in flight if all are of one
// agent session, which nobody else can share; nil otherwise.
func sameSession(open []*flight, up []givenUp) *flight {
	var oldest *flight
	for _, f := range open {
		if oldest == nil || f.n < oldest.n {
			oldest = f
		}
	}
	if oldest == nil || oldest.session == "" && len(open)+len(up) > 1 {
		return nil
	}
	for _, f := range open {
		if f.session != oldest.session {
			return nil
		}
	}
	for _, g := range up {
		if g.session != oldest.session {
			return nil
		}
	}
	return oldest
}

// asksFor returns a flight of a call for a task, nil if there is none. Nobody
// but a task's owner can ask for it.
func (c *Conn) asksFor(task string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flights {
		if f.call != nil && f.call.Kind == gateway.KindTask && f.call.Name == task && f.call.Origin != nil {
			return f
		}
	}
	return nil
}

// aboutTask is the ID of the task that a message of the server is about, "" if
// it is about none (MCP 2025-11-25 basic/utilities/tasks).
func aboutTask(m mcp.Message) string {
	if m.Method != mcp.NoteTaskStatus && !gateway.MayName(m.Params, mcp.MetaRelatedTask) {
		return ""
	}
	o, err := gateway.Split(m.Params)
	if err != nil {
		return ""
	}
	if m.Method == mcp.NoteTaskStatus {
		id, _, _ := o.String("taskId") // without one it is about no task
		return id
	}
	meta, err := o.Object("_meta")
	if err != nil {
		return ""
	}
	related, err := meta.Object(mcp.MetaRelatedTask)
	if err != nil {
		return ""
	}
	id, _, _ := related.String("taskId")
	return id
}
