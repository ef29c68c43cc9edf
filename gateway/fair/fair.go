// Package fair bounds how much goes on at once, of all callers and of each, so that
// nobody waits behind all that somebody else sends.
package fair

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrLate says that no place became free in time.
var ErrLate = errors.New("fair: no place became free in time")

// Places are what callers hold while they work. Who comes first has one first, but of
// one caller no more wait for them than it may hold: its others wait before that. It
// is safe for concurrent use.
type Places struct {
	all  chan struct{}
	each int

	mu    sync.Mutex
	of    map[string]*share // only those who hold a place or wait for one
	spare *share            // of who was the last to have none; nil for none
}

// share is what one caller has of the places.
type share struct {
	taken chan struct{}
	users int // who hold one, or wait; guarded by Places.mu
}

// New has so many places for all callers, and for each of them. Both are at least 1.
func New(all, each int) *Places {
	return &Places{all: make(chan struct{}, max(1, all)), each: max(1, each), of: map[string]*share{}}
}

// Take waits for a place, until ctx ends or, if within is over 0, for so long. It
// returns how to give the place back, to be called once, or the error of ctx or
// [ErrLate].
func (p *Places) Take(ctx context.Context, who string, within time.Duration) (leave func(), err error) {
	own := p.join(who)
	var late <-chan time.Time // nobody waits for most
	for _, next := range [2]chan struct{}{own.taken, p.all} {
		select {
		case next <- struct{}{}:
			continue
		default:
		}
		if late == nil && within > 0 {
			wait := time.NewTimer(within)
			defer wait.Stop()
			late = wait.C
		}
		select {
		case next <- struct{}{}:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-late:
			err = ErrLate
		}
		if next == p.all {
			<-own.taken
		}
		p.part(who, own)
		return nil, err
	}
	return func() {
		<-p.all
		<-own.taken
		p.part(who, own)
	}, nil
}

// Taken is how many places are held.
func (p *Places) Taken() int { return len(p.all) }

// Callers is how many hold a place or wait for one.
func (p *Places) Callers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.of)
}

func (p *Places) join(who string) *share {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.of[who]
	if own == nil {
		if own, p.spare = p.spare, nil; own == nil {
			own = &share{taken: make(chan struct{}, p.each)}
		}
		p.of[who] = own
	}
	own.users++
	return own
}

func (p *Places) part(who string, own *share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(p.of, who)
		p.spare = own
	}
}
