package gateway

import (
	"context"
	"runtime"
	"sync"
)

// manyBytes is from how many bytes on a body waits for its turn to be read by guard.
const manyBytes = 16 << 10

// turns lets guard read as many large bodies at once as there are processors. Reading
// is computing and nothing else, so none of them is done later for it, and what it
// takes besides, some times the body, is not held for all of them: 64 callers with 64
// KiB each took a third more of the processor than one, for memory that is in no
// cache. Small bodies never wait, and who waits for something else has no turn
// ([Call.EndTurn]).
//
// Who comes first is read first, but of one agent no more wait there than can be read:
// the others wait before that, so that nobody stands behind all that another sends.
type turns struct {
	once sync.Once
	all  chan struct{}

	mu sync.Mutex
	of map[string]*agentTurns // by principal; only those who have one or wait for one
}

// agentTurns are those of one agent.
type agentTurns struct {
	taken chan struct{}
	users int // bodies that are read or wait; guarded by turns.mu
}

// take waits for a turn, and returns how to end it. Who is stopped meanwhile waits no
// longer: guard looks at ctx itself.
func (t *turns) take(ctx context.Context, a *Agent, size int) (end func()) {
	if size < manyBytes {
		return func() {}
	}
	who := ""
	if a != nil {
		who = a.Principal()
	}
	own := t.join(who)
	select {
	case own.taken <- struct{}{}:
	case <-ctx.Done():
		return func() { t.part(who, own) }
	}
	select {
	case t.all <- struct{}{}:
		return func() { <-t.all; <-own.taken; t.part(who, own) }
	case <-ctx.Done():
		return func() { <-own.taken; t.part(who, own) }
	}
}

func (t *turns) join(who string) *agentTurns {
	n := runtime.GOMAXPROCS(0)
	t.once.Do(func() { t.all, t.of = make(chan struct{}, n), map[string]*agentTurns{} })
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.of[who]
	if own == nil {
		own = &agentTurns{taken: make(chan struct{}, n)}
		t.of[who] = own
	}
	own.users++
	return own
}

func (t *turns) part(who string, own *agentTurns) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.of, who)
	}
}

// EndTurn lets another large body be read. Guard says so before it waits, as for a
// classifier on another machine: it then reads no more.
func (c *Call) EndTurn() {
	if end := c.turn; end != nil {
		c.turn = nil
		end()
	}
}

// size is how many bytes an agent sent to be judged.
func (c *Call) size() int {
	n := len(c.Args.Raw())
	for i := range c.Extra {
		n += len(c.Extra[i].Value)
	}
	return n
}

// scanRequest is guard on a request.
func (r *Road) scanRequest(ctx context.Context, c *Call) (Report, error) {
	return timed(&c.Stages.Guard, func() (Report, error) {
		c.turn = r.turns.take(ctx, c.Agent, c.size())
		defer c.EndTurn()
		return r.guardOf(c).Request(ctx, c)
	})
}

// scanResult is guard on a result.
func (r *Road) scanResult(ctx context.Context, c *Call) (Report, error) {
	return timed(&c.Stages.Guard, func() (Report, error) {
		c.turn = r.turns.take(ctx, c.Agent, len(c.Result.Bytes()))
		defer c.EndTurn()
		return r.guardOf(c).Result(ctx, c)
	})
}
