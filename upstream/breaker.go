package upstream

import (
	"errors"
	"sync"

	"github.com/sony/gobreaker/v2"

	"toolward/gateway"
)

// breakers are the circuit breakers of an upstream: one for each agent whose
// last call failed. What one agent asks for can make a server time out or fail,
// as often as it likes, and must not take the server from the others; whether
// the server itself is down is found out by the supervisor, whom a breaker that
// opens sends to look.
type breakers struct {
	server *server

	mu sync.Mutex
	of map[string]*breaker // by principal; who has none has no failures
}

type breaker = gobreaker.TwoStepCircuitBreaker[*gateway.Result]

// maxBreakers bounds the agents whose failures are remembered.
const maxBreakers = 4096

// allow asks whether a call may be made. Report, which must be called once,
// takes what it came to.
func (b *breakers) allow(a *gateway.Agent) (report func(error), err error) {
	who := a.Principal()
	b.mu.Lock()
	own := b.of[who]
	b.mu.Unlock()
	if own == nil {
		return func(err error) { b.first(who, err) }, nil
	}
	done, err := own.Allow()
	if err != nil {
		return nil, err
	}
	return func(err error) {
		done(err)
		if failed(err) || excluded(err) {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.of[who] == own {
			delete(b.of, who)
		}
	}, nil
}

// first takes what the call of an agent without failures came to.
func (b *breakers) first(who string, err error) {
	if !failed(err) || excluded(err) {
		return
	}
	b.mu.Lock()
	own := b.of[who]
	if own == nil {
		if len(b.of) >= maxBreakers {
			clear(b.of)
		}
		own = b.server.newBreaker()
		b.of[who] = own
	}
	b.mu.Unlock()
	if done, refused := own.Allow(); refused == nil {
		done(err)
	}
}

// open reports whether calls of any agent are refused now.
func (b *breakers) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, own := range b.of {
		if own.State() != gobreaker.StateClosed {
			return true
		}
	}
	return false
}

// newBreaker counts calls that the upstream did not answer, or not with
// anything valid. An error that it answers is an answer; a call that the agent
// cancelled says nothing.
func (s *server) newBreaker() *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[*gateway.Result](gobreaker.Settings{
		Name:         s.cfg.Name,
		MaxRequests:  1,
		Timeout:      s.cfg.Cooldown,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= s.cfg.Failures },
		IsExcluded:   excluded,
		IsSuccessful: func(err error) bool { return !failed(err) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			s.log.Warn("circuit breaker of an agent", "from", from.String(), "to", to.String())
			if to == gobreaker.StateOpen {
				s.refresh() // finds out whether the server is down, and waits for it if so
			}
		},
	})
}

func excluded(err error) bool { return hasCode(err, gateway.Cancelled, gateway.Overloaded) }

// failed reports whether a call counts against the server. An answer that makes
// no sense is one tool's fault, not the server's.
func failed(err error) bool {
	return hasCode(err, gateway.UpstreamDown, gateway.UpstreamTimeout) && !errors.Is(err, ErrSlow)
}
