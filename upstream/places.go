package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
	"toolward/gateway/fair"
)

// ofOne is how many calls one agent may have in flight: a quarter is out of its reach,
// or one whose own limit of calls in progress is the upstream's could fill it alone,
// with calls that hang.
func ofOne(concurrency int) int { return max(1, concurrency-concurrency/4) }

// enter takes a place among the calls in flight. A full server is waited for a little,
// since most calls are short, and refused then: the queue must not grow without bound.
// Leave gives the place back.
func (s *server) enter(ctx context.Context, a *gateway.Agent) (leave func(), err error) {
	leave, err = s.calls.Take(ctx, a.Principal(), s.cfg.QueueWait)
	switch {
	case err == nil:
		return leave, nil
	case !errors.Is(err, fair.ErrLate):
		return nil, gateway.Refuse("upstream", gateway.Cancelled, "the call ended while it waited for upstream "+s.cfg.Name)
	}
	r := gateway.Refuse("upstream", gateway.Overloaded, fmt.Sprintf("upstream %s has as many calls in flight as it may: %d, of one agent %d", s.cfg.Name, s.cfg.Concurrency, ofOne(s.cfg.Concurrency)))
	r.RetryAfter = time.Second
	r.Remedy = "raise upstreams." + s.cfg.Name + ".concurrency if the upstream can take more"
	return nil, r
}
