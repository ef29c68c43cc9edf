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
	result, conn, err := s.send(ctx, c)
	report(err)
	if err != nil && s.cut.Load() {
		return nil, s.cutShort(err)
	}
	if err != nil {
		return nil, err
	}
	if result, err = s.fitResult(c, result); err != nil {
		return nil, err
	}
	return s.cat.tasks.note(c, s.cfg.Name, conn, result)
}

// send picks the connection and performs the call once. It returns which of its
// owner's connections that was.
func (s *server) send(ctx context.Context, c *gateway.Call) (*gateway.Result, int, error) {
	shared := s.shared.Load()
	if shared == nil {
		return nil, 0, down(s.cfg.Name, "its connection was lost and is being made again")
	}
	if !s.cfg.Isolate && !(*shared).PerSession() {
		if answered := s.subscriptions.before(c); answered != nil {
			return answered, 0, nil
		}
		result, err := (*shared).Do(ctx, c)
		s.subscriptions.after(c, result)
		return result, 0, err
	}
	n, alone := s.connOf(c)
	conn, n, release, err := s.sessions.get(ctx, ownerOf(c), n, alone, c.Origin)
	if err != nil {
		return nil, 0, err
	}
	madeTask := false
	defer func() { release(madeTask) }()
	result, err := conn.Do(ctx, c)
	madeTask = alone && err == nil && taskOf(result) != ""
	return result, n, err
}

// connOf is which of its owner's connections a call needs: any that it has for
// itself (alone), where calls that may be asked something run apart; that of the
// call which made its task; or the first.
func (s *server) connOf(c *gateway.Call) (n int, alone bool) {
	if !s.cfg.Apart {
		return 0, false
	}
	switch c.Method {
	case "tools/call", "prompts/get", "resources/read":
		return 0, true
	}
	if c.Kind == gateway.KindTask {
		if k := s.cat.tasks.find(s.cfg.Name, c.Name); k != nil {
			return k.conn, false
		}
	}
	return 0, false
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
