package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"toolward/gateway"
)

// slots are the calls that an upstream may have in flight. A quarter of them is
// out of reach for any one agent: one whose own limit of calls in progress is
// the upstream's could otherwise fill it alone, with calls that hang.
type slots struct {
	all  chan struct{}
	most int // of one agent

	mu    sync.Mutex
	of    map[string]*agentSlots // by principal; only those who hold one or wait for one
	spare *agentSlots            // of who was the last to have none; nil for none
}

// agentSlots are those of one agent.
type agentSlots struct {
	taken chan struct{}
	users int // calls that hold one or wait; guarded by slots.mu
}

func newSlots(concurrency int) *slots {
	return &slots{all: make(chan struct{}, concurrency), most: max(1, concurrency-concurrency/4), of: map[string]*agentSlots{}}
}

// enter takes a slot. A full server is waited for a little, since most calls
// are short, and refused then: the queue must not grow without bound. Leave
// gives the slot back.
func (s *server) enter(ctx context.Context, a *gateway.Agent) (leave func(), err error) {
	who := a.Principal()
	own := s.slots.join(who)
	var late <-chan time.Time // nobody waits for most
	for _, next := range [2]chan struct{}{own.taken, s.slots.all} {
		select {
		case next <- struct{}{}:
			continue
		default:
		}
		if late == nil {
			wait := time.NewTimer(s.cfg.QueueWait)
			defer wait.Stop()
			late = wait.C
		}
		select {
		case next <- struct{}{}:
			continue
		case <-ctx.Done():
			err = gateway.Refuse("upstream", gateway.Cancelled, "the call ended while it waited for upstream "+s.cfg.Name)
		case <-late:
			err = s.full()
		}
		if next == s.slots.all {
			<-own.taken
		}
		s.slots.part(who, own)
		return nil, err
	}
	return func() {
		<-s.slots.all
		<-own.taken
		s.slots.part(who, own)
	}, nil
}

func (s *server) full() *gateway.Refusal {
	r := gateway.Refuse("upstream", gateway.Overloaded, fmt.Sprintf("upstream %s has as many calls in flight as it may: %d, of one agent %d", s.cfg.Name, s.cfg.Concurrency, s.slots.most))
	r.RetryAfter = time.Second
	r.Remedy = "raise upstreams." + s.cfg.Name + ".concurrency if the upstream can take more"
	return r
}

func (s *slots) join(who string) *agentSlots {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.of[who]
	if own == nil {
		if own, s.spare = s.spare, nil; own == nil {
			own = &agentSlots{taken: make(chan struct{}, s.most)}
		}
		s.of[who] = own
	}
	own.users++
	return own
}

func (s *slots) part(who string, own *agentSlots) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.of, who)
		s.spare = own
	}
}
