package state

import (
	"context"
	"slices"
	"time"

	"toolward/gateway"
)

// expireAgain is how long after a failure of the record the next try comes.
const expireAgain = 5 * time.Second

// Expire puts on record which approvals ran out, when they do, and at once those that
// did while no gateway ran, until ctx ends. Whether one can still be decided or used
// does not wait for that: its time says so. failed is told why an event could not be
// written; it is tried again.
func (r *Room) Expire(ctx context.Context, failed func(error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next, err := r.expireNow(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			failed(err)
			next = time.Now().Add(expireAgain)
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-timer.C:
		case <-r.asked:
		case <-ctx.Done():
			return
		}
	}
}

// wake tells whoever waits for a time that there is another one to wait for.
func wake(another chan<- struct{}) {
	select {
	case another <- struct{}{}:
	default: // it has not looked yet since the last
	}
}

// expireNow notes what has run out, and returns when the next one will.
func (r *Room) expireNow(ctx context.Context, now time.Time) (next time.Time, err error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	over, next := r.running(now)
	if len(over) > 0 {
		r.changed.Ring() // by its time it is over, whether or not that can be recorded
	}
	for _, a := range over {
		if err := r.opts.Journal.Note(ctx, EventExpired, decided{ID: a.ID, Was: string(a.State)}); err != nil {
			return next, err
		}
	}
	return next, nil
}

// running are the approvals that have run out, by the time when they did, and the
// time when the first of the others does; zero if there is none.
func (r *Room) running(now time.Time) (over []*gateway.Approval, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.consents.byID {
		switch {
		case !runs(a):
		case !a.Expires.After(now):
			over = append(over, a)
		case next.IsZero() || a.Expires.Before(next):
			next = a.Expires
		}
	}
	slices.SortFunc(over, func(a, b *gateway.Approval) int { return a.Expires.Compare(b.Expires) })
	return over, next
}
