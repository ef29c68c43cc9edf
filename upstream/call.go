package upstream

import (
	"context"
	"errors"

	"toolward/gateway"
)

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
	leave, err := s.enter(ctx, c.Agent)
	if err != nil {
		return nil, err
	}
	defer leave()
	report, err := s.breakers.allow(c.Agent)
	if err != nil {
		r := down(s.cfg.Name, "its circuit breaker is open for you after repeated failures of your calls")
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
