package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync/atomic"

	"toolward/gateway"
	"toolward/mcp"
)

// flight is one request that is being answered.
type flight struct {
	id    string        // as JSON: a number, unique on the connection; the progress token too
	call  *gateway.Call // nil if no agent caused it
	token json.RawMessage
	clock *clock

	asking atomic.Int32 // requests of the server in this call that are being answered

	// For links that read all answers in one place. Notes come before the
	// answer; they are dropped when the agent does not keep up, the answer is not.
	notes  chan note
	answer chan reply
}

type note struct {
	method string
	params json.RawMessage
}

type reply struct {
	message mcp.Message
	err     error
}

const maxNotes = 64

func (c *Conn) begin(clock *clock, call *gateway.Call) *flight {
	f := &flight{id: strconv.FormatInt(c.ids.Add(1), 10), call: call, clock: clock}
	if _, direct := c.link.(*streamable); !direct {
		f.answer = make(chan reply, 1)
		f.notes = make(chan note, maxNotes)
	}
	c.mu.Lock()
	c.flights[f.id] = f
	c.mu.Unlock()
	return f
}

func (c *Conn) finish(f *flight) {
	c.mu.Lock()
	delete(c.flights, f.id)
	c.mu.Unlock()
}

func (c *Conn) flight(id json.RawMessage) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flights[string(id)]
}

// only returns a flight if all calls in flight belong to one agent session:
// what the server sends now can only be meant for that one. It must be a
// session that others cannot share, so requests without a session count as
// different from each other.
func (c *Conn) only() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	var one *flight
	for _, f := range c.flights {
		switch {
		case f.call == nil:
			continue
		case f.call.Origin == nil:
			return nil
		case one == nil:
			one = f
		case one.call.Origin.Session() == "" || one.call.Origin.Session() != f.call.Origin.Session():
			return nil
		}
	}
	return one
}

// originOf is the agent that a message belongs to, and the flight in which it
// came if there is one. From is the flight whose own stream it came on, nil
// for streams that many share. A message about a task belongs to whoever is
// asking for that task, which nobody but its owner can: a task goes on between
// calls, so that the calls in flight say nothing of whose it is.
func (c *Conn) originOf(from *flight, m mcp.Message) (gateway.Origin, *flight) {
	if from == nil || from.call == nil {
		if task := aboutTask(m); task != "" {
			from = c.asksFor(task)
		} else {
			from = c.only()
		}
	}
	if from != nil {
		return from.call.Origin, from
	}
	if c.origin == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest, nil
}

// asksFor returns a flight of a call for a task, nil if there is none.
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
	if m.Method != mcp.NoteTaskStatus && !bytes.Contains(m.Params, []byte(mcp.MetaRelatedTask)) {
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

// lenientID finds the ID in an answer that did not pass the checks, so that
// the call which it answers fails at once and not by its timeout.
func lenientID(raw []byte) json.RawMessage {
	const key = `"id":`
	if len(raw) > 256 {
		raw = raw[:256]
	}
	_, rest, ok := bytes.Cut(raw, []byte(key))
	if !ok {
		return nil
	}
	rest = bytes.TrimLeft(rest, " ")
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return rest[:n]
}

// saysError reports whether a tool's result has isError: true.
func saysError(result json.RawMessage) bool {
	if !bytes.Contains(result, []byte(`isError`)) {
		return false
	}
	o, err := gateway.Split(result)
	if err != nil {
		return false
	}
	v, _ := o.Get("isError")
	return string(v) == "true"
}
