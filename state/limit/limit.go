// Package limit bounds how often and how many at once: token buckets per
// agent, per tool, and per agent and tool; of each agent's lists; calls in progress per agent and in
// all; large bodies that are being read; failed authentications per peer address.
//
// Guarantees:
//
//   - A principal (issuer and ID) has one bucket, whatever surface, connection
//     or token it uses. Over any time t it gets at most burst + rate·t calls.
//   - A refused call takes nothing from any bucket, and RetryAfter is the time
//     after which all the buckets that refused it have a token.
//   - A call waits for a token at most [Options.Wait], and takes none of the places
//     among calls in progress meanwhile. Who waits is served in the order of arrival,
//     agents of one bucket by turns, and nobody passes the line. At most 16 calls of an
//     agent wait, and 256 in all; one more is refused at once.
//   - Memory is bounded by [Options.MaxAgents]. A bucket is dropped only when
//     it is full again and nothing of its owner is in progress, so dropping it
//     cannot be told from keeping it. When every bucket is busy, newcomers
//     share one bucket until one becomes free.
//
// [Limiter.Set] changes the limits while calls come and wait. Limits live in memory: a restart fills every bucket. Time is the monotonic
// clock, so setting the wall clock moves nothing.
package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Rate is a token bucket's shape. The zero Rate is no limit.
type Rate struct {
	PerSecond float64 // tokens that flow in per second; more than 0
	Burst     int     // the bucket's size in calls; at least 1
}

func (r Rate) limited() bool { return r != Rate{} }

func (r Rate) valid() error {
	if r.limited() && (!(r.PerSecond > 0) || r.Burst < 1) {
		return fmt.Errorf("a rate needs more than 0 per second and a burst of at least 1, got %v and %d", r.PerSecond, r.Burst)
	}
	return nil
}

// Tool is the limits of one tool.
type Tool struct {
	All      Rate // of all agents together
	PerAgent Rate // of each agent
}

// Options configures a [Limiter]. The zero value limits nothing but failures.
type Options struct {
	Default     Rate            // of every agent that is not in Agents
	Agents      map[string]Rate // by agent ID, for that ID of every issuer; the zero Rate lifts the limit
	Tools       map[string]Tool // by wire name, "github__create_issue"
	Lists       Rate            // of each agent's lists, which take from no other bucket
	Wait        time.Duration   // how long a call may wait for a token; 0 refuses at once
	Concurrency int             // calls in progress per agent; 0 is no limit
	Total       int             // calls in progress in all; 0 is no limit
	Failures    Rate            // failed authentications per peer address; zero: 1 per second, burst 20
	MaxAgents   int             // buckets kept, agents and agent-tool pairs together (about 450 bytes each); 0: 65,536. Peers: the same number
}

// Limiter bounds calls. It is safe for concurrent use.
type Limiter struct {
	setting sync.Mutex // held by Set
	rules   atomic.Pointer[rules]
	owned   table[owner]
	peers   table[string]
	total   atomic.Int64 // calls in progress
	queue   atomic.Int64 // calls that wait for a token

	bodies bodies
}

// rules are what is in force. They are immutable.
type rules struct {
	Options
	tools map[string]*tool
}

// owner names a bucket of an agent, of an agent and a tool, or of an agent's lists.
type owner struct {
	issuer, id, tool string
	lists            bool
}

type tool struct {
	Tool
	bucket *bucket // of all agents together
}

// New returns a Limiter, or an error that names the rate which makes no sense.
func New(opts Options) (*Limiter, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	l := &Limiter{}
	l.rules.Store(opts.rules(nil))
	l.owned.init(opts.MaxAgents, func(o owner) *entry { return l.newOwned(o, l.rules.Load().of(o)) })
	l.peers.init(opts.MaxAgents, func(string) *entry { return &entry{bucket: newBucket(l.rules.Load().Failures)} })
	return l, nil
}

// Set puts other limits in force, but for MaxAgents. Buckets keep what was taken
// from them, and calls in progress count on.
func (l *Limiter) Set(opts Options) error {
	if err := opts.complete(); err != nil {
		return err
	}
	l.setting.Lock()
	defer l.setting.Unlock()
	old, now := l.rules.Load(), time.Now()
	next := opts.rules(old.tools)
	l.rules.Store(next) // what is made from here on has the new rate; the rest is given it
	for wire, t := range old.tools {
		if next.tools[wire] == nil {
			t.bucket.set(now, Rate{})
		}
	}
	for _, t := range next.tools {
		t.bucket.set(now, t.All)
	}
	l.owned.each(func(o owner, e *entry) { e.set(now, next.of(o)) })
	l.peers.each(func(_ string, e *entry) { e.set(now, next.Failures) })
	return nil
}

// Check says what makes no sense, as [New] and [Limiter.Set] do.
func (o Options) Check() error { return o.complete() }

// complete fills in defaults and looks for what makes no sense.
func (o *Options) complete() error {
	if !o.Failures.limited() {
		o.Failures = Rate{PerSecond: 1, Burst: 20}
	}
	if o.MaxAgents <= 0 {
		o.MaxAgents = 1 << 16
	}
	for what, r := range rates(*o) {
		if err := r.valid(); err != nil {
			return fmt.Errorf("limit of %s: %w", what, err)
		}
	}
	if o.Wait < 0 {
		return fmt.Errorf("the wait is negative: %s", o.Wait)
	}
	if o.Concurrency < 0 || o.Total < 0 {
		return fmt.Errorf("concurrency is negative: %d per agent, %d in all", o.Concurrency, o.Total)
	}
	return nil
}

// rules makes the rules of options, with the buckets that tools have already.
func (o Options) rules(have map[string]*tool) *rules {
	r := &rules{Options: o, tools: make(map[string]*tool, len(o.Tools))}
	for wire, t := range o.Tools {
		of := &tool{Tool: t}
		if old := have[wire]; old != nil {
			of.bucket = old.bucket
		} else {
			of.bucket = newBucket(t.All)
		}
		r.tools[wire] = of
	}
	return r
}

// of is the rate of an owner's bucket.
func (r *rules) of(o owner) Rate {
	switch {
	case o.lists:
		return r.Lists
	case o.tool != "":
		if t := r.tools[o.tool]; t != nil {
			return t.PerAgent
		}
		return Rate{}
	}
	if named, ok := r.Agents[o.id]; ok {
		return named
	}
	return r.Default
}

func rates(opts Options) map[string]Rate {
	all := map[string]Rate{"default": opts.Default, "lists": opts.Lists, "failures": opts.Failures}
	for id, r := range opts.Agents {
		all["agent "+id] = r
	}
	for wire, t := range opts.Tools {
		all["tool "+wire] = t.All
		all["tool "+wire+" per agent"] = t.PerAgent
	}
	return all
}

// newOwned makes the entry of an agent, of an agent and a tool, or of its lists. The
// release function is made here, once, so that a call allocates nothing.
func (l *Limiter) newOwned(o owner, r Rate) *entry {
	e := &entry{bucket: newBucket(r)}
	if o.lists || o.tool != "" {
		return e
	}
	e.release = func() {
		l.leave(e)
		e.users.Add(-1)
	}
	return e
}

// Acquire takes one call of the agent, and of the tool if it is known (nil if not).
// It may wait; ctx ends that. Release gives the place among calls in progress back and
// must be called once. The refusals are RateLimited, Overloaded when the gateway as a
// whole is full, and Cancelled.
func (l *Limiter) Acquire(ctx context.Context, a *gateway.Agent, t *gateway.Tool) (release func(), err error) {
	now := time.Now()
	agent := l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID})
	c := claims{{agent.bucket, gateway.LimitAgent}}
	r := l.rules.Load()
	if t == nil || r.tools[t.Wire] == nil {
		return l.acquire(ctx, now, a, r, agent, &c, "")
	}
	limits := r.tools[t.Wire]
	pair := noEntry
	if limits.PerAgent.limited() {
		pair = l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID, tool: t.Wire})
		defer pair.users.Add(-1)
	}
	c[1], c[2] = claim{pair.bucket, gateway.LimitAgentTool}, claim{limits.bucket, gateway.LimitTool}
	return l.acquire(ctx, now, a, r, agent, &c, t.Wire)
}

// AcquireList is [Limiter.Acquire] for a list.
func (l *Limiter) AcquireList(ctx context.Context, a *gateway.Agent) (release func(), err error) {
	now := time.Now()
	agent := l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID})
	lists := l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID, lists: true})
	defer lists.users.Add(-1)
	return l.acquire(ctx, now, a, l.rules.Load(), agent, &claims{{lists.bucket, gateway.LimitLists}}, "")
}

// acquire takes what is claimed and a place, and lets the agent's entry go if it
// cannot.
func (l *Limiter) acquire(ctx context.Context, now time.Time, a *gateway.Agent, r *rules, agent *entry, c *claims, tool string) (func(), error) {
	refusal := l.enter(r, agent)
	if refusal == nil {
		worst, wait := c.take(now, owner{issuer: a.Issuer, id: a.ID})
		if wait == 0 {
			return agent.release, nil
		}
		l.leave(agent)
		if wait <= r.Wait && l.mayWait(agent) {
			refusal = l.await(ctx, now.Add(r.Wait), a, r, agent, c, tool)
			l.waited(agent)
		} else {
			refusal = over(c[worst], tool, wait)
		}
	}
	if refusal != nil {
		agent.users.Add(-1)
		return nil, refusal
	}
	return agent.release, nil
}

// enter takes a place among calls in progress.
func (l *Limiter) enter(r *rules, agent *entry) *gateway.Refusal {
	all, own := l.total.Add(1), agent.active.Add(1)
	switch {
	case r.Total > 0 && all > int64(r.Total):
		l.leave(agent)
		return full(gateway.LimitTotal, gateway.Overloaded, "the gateway has too many calls in progress", r.Total)
	case r.Concurrency > 0 && own > int64(r.Concurrency):
		l.leave(agent)
		return full(gateway.LimitConcurrency, gateway.RateLimited, "too many of your calls are in progress", r.Concurrency)
	}
	return nil
}

func (l *Limiter) leave(agent *entry) {
	l.total.Add(-1)
	agent.active.Add(-1)
}

// claims are the buckets that a call takes from; those it does not need are zero.
type claims [3]claim

type claim struct {
	*bucket
	rule gateway.LimitRule
}

// take takes a token from each bucket, or from none; then it says which of them is
// the last to have one, and when.
func (c *claims) take(now time.Time, who owner) (worst int, wait time.Duration) {
	var waits [len(c)]time.Duration
	for i := range c {
		if waits[i] = c[i].take(now, who); waits[i] > wait {
			worst, wait = i, waits[i]
		}
	}
	if wait == 0 {
		return 0, 0
	}
	for i := range c {
		if waits[i] == 0 {
			c[i].giveBack(now)
		}
	}
	return worst, wait
}

// who says whose limit it is.
func (c claim) who(tool string) string {
	switch c.rule {
	case gateway.LimitAgentTool:
		return "you on " + tool
	case gateway.LimitTool:
		return "all agents on " + tool
	case gateway.LimitLists:
		return "your lists"
	}
	return "you"
}

func over(c claim, tool string, wait time.Duration) *gateway.Refusal {
	rate := c.shape()
	refusal := gateway.Refuse("limit", gateway.RateLimited, fmt.Sprintf("the rate limit for %s is reached (%.4g per minute, burst %d); try again in %s",
		c.who(tool), rate.PerSecond*60, rate.Burst, wait.Round(time.Millisecond)))
	refusal.RetryAfter, refusal.Rule = wait, c.rule
	return refusal
}

// full refuses for concurrency. When a slot becomes free is not known; a
// second keeps clients from spinning.
func full(rule gateway.LimitRule, code gateway.Code, reason string, most int) *gateway.Refusal {
	refusal := gateway.Refuse("limit", code, fmt.Sprintf("%s (at most %d); try again when one has ended", reason, most))
	refusal.RetryAfter, refusal.Rule = time.Second, rule
	return refusal
}
