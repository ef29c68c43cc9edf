package server

import (
	"container/list"
	"crypto/rand"
	"encoding/json"
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
	owner   string // the principal
	srv     *Server
	surface gateway.Surface
	server  string                // the endpoint's upstream, "" on /mcp
	main    *stream               // the GET stream, the SSE connection, standard output
	hello   atomic.Pointer[hello] // nil before initialize

	requests  *requests
	questions questions
	streams   keptStreams // of POSTs that became event streams

	mu      sync.Mutex
	agent   *gateway.Agent // of the newest token; the principal never changes
	used    time.Time
	level   string            // of logging/setLevel
	watched map[resource]bool // resources/subscribe
	ended   bool

	element *list.Element // in sessions.holders; guarded by sessions.mu
}

// resource names an upstream's resource by its own URI.
type resource struct{ server, uri string }

func newSession(s *Server, a *gateway.Agent, surface gateway.Surface, server string) *session {
	ss := &session{
		id: rand.Text(), owner: a.Principal(), srv: s, surface: surface, server: server, agent: a, used: time.Now(),
		requests: newRequests(), watched: map[resource]bool{},
	}
	ss.streams.keep, ss.streams.shared = s.opt.Replay, &s.kept
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

// greeted reports whether the agent sent initialize. On a connection of lines
// one of 2026-07-28 does not, and nothing comes to it that it did not ask for.
func (ss *session) greeted() bool { return ss.hello.Load() != nil }

// touch marks the session used, by a token that may be newer than the last.
func (ss *session) touch(a *gateway.Agent) {
	ss.mu.Lock()
	ss.agent, ss.used = a, time.Now()
	ss.mu.Unlock()
}

func (ss *session) currentAgent() *gateway.Agent {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.agent
}

// end notes that a request is over.
func (ss *session) end(id json.RawMessage) {
	ss.requests.end(id)
	ss.mu.Lock()
	ss.used = time.Now()
	ss.mu.Unlock()
}

// noSession is what everyone gets who names a session that is not theirs, or
// is none. Over HTTP it is 404, after which a client begins anew (MCP
// 2025-11-25 basic/transports, session management).
func noSession() *gateway.Refusal {
	return gateway.Refuse("surface", gateway.Forbidden, "Session not found: send initialize again")
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

// stream finds a stream by the ID in its events' IDs.
func (ss *session) stream(id string) *stream {
	if id == ss.main.id {
		return ss.main
	}
	return ss.streams.find(id)
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

// unused reports whether nothing runs in the session, and nobody reads its
// stream.
func (ss *session) unused() bool { return ss.requests.idle() && !ss.main.attached() }

// lastUse is when something was last asked or answered in the session.
func (ss *session) lastUse() time.Time {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.used
}

// retire takes no more requests, and ends the main stream once those that run
// are answered.
func (ss *session) retire() {
	ss.requests.retire()
	ss.main.close()
}

// close ends the session: what runs in it is cancelled, its streams end, and
// upstreams forget it.
func (ss *session) close() {
	ss.mu.Lock()
	ended := ss.ended
	ss.ended = true
	ss.mu.Unlock()
	if ended {
		return
	}
	ss.requests.close()
	ss.questions.close()
	ss.streams.close()
	ss.main.forget()
	ss.srv.opt.Upstreams.Forget(ss.id)
}
