package server

import (
	"container/list"
	"context"
	"sync"
	"time"

	"toolward/gateway"
)

// sessions are the open sessions of all agents, bounded for each principal and
// in all. Who has as many as it may makes room itself: of its own sessions the
// one that was unused longest ends. When the gateway is full, the principal
// with the most sessions makes room likewise, and never one with fewer than who
// wants another. A session of another's is ended while it is in use only if all
// of that principal's are, and it keeps as many as the newcomer will have.
//
// Lock order: sessions.mu before session.mu and the locks of its parts.
type sessions struct {
	srv *Server

	mu                 sync.Mutex
	most, perPrincipal int
	byID               map[string]*session
	holders            map[string]*list.List // by principal, of *session, least recently used first
}

func newSessions(s *Server) *sessions {
	return &sessions{srv: s, byID: map[string]*session{}, holders: map[string]*list.List{}}
}

// add opens a session. It refuses when the gateway is full of others in use.
func (all *sessions) add(ss *session) *gateway.Refusal {
	all.mu.Lock()
	victim, ok := all.room(ss.owner)
	if ok {
		if victim != nil {
			all.drop(victim)
		}
		own := all.holders[ss.owner]
		if own == nil {
			own = list.New()
			all.holders[ss.owner] = own
		}
		all.byID[ss.id] = ss
		ss.element = own.PushBack(ss)
	}
	all.mu.Unlock()
	if victim != nil {
		victim.close()
	}
	if !ok {
		r := gateway.Refuse("surface", gateway.Overloaded, "the gateway holds as many sessions as it can")
		r.RetryAfter = 30 * time.Second
		return r
	}
	return nil
}

// bound sets how many there may be. What is beyond and not in use ends.
func (all *sessions) bound(perPrincipal, most int) {
	all.mu.Lock()
	all.perPrincipal, all.most = perPrincipal, most
	var ended []*session
	end := func(held *list.List) bool {
		ss, idle := longestUnused(held)
		if idle {
			all.drop(ss)
			ended = append(ended, ss)
		}
		return idle
	}
	for _, held := range all.holders {
		for held.Len() > perPrincipal && end(held) {
		}
	}
	busy := map[*list.List]bool{} // all that it holds is in use
	for len(all.byID) > most {
		var fullest *list.List
		for _, held := range all.holders {
			if !busy[held] && (fullest == nil || held.Len() > fullest.Len()) {
				fullest = held
			}
		}
		if fullest == nil {
			break
		}
		busy[fullest] = !end(fullest)
	}
	all.mu.Unlock()
	for _, ss := range ended {
		ss.close()
	}
}

// room finds the session that has to end for one more of an owner's, nil if
// none has to; ok is false if none may. The caller holds the lock.
func (all *sessions) room(owner string) (victim *session, ok bool) {
	own, has := all.holders[owner], 0
	if own != nil {
		has = own.Len()
	}
	if has >= all.perPrincipal {
		victim, _ = longestUnused(own)
		return victim, true
	}
	if len(all.byID) < all.most {
		return nil, true
	}
	most := 0
	for _, held := range all.holders {
		n := held.Len()
		if n < most || n < has {
			continue
		}
		candidate, idle := longestUnused(held)
		if !idle && held != own && n <= has+1 {
			continue
		}
		if n > most || candidate.lastUse().Before(victim.lastUse()) {
			most, victim = n, candidate
		}
	}
	return victim, victim != nil
}

// longestUnused is the session that was unused longest, of those that are idle
// if any is.
func longestUnused(held *list.List) (ss *session, idle bool) {
	for e := held.Front(); e != nil; e = e.Next() {
		if ss := e.Value.(*session); ss.unused() {
			return ss, true
		}
	}
	return held.Front().Value.(*session), false
}

// drop takes the session out of the tables, if it is there; the caller holds
// the lock.
func (all *sessions) drop(ss *session) {
	if all.byID[ss.id] != ss {
		return
	}
	delete(all.byID, ss.id)
	own := all.holders[ss.owner]
	if own.Remove(ss.element); own.Len() == 0 {
		delete(all.holders, ss.owner)
	}
}

// find returns the session if it is this principal's, on this surface and
// endpoint; nil else, so that nobody learns of sessions of others.
func (all *sessions) find(id string, a *gateway.Agent, surface gateway.Surface, server string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	ss := all.byID[id]
	if ss == nil || ss.surface != surface || ss.server != server || ss.owner != a.Principal() {
		return nil
	}
	all.holders[ss.owner].MoveToBack(ss.element)
	ss.touch(a)
	return ss
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

// expire ends sessions that were unused too long, until ctx ends.
func (all *sessions) expire(ctx context.Context) {
	tick := time.NewTicker(all.srv.opt.IdleTTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, ss := range all.list() {
				if ss.unused() && ss.lastUse().Before(now.Add(-all.srv.opt.IdleTTL)) {
					all.end(ss)
				}
			}
		}
	}
}
