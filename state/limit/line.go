package limit

import (
	"context"
	"slices"
	"time"

	"toolward/gateway"
)

// Bounds of the lines. Who waits has a goroutine and its arguments in memory.
const (
	agentWaiting = 16  // calls of an agent that wait at once
	allWaiting   = 256 // in all
	turnsKept    = 256 // agents that a bucket knows the turn of
)

// line is who waits for a token of a bucket. Its bucket's lock guards it.
//
// Agents take turns, as in start-time fair queueing (Goyal, Vin, Cheng 1996): a
// waiter's start is the turn that is being served, or the one after the last that
// its agent was given, whichever is later. So one that asks for more than there is waits for
// its own calls, and one that asks rarely comes next:
//
//	greedy waits at 0, 1, 2; modest comes, starts at 0, and is served second
type line struct {
	waiting []*waiter        // by start, then by arrival
	turn    uint64           // start of the latest that was served
	next    map[owner]uint64 // start of an agent's next, of those that were served
	timer   *time.Timer      // serves when there is a token; nil until it is needed
}

type waiter struct {
	who   owner // an agent
	start uint64
	ready chan struct{} // closed once the token is taken for it
}

// mayWait counts a call among those that wait, if there is room for it.
func (l *Limiter) mayWait(agent *entry) bool {
	if own, all := agent.waiting.Add(1), l.queue.Add(1); own <= agentWaiting && all <= allWaiting {
		return true
	}
	l.waited(agent)
	return false
}

func (l *Limiter) waited(agent *entry) {
	agent.waiting.Add(-1)
	l.queue.Add(-1)
}

// await takes the tokens one after the other, waiting for each, and then a place; or
// nothing.
func (l *Limiter) await(ctx context.Context, until time.Time, a *gateway.Agent, r *rules, agent *entry, c *claims, tool string) *gateway.Refusal {
	who := owner{issuer: a.Issuer, id: a.ID}
	for i := range c {
		if c[i].bucket == nil {
			continue
		}
		wait := c[i].await(ctx, until, who)
		if wait == 0 {
			continue
		}
		c.giveBack(i)
		if ctx.Err() != nil {
			return gateway.Refuse("limit", gateway.Cancelled, "the agent cancelled the call or went away").Because(context.Cause(ctx))
		}
		return over(c[i], tool, wait)
	}
	refusal := l.enter(r, agent)
	if refusal != nil {
		c.giveBack(len(c))
	}
	return refusal
}

// giveBack undoes the takes of the first n.
func (c *claims) giveBack(n int) {
	for i := range n {
		c[i].bucket.giveBack(time.Now())
	}
}

// await takes a token and returns 0; or, if that would take until later than it may, or
// ctx ends, takes none and returns how long it would have been.
func (b *bucket) await(ctx context.Context, until time.Time, who owner) time.Duration {
	w, wait := b.join(time.Now(), until, who)
	if w == nil {
		return wait
	}
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-w.ready:
		return 0
	case <-late.C: // others came before it
	case <-ctx.Done():
	}
	return b.abandon(ctx, time.Now(), w)
}

// join takes a token, or a place in line that is served in time, or neither.
func (b *bucket) join(now, until time.Time, who owner) (*waiter, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.advance(now)
	if len(b.line.waiting) == 0 && b.allow(now) {
		return nil, 0
	}
	at, start := b.line.place(who)
	if wait := b.missing(now, at+1); now.Add(wait).After(until) {
		return nil, wait
	}
	w := &waiter{who: who, start: start, ready: make(chan struct{})}
	b.line.waiting = slices.Insert(b.line.waiting, at, w)
	b.serve(now)
	return w, 0
}

// place is where in line a call of an agent would stand.
func (n *line) place(who owner) (at int, start uint64) {
	start = max(n.turn, n.next[who])
	for _, w := range n.waiting {
		if w.who == who {
			start = max(start, w.start+1)
		}
	}
	at = len(n.waiting)
	for at > 0 && n.waiting[at-1].start > start {
		at--
	}
	return at, start
}

// abandon takes a waiter out of the line. One that was served meanwhile keeps its
// token, unless nobody wants it any more.
func (b *bucket) abandon(ctx context.Context, now time.Time, w *waiter) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.advance(now)
	at := slices.Index(b.line.waiting, w)
	if at < 0 {
		if ctx.Err() == nil {
			return 0
		}
		if b.rate.limited() {
			b.lim.AllowN(now, -1)
		}
		at = 0
	} else {
		b.line.waiting = slices.Delete(b.line.waiting, at, at+1)
	}
	b.serve(now)
	return max(b.missing(now, at+1), time.Millisecond)
}

// serve gives those in line the tokens that there are, and comes back for the next. The
// caller holds the lock.
func (b *bucket) serve(now time.Time) {
	n := &b.line
	for len(n.waiting) > 0 && b.allow(now) {
		w := n.waiting[0]
		n.waiting = slices.Delete(n.waiting, 0, 1)
		if n.next == nil || len(n.next) >= turnsKept {
			n.next = map[owner]uint64{}
		}
		n.turn, n.next[w.who] = w.start, w.start+1
		close(w.ready)
	}
	if len(n.waiting) == 0 {
		return
	}
	in := b.missing(now, 1)
	if n.timer == nil {
		n.timer = time.AfterFunc(in, b.tick)
		return
	}
	n.timer.Reset(in)
}

func (b *bucket) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve(b.advance(time.Now()))
}
