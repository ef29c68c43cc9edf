package server

import (
	"crypto/rand"
	"sync"
	"time"
)

// parking holds the calls that wait for an agent's retry, bounded in number
// and time. It is safe for concurrent use; its lock is taken after a call's.
type parking struct {
	most int
	ttl  time.Duration

	mu        sync.Mutex
	places    map[string]place
	principal map[string]int
	closed    bool
}

type place struct {
	call  *parkedCall
	timer *time.Timer
}

func newParking(most int, ttl time.Duration) *parking {
	return &parking{most: most, ttl: ttl, places: map[string]place{}, principal: map[string]int{}}
}

// put parks a call, and cancels it if nobody takes it in time. One principal
// gets at most an eighth of the places.
func (p *parking) put(call *parkedCall) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owner := call.x.agent.Principal()
	if p.closed || len(p.places) >= p.most || p.principal[owner] >= max(1, p.most/8) {
		return "", false
	}
	p.principal[owner]++
	id = rand.Text()
	p.places[id] = place{call: call, timer: time.AfterFunc(p.ttl, func() {
		if late := p.take(id); late != nil {
			late.cancel()
		}
	})}
	return id, true
}

// take returns the call that is parked at a place, once; nil if none is.
func (p *parking) take(id string) *parkedCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.places[id]
	if !ok {
		return nil
	}
	p.clear(id, at)
	return at.call
}

// clear frees a place; the caller holds the lock.
func (p *parking) clear(id string, at place) {
	at.timer.Stop()
	delete(p.places, id)
	owner := at.call.x.agent.Principal()
	if p.principal[owner]--; p.principal[owner] == 0 {
		delete(p.principal, owner)
	}
}

func (p *parking) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for id, at := range p.places {
		p.clear(id, at)
		at.call.cancel()
	}
}
