package server

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// session is a legacy agent's connection with the gateway: everything between
// its initialize and its end. It belongs to one principal and one endpoint.
type session struct {
	id      string
	srv     *Server
	surface gateway.Surface
	server  string                // the endpoint's upstream, "" on /mcp
	main    *stream               // the GET stream, the SSE connection, standard output
	hello   atomic.Pointer[hello] // nil before initialize

	mu       sync.Mutex
	agent    *gateway.Agent // of the newest token; the principal never changes
	used     time.Time
	level    string                        // of logging/setLevel
	inflight map[string]context.CancelFunc // by the request's raw ID
	asked    map[string]chan gateway.Result
	asks     uint64
	streams  []*stream // of POSTs that became event streams, oldest first
	nstreams uint64
	watched  map[resource]bool // resources/subscribe
	ended    bool
	retired  bool // takes no more requests

	running sync.WaitGroup // requests that are not answered yet
	element *list.Element  // in sessions.byUse
}

// resource names an upstream's resource by its own URI.
type resource struct{ server, uri string }

// maxStreams is how many of a session's POST streams can be resumed.
const maxStreams = 32

func newSession(s *Server, a *gateway.Agent, surface gateway.Surface, server string) *session {
	ss := &session{
		id: rand.Text(), srv: s, surface: surface, server: server, agent: a, used: time.Now(),
		inflight: map[string]context.CancelFunc{}, asked: map[string]chan gateway.Result{}, watched: map[resource]bool{},
	}
	id := ""
	if surface == gateway.SurfaceMCP {
		id = "0"
	}
	ss.main = newStream(id, s.opt.Replay, &s.kept)
	return ss
}

// said is what the agent said at initialize; before that, nothing.
func (ss *session) said() hello {
	if h := ss.hello.Load(); h != nil {
		return *h
	}
	return hello{revision: mcp.Revision20250326} // what MCP assumes of an agent that does not say
}

// touch marks the session used, by a token that may be newer than the last.
func (ss *session) touch(a *gateway.Agent) {
	ss.mu.Lock()
	ss.agent, ss.used = a, time.Now()
	ss.mu.Unlock()
	ss.srv.sessions.bump(ss)
}

func (ss *session) currentAgent() *gateway.Agent {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.agent
}

// begin registers a request under its ID, so that it can be cancelled. It
// refuses an ID that is in use (JSON-RPC would leave two answers
// indistinguishable) and more requests at once than are allowed. The caller
// calls end before it sends the answer, since the ID is free then, and
// running.Done after it.
func (ss *session) begin(id json.RawMessage, cancel context.CancelFunc) *gateway.Refusal {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	switch {
	case ss.ended, ss.retired:
		return noSession()
	case ss.inflight[string(id)] != nil:
		return gateway.Refuse("surface", gateway.Malformed, "a request with this id is still being served")
	case len(ss.inflight) >= ss.srv.opt.InFlight:
		r := gateway.Refuse("surface", gateway.Overloaded, "too many requests at once in this session")
		r.RetryAfter = time.Second
		return r
	}
	ss.inflight[string(id)] = cancel
	ss.running.Add(1)
	return nil
}

func (ss *session) end(id json.RawMessage) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.inflight, string(id))
	ss.used = time.Now()
}

// noSession is what everyone gets who names a session that is not theirs, or
// is none. Over HTTP it is 404, after which a client begins anew (MCP
// 2025-11-25 basic/transports, session management).
func noSession() *gateway.Refusal {
	return gateway.Refuse("surface", gateway.Forbidden, "Session not found: send initialize again")
}

// cancel cancels a request of this session, and only of this one.
func (ss *session) cancel(id json.RawMessage) {
	ss.mu.Lock()
	stop := ss.inflight[string(id)]
	ss.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// ask registers a request of the gateway and returns its ID and where the
// answer arrives.
func (ss *session) ask() (id string, answer chan gateway.Result, ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ended || len(ss.asked) >= ss.srv.opt.InFlight {
		return "", nil, false
	}
	ss.asks++
	id = "gw-" + strconv.FormatUint(ss.asks, 10)
	answer = make(chan gateway.Result, 1)
	ss.asked[id] = answer
	return id, answer, true
}

func (ss *session) unask(id string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.asked, id)
}

// answered delivers an agent's answer. One that nobody waits for is dropped:
// it is late, or it was never asked for.
func (ss *session) answered(id string, r gateway.Result) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if answer := ss.asked[id]; answer != nil {
		delete(ss.asked, id)
		answer <- r
	}
}

func (ss *session) setLevel(level string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.level = level
}

func (ss *session) logLevel() string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.level
}

// newStream makes a stream for one POST, which can be resumed once it became an
// event stream; see keepStream.
func (ss *session) newStream() *stream {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.nstreams++
	return newStream(strconv.FormatUint(ss.nstreams, 10), ss.srv.opt.Replay/4, &ss.srv.kept)
}

// keepStream remembers a stream for resumption.
func (ss *session) keepStream(st *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ended {
		st.forget()
		return
	}
	ss.streams = append(ss.streams, st)
}

// trimStreams lets go of streams that are over, oldest first, until what is
// left is within the session's bounds. The newest stays even if it alone is
// over them, unless the server's budget is spent: its result may be all that
// the agent comes back for.
func (ss *session) trimStreams() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	count, size := 0, 0
	for i, st := range slices.Backward(ss.streams) {
		over, n := st.over()
		if !over {
			continue
		}
		count, size = count+1, size+n
		if count > maxStreams || size > ss.srv.opt.Replay && count > 1 || ss.srv.kept.spent() {
			st.forget()
			ss.streams = slices.Delete(ss.streams, i, i+1)
		}
	}
}

// stream finds a stream by the ID in its events' IDs.
func (ss *session) stream(id string) *stream {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if id == ss.main.id {
		return ss.main
	}
	for _, st := range ss.streams {
		if st.id == id {
			return st
		}
	}
	return nil
}

// watch notes that the session subscribed to a resource, or no longer does.
func (ss *session) watch(r resource, on bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	switch {
	case ss.ended:
	case on:
		ss.watched[r] = true
	default:
		delete(ss.watched, r)
	}
}

// mayWatch reports whether the session may subscribe to one more resource.
func (ss *session) mayWatch() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.watched) < maxWatched
}

func (ss *session) watches(r resource) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return covers(ss.watched, r)
}

// idle reports whether the session may end: nothing runs in it, nobody reads
// its streams, and it was not used since.
func (ss *session) idle(since time.Time) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.inflight) == 0 && ss.used.Before(since) && !ss.main.attached()
}

// retire takes no more requests, and ends the main stream once those that run
// are answered.
func (ss *session) retire() {
	ss.mu.Lock()
	ss.retired = true
	ss.mu.Unlock()
	ss.running.Wait()
	ss.main.close()
}

// close ends the session: what runs in it is cancelled, its streams end, and
// upstreams forget it.
func (ss *session) close() {
	ss.mu.Lock()
	if ss.ended {
		ss.mu.Unlock()
		return
	}
	ss.ended = true
	for _, stop := range ss.inflight {
		stop()
	}
	for id, answer := range ss.asked {
		close(answer)
		delete(ss.asked, id)
	}
	streams := append(ss.streams, ss.main)
	ss.streams = nil
	ss.mu.Unlock()
	for _, st := range streams {
		st.forget()
	}
	ss.srv.opt.Upstreams.Forget(ss.id)
}
