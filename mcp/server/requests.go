package server

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Bounds of what a session remembers of requests that it does not serve.
const (
	maxEarly   = 1024        // cancellations that came before their requests
	earlyTTL   = time.Minute // how long one waits for its request
	rememberID = 128         // IDs of requests that are over, the newest
)

// requests are those of one session. A request and its cancellation come on
// connections of their own, so that either may be first:
//
//	unknown ──begin──▶ running ──end──▶ over
//	   │                  └─ cancel: its context ends
//	   └─cancel──▶ early ──begin──▶ refused, and not executed
//	                 └─ after earlyTTL, or maxEarly others: unknown
//
// A cancellation of what is over is late, which is usual, and must not hit a
// later request of an agent that uses an ID again. It is safe for concurrent use.
type requests struct {
	mu      sync.Mutex
	running map[string]context.CancelFunc // by the request's ID as it was written
	early   []early                       // oldest first
	over    [rememberID]uint64            // a ring
	next    int                           // where the ring goes on
	seed    maphash.Seed
	closed  bool // takes no more requests

	answering sync.WaitGroup // requests whose answers are not sent yet
}

type early struct {
	id uint64
	at time.Time
}

func newRequests() *requests {
	return &requests{running: map[string]context.CancelFunc{}, seed: maphash.MakeSeed()}
}

// plainID is a request's ID in the one way in which it is compared: strings
// without the escapes that they need not have.
func plainID(id json.RawMessage) json.RawMessage {
	if bytes.IndexByte(id, '\\') < 0 {
		return id
	}
	return mcp.Quote(mcp.Unquote(id))
}

// begin registers a request under its ID, so that it can be cancelled. It
// refuses an ID that is in use (JSON-RPC would leave two answers
// indistinguishable), and what was cancelled already. The caller calls end
// before it sends the answer, since the ID is free then, and answering.Done
// after it. How many requests there may be is the limiter's to say.
func (rs *requests) begin(id json.RawMessage, cancel context.CancelFunc) *gateway.Refusal {
	id = plainID(id)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.closed:
		return noSession()
	case rs.running[string(id)] != nil:
		return gateway.Refuse("surface", gateway.Malformed, "a request with this id is still being served")
	case rs.cancelledEarly(id):
		return gateway.Refuse("surface", gateway.Cancelled, "the agent cancelled the request before it arrived")
	}
	rs.running[string(id)] = cancel
	rs.answering.Add(1)
	return nil
}

// cancelledEarly takes the cancellation that came before a request, if one did.
// The caller holds the lock.
func (rs *requests) cancelledEarly(id json.RawMessage) bool {
	if len(rs.early) == 0 {
		return false
	}
	rs.forgetEarly(time.Now())
	sum := maphash.Bytes(rs.seed, id)
	i := slices.IndexFunc(rs.early, func(e early) bool { return e.id == sum })
	if i < 0 {
		return false
	}
	rs.early = slices.Delete(rs.early, i, i+1)
	rs.remember(id)
	return true
}

// forgetEarly drops cancellations whose requests did not come.
func (rs *requests) forgetEarly(now time.Time) {
	old := 0
	for old < len(rs.early) && now.Sub(rs.early[old].at) > earlyTTL {
		old++
	}
	if rs.early = slices.Delete(rs.early, 0, old); len(rs.early) == 0 {
		rs.early = nil
	}
}

func (rs *requests) end(id json.RawMessage) {
	id = plainID(id)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.running, string(id))
	rs.remember(id)
}

// remember notes that a request is over. The caller holds the lock.
func (rs *requests) remember(id json.RawMessage) {
	rs.over[rs.next] = maphash.Bytes(rs.seed, id)
	rs.next = (rs.next + 1) % rememberID
}

// cancel cancels a request of this session, and only of this one, or keeps the
// cancellation for a request that is on its way.
func (rs *requests) cancel(id json.RawMessage) {
	id = plainID(id)
	rs.mu.Lock()
	stop := rs.running[string(id)]
	if stop == nil && !rs.closed {
		rs.cancelLater(id)
	}
	rs.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// cancelLater keeps a cancellation. The caller holds the lock.
func (rs *requests) cancelLater(id json.RawMessage) {
	sum, now := maphash.Bytes(rs.seed, id), time.Now()
	if slices.Contains(rs.over[:], sum) {
		return
	}
	rs.forgetEarly(now)
	if len(rs.early) == maxEarly {
		rs.early = slices.Delete(rs.early, 0, 1)
	}
	rs.early = append(rs.early, early{sum, now})
}

// idle reports whether nothing runs.
func (rs *requests) idle() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.running) == 0
}

// retire takes no more requests, and returns when those that run are answered.
func (rs *requests) retire() {
	rs.mu.Lock()
	rs.closed = true
	rs.mu.Unlock()
	rs.answering.Wait()
}

// close takes no more requests, and cancels those that run.
func (rs *requests) close() {
	rs.mu.Lock()
	rs.closed, rs.early = true, nil
	stops := make([]context.CancelFunc, 0, len(rs.running))
	for _, stop := range rs.running {
		stops = append(stops, stop)
	}
	rs.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}
