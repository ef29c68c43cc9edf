package admin

import (
	"context"
	"sync"
)

// turns bound how many questions are worked out at once: of all operators, and of
// each, so that nobody waits behind all that somebody else asks.
type turns struct {
	all chan struct{}
	own int // of one operator

	mu    sync.Mutex
	takes map[string]*share // of operators who ask now
}

// share is what one operator has of the turns.
type share struct {
	places chan struct{}
	users  int // who have one, or wait for one
}

func newTurns(all, own int) *turns {
	return &turns{all: make(chan struct{}, all), own: own, takes: map[string]*share{}}
}

// take waits for a turn, at most until ctx ends, which it reports.
func (t *turns) take(ctx context.Context, who string) (release func(), ok bool) {
	s := t.enter(who)
	for _, places := range []chan struct{}{s.places, t.all} {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if places == t.all {
				<-s.places
			}
			t.leave(who, s)
			return nil, false
		}
	}
	return func() {
		<-t.all
		<-s.places
		t.leave(who, s)
	}, true
}

func (t *turns) enter(who string) *share {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.takes[who]
	if s == nil {
		s = &share{places: make(chan struct{}, t.own)}
		t.takes[who] = s
	}
	s.users++
	return s
}

func (t *turns) leave(who string, s *share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(t.takes, who)
	}
}
