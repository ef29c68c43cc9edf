package server

import (
	"container/list"
	"context"
	"sync"
	"time"

	"toolward/gateway"
)

// sessions are the open sessions of all agents. When a principal has too many,
// its own least recently used one ends; nobody's session makes room for another
// principal's until the gateway as a whole is full.
//
// Lock order: sessions.mu before session.mu.
type sessions struct {
	srv *Server

	mu        sync.Mutex
	byID      map[string]*session
	byUse     *list.List // of *session, least recently used first
	principal map[string]int
}

func newSessions(s *Server) *sessions {
	return &sessions{srv: s, byID: map[string]*session{}, byUse: list.New(), principal: map[string]int{}}
}

// add opens a session. It refuses when the gateway is full.
func (all *sessions) add(ss *session) *gateway.Refusal {
	owner := ss.agent.Principal()
	all.mu.Lock()
	var old *session
	if all.principal[owner] >= all.srv.opt.PerPrincipal {
		old = all.oldest(owner)
		all.drop(old)
	}
	full := len(all.byID) >= all.srv.opt.MaxSessions
	if !full {
		all.byID[ss.id] = ss
		ss.element = all.byUse.PushBack(ss)
		all.principal[owner]++
	}
	all.mu.Unlock()
	if old != nil {
		old.close()
	}
	if full {
		r := gateway.Refuse("surface", gateway.Overloaded, "the gateway holds as many sessions as it can")
		r.RetryAfter = 30 * time.Second
		return r
	}
	return nil
}

// oldest is the principal's session that was unused longest; it has one.
func (all *sessions) oldest(owner string) *session {
	for e := all.byUse.Front(); e != nil; e = e.Next() {
		if ss := e.Value.(*session); ss.currentAgent().Principal() == owner {
			return ss
		}
	}
	return nil
}

// drop takes the session out of the tables, if it is there; the caller holds
// the lock.
func (all *sessions) drop(ss *session) {
	if all.byID[ss.id] != ss {
		return
	}
	delete(all.byID, ss.id)
	all.byUse.Remove(ss.element)
	owner := ss.currentAgent().Principal()
	if all.principal[owner]--; all.principal[owner] == 0 {
		delete(all.principal, owner)
	}
}

// find returns the session if it is this principal's, on this surface and
// endpoint; nil else, so that nobody learns of sessions of others.
func (all *sessions) find(id string, a *gateway.Agent, surface gateway.Surface, server string) *session {
	all.mu.Lock()
	ss := all.byID[id]
	all.mu.Unlock()
	if ss == nil || ss.surface != surface || ss.server != server || ss.currentAgent().Principal() != a.Principal() {
		return nil
	}
	ss.touch(a)
	return ss
}

func (all *sessions) bump(ss *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byID[ss.id] == ss {
		all.byUse.MoveToBack(ss.element)
	}
}

// end closes one session.
func (all *sessions) end(ss *session) {
	all.mu.Lock()
	all.drop(ss)
	all.mu.Unlock()
	ss.close()
}

// byOwnID finds a session for an upstream that was told its ID.
func (all *sessions) byOwnID(id string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.byID[id]
}

// list returns the sessions of now.
func (all *sessions) list() []*session {
	all.mu.Lock()
	defer all.mu.Unlock()
	open := make([]*session, 0, len(all.byID))
	for _, ss := range all.byID {
		open = append(open, ss)
	}
	return open
}

func (all *sessions) len() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.byID)
}

func (all *sessions) closeAll() {
	for _, ss := range all.list() {
		all.end(ss)
	}
}

// expire ends idle sessions until ctx ends.
func (all *sessions) expire(ctx context.Context) {
	tick := time.NewTicker(all.srv.opt.IdleTTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, ss := range all.list() {
				if ss.idle(now.Add(-all.srv.opt.IdleTTL)) {
					all.end(ss)
				}
			}
		}
	}
}
