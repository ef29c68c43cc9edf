package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"

	"toolward/gateway"
)

// newBreaker counts calls that the upstream did not answer, or not with
// anything valid. An error that it answers is an answer; a call that the agent
// cancelled says nothing.
func (s *server) newBreaker() *gobreaker.TwoStepCircuitBreaker[*gateway.Result] {
	return gobreaker.NewTwoStepCircuitBreaker[*gateway.Result](gobreaker.Settings{
		Name:        s.cfg.Name,
		MaxRequests: 1,
		Timeout:     s.cfg.Cooldown,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= s.cfg.Failures },
		IsExcluded:  func(err error) bool { return hasCode(err, gateway.Cancelled, gateway.Overloaded) },
		IsSuccessful: func(err error) bool {
			// An answer that makes no sense is one tool's fault, not the server's.
			return !hasCode(err, gateway.UpstreamDown, gateway.UpstreamTimeout) || errors.Is(err, ErrSlow)
		},
		OnStateChange: func(_ string, from, to gobreaker.State) {
			s.log.Warn("circuit breaker", "from", from.String(), "to", to.String())
			if to == gobreaker.StateOpen {
				s.refresh() // finds out whether the server is down, and waits for it if so
			}
		},
	})
}

// ErrSlow is behind a timeout that is one operation's trouble: the server took
// the request, and answers others. The breaker does not count it.
var ErrSlow = errors.New("the request was taken and not answered")

func hasCode(err error, codes ...gateway.Code) bool {
	var r *gateway.Refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, c := range codes {
		if r.Code == c {
			return true
		}
	}
	return false
}

// Do implements [gateway.Upstream]: it waits for a slot, asks the breaker,
// and sends the call on the connection that belongs to its session.
func (s *server) Do(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.slots }()
	if c.Kind == gateway.KindTask {
		if err := s.cat.tasks.owned(c, s.cfg.Name); err != nil {
			return nil, err
		}
	}
	report, err := s.breaker.Allow()
	if err != nil {
		r := down(s.cfg.Name, "its circuit breaker is open after repeated failures")
		r.RetryAfter = s.cfg.Cooldown
		return nil, r.Because(err)
	}
	result, err := s.send(ctx, c)
	report(err)
	if err != nil {
		return nil, err
	}
	if result, err = s.fitResult(c, result); err != nil {
		return nil, err
	}
	return s.cat.tasks.note(c, s.cfg.Name, result)
}

// enter takes a slot. A full server is waited for a little, since most calls
// are short, and refused then: the queue must not grow without bound.
func (s *server) enter(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(s.cfg.QueueWait)
	defer t.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return gateway.Refuse("upstream", gateway.Cancelled, "the call ended while it waited for upstream "+s.cfg.Name)
	case <-t.C:
		r := gateway.Refuse("upstream", gateway.Overloaded, fmt.Sprintf("upstream %s has %d calls in flight, as many as it may", s.cfg.Name, s.cfg.Concurrency))
		r.RetryAfter = time.Second
		r.Remedy = "raise upstreams." + s.cfg.Name + ".concurrency if the upstream can take more"
		return r
	}
}

// send picks the connection and performs the call once.
func (s *server) send(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	shared := s.shared.Load()
	if shared == nil {
		return nil, down(s.cfg.Name, "its connection was lost and is being made again")
	}
	if !s.cfg.Isolate && !(*shared).PerSession() {
		if answered := s.subscriptions.before(c); answered != nil {
			return answered, nil
		}
		result, err := (*shared).Do(ctx, c)
		s.subscriptions.after(c, result)
		return result, err
	}
	conn, release, err := s.sessions.get(ctx, ownerOf(c), c.Origin)
	if err != nil {
		return nil, err
	}
	defer release()
	return conn.Do(ctx, c)
}

// owner is who a connection of its own belongs to: the agent's session, and
// for calls without one the principal. What a server keeps for one principal
// must not show to another.
type owner struct{ id, session, principal string } // one of session and principal

func ownerOf(c *gateway.Call) owner {
	principal := c.Agent.Principal()
	switch {
	case c.Origin == nil:
		return owner{id: "unasked " + principal, principal: principal} // it cannot be asked, so the server is told another client
	case c.Origin.Session() == "":
		return owner{id: "stateless " + principal, principal: principal}
	}
	return owner{id: c.Origin.Session(), session: c.Origin.Session()}
}
