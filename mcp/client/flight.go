package client

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// flight is one request that is being answered.
type flight struct {
	n       int64         // unique on the connection, and growing
	id      string        // n as JSON; the progress token too
	call    *gateway.Call // nil if no agent caused it
	session string        // of the agent; "" if it has none, or no agent caused it

	token  json.RawMessage
	clock  *clock
	asking atomic.Int32 // requests of the server in this call that are being answered

	answer  chan reply                         // from a stream that is not its own
	reading atomic.Pointer[context.CancelFunc] // ends the exchange on its own stream, nil if it has none

	// For links that read everything in one place. Notes come before the answer;
	// they are dropped when the agent does not keep up, the answer is not.
	notes chan note
}

// givenUp is what is left of a call's flight that was given up: the server may be
// working on it until it answers, or for as long as a call may take. What it asks
// meanwhile could be for this one.
type givenUp struct {
	agent   *gateway.Agent
	session string
	since   time.Time
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
	n := c.ids.Add(1)
	f := &flight{n: n, id: strconv.FormatInt(n, 10), call: call, clock: clock, answer: make(chan reply, 1)}
	if call != nil && call.Origin != nil {
		f.session = call.Origin.Session()
	}
	if c.sharesStream() {
		f.notes = make(chan note, maxNotes)
	}
	c.mu.Lock()
	c.flights[f.id] = f
	c.mu.Unlock()
	return f
}

// finish ends a flight that was answered, or that never left.
func (c *Conn) finish(f *flight) {
	c.mu.Lock()
	delete(c.flights, f.id)
	c.mu.Unlock()
}

// leave ends a call's flight that was given up.
func (c *Conn) leave(f *flight) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, other := range c.givenUp {
		if other.over(now, c.client.opts.Timeout) {
			delete(c.givenUp, id)
		}
	}
	delete(c.flights, f.id)
	c.givenUp[f.id] = givenUp{f.call.Agent, f.session, now}
}

// over reports whether it was given up so long ago that nothing of it is to be
// expected.
func (g givenUp) over(now time.Time, after time.Duration) bool { return now.Sub(g.since) > after }

// flight is the one with this ID, nil if there is none that waits.
func (c *Conn) flight(id json.RawMessage) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flights[bareID(id)]
}

// named reports whether an ID is the flight's.
func (f *flight) named(id json.RawMessage) bool { return bareID(id) == f.id }

// bareID is an ID as the gateway wrote it, a number: some servers answer with a
// string of it.
func bareID(id json.RawMessage) string {
	if len(id) > 2 && id[0] == '"' && id[len(id)-1] == '"' {
		return string(id[1 : len(id)-1])
	}
	return string(id)
}

// answered notes that the server is done with a flight that was given up: its
// answer is the last that is heard of it.
func (c *Conn) answered(id json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.givenUp, bareID(id))
}

// saysError reports whether a tool's result has isError: true.
func saysError(result *gateway.Result) bool {
	v, _ := result.Member("isError")
	return string(v) == "true"
}
