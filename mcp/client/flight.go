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

// origin is the agent that a message belongs to, and the flight in which it
// came if there is one. from is the flight whose own stream it came on, nil
// for streams that many share.
func (c *Conn) originOf(from *flight) (gateway.Origin, *flight) {
	if from == nil || from.call == nil {
		from = c.only()
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
