package server

import (
	"crypto/rand"
	"sync"
	"time"
)

// parking holds the calls that wait for an agent's retry, bounded in number
// and time.
type parking struct {
	most int
	ttl  time.Duration

	mu        sync.Mutex
	places    map[string]*place
	principal map[string]int
	closed    bool
}

type place struct {
	call  *parkedCall
	ask   *ask
	timer *time.Timer
}

func newParking(most int, ttl time.Duration) *parking {
	return &parking{most: most, ttl: ttl, places: map[string]*place{}, principal: map[string]int{}}
}

// put parks a call. One principal gets at most an eighth of the places.

func (p *parking) put(call *parkedCall, a *ask) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owner := call.x.agent.Principal()
	if p.closed || len(p.places) >= p.most || p.principal[owner] >= max(1, p.most/8) {
		return "", false
	}
	p.principal[owner]++
	id = rand.Text()
	p.places[id] = &place{call: call, ask: a, timer: time.AfterFunc(p.ttl, func() {
		if at := p.take(id); at != nil {
			at.call.cancel()
		}
	})}
	return id, true
}

// take returns what is parked, once.
func (p *parking) take(id string) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.places[id]
	if at != nil {
		p.clear(id, at)
	}
	return at
}

// clear frees a place; the caller holds the lock.
func (p *parking) clear(id string, at *place) {
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
