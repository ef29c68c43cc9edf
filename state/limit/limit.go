// Package limit bounds how often and how many at once: token buckets per
// agent, per tool, and per agent and tool; calls in progress per agent and in
// all; large bodies that are being read; failed authentications per peer address.
//
// Guarantees:
//
//   - A principal (issuer and ID) has one bucket, whatever surface, connection
//     or token it uses. Over any time t it gets at most burst + rate·t calls.
//   - A refused call takes nothing from any bucket, and RetryAfter is the time
//     after which all the buckets that refused it have a token.
//   - Memory is bounded by [Options.MaxAgents]. A bucket is dropped only when
//     it is full again and nothing of its owner is in progress, so dropping it
//     cannot be told from keeping it. When every bucket is busy, newcomers
//     share one bucket until one becomes free.
//
// Limits live in memory: a restart fills every bucket. Time is the monotonic
// clock, so setting the wall clock moves nothing.
package limit

import (
	"fmt"
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
	Concurrency int             // calls in progress per agent; 0 is no limit
	Total       int             // calls in progress in all; 0 is no limit
	Failures    Rate            // failed authentications per peer address; zero: 1 per second, burst 20
	MaxAgents   int             // buckets kept, agents and agent-tool pairs together (about 400 bytes each); 0: 65,536. Peers: the same number
}

// Limiter bounds calls. It is safe for concurrent use.
type Limiter struct {
	opts  Options
	tools map[string]*tool
	owned table[owner]
	peers table[string]
	total atomic.Int64

	bodies bodies
}

// owner names a bucket of an agent, or of an agent and a tool.
type owner struct{ issuer, id, tool string }

type tool struct {
	all      *bucket // nil if unlimited
	perAgent Rate
}

// New returns a Limiter, or an error that names the rate which makes no sense.
func New(opts Options) (*Limiter, error) {
	if !opts.Failures.limited() {
		opts.Failures = Rate{PerSecond: 1, Burst: 20}
	}
	if opts.MaxAgents <= 0 {
		opts.MaxAgents = 1 << 16
	}
	for what, r := range rates(opts) {
		if err := r.valid(); err != nil {
			return nil, fmt.Errorf("limit of %s: %w", what, err)
		}
	}
	if opts.Concurrency < 0 || opts.Total < 0 {
		return nil, fmt.Errorf("concurrency is negative: %d per agent, %d in all", opts.Concurrency, opts.Total)
	}
	l := &Limiter{opts: opts, tools: make(map[string]*tool, len(opts.Tools))}
	for wire, t := range opts.Tools {
		l.tools[wire] = &tool{all: newBucket(t.All), perAgent: t.PerAgent}
	}
	l.owned.init(opts.MaxAgents, l.newOwned)
	l.peers.init(opts.MaxAgents, func(string) *entry { return &entry{bucket: newBucket(opts.Failures)} })
	return l, nil
}

func rates(opts Options) map[string]Rate {
	all := map[string]Rate{"default": opts.Default, "failures": opts.Failures}
	for id, r := range opts.Agents {
		all["agent "+id] = r
	}
	for wire, t := range opts.Tools {
		all["tool "+wire] = t.All
		all["tool "+wire+" per agent"] = t.PerAgent
	}
	return all
}

// newOwned makes the entry of an agent, or of an agent and a tool. The release
// function is made here, once, so that a call allocates nothing.
func (l *Limiter) newOwned(o owner) *entry {
	if o.tool != "" {
		return &entry{bucket: newBucket(l.tools[o.tool].perAgent)}
	}
	r, named := l.opts.Agents[o.id]
	if !named {
		r = l.opts.Default
	}
	e := &entry{bucket: newBucket(r)}
	e.release = func() {
		l.total.Add(-1)
		e.users.Add(-1)
	}
	return e
}

// Acquire takes one call of the agent, and of the tool if it is known (nil if not).
// Release gives the place among calls in progress back and must be called once. The
// refusals are RateLimited, and
// Overloaded when the gateway as a whole is full.
func (l *Limiter) Acquire(a *gateway.Agent, t *gateway.Tool) (func(), error) {
	now := time.Now()
	agent := l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID})
	all := l.total.Add(1)
	if l.opts.Total > 0 && all > int64(l.opts.Total) {
		agent.release()
		return nil, full(gateway.LimitTotal, gateway.Overloaded, "the gateway has too many calls in progress", l.opts.Total)
	}
	if l.opts.Concurrency > 0 && agent.users.Load() > int64(l.opts.Concurrency) {
		agent.release()
		return nil, full(gateway.LimitConcurrency, gateway.RateLimited, "too many of your calls are in progress", l.opts.Concurrency)
	}
	if refusal := l.take(now, a, agent, t); refusal != nil {
		agent.release()
		return nil, refusal
	}
	return agent.release, nil
}

// take takes a token from each bucket that applies, or from none.
func (l *Limiter) take(now time.Time, a *gateway.Agent, agent *entry, t *gateway.Tool) *gateway.Refusal {
	var limits *tool
	if t != nil {
		limits = l.tools[t.Wire]
	}
	if limits == nil {
		if wait := agent.take(now); wait > 0 {
			return over(gateway.LimitAgent, "you", agent.rate, wait)
		}
		return nil
	}
	pair := noEntry
	if limits.perAgent.limited() {
		pair = l.owned.hold(now, owner{issuer: a.Issuer, id: a.ID, tool: t.Wire})
		defer pair.users.Add(-1)
	}
	waits := [3]time.Duration{agent.take(now), pair.take(now), limits.all.take(now)}
	wait := max(waits[0], waits[1], waits[2])
	if wait == 0 {
		return nil
	}
	names := [3]string{"you", "you on " + t.Wire, "all agents on " + t.Wire}
	rules := [3]gateway.LimitRule{gateway.LimitAgent, gateway.LimitAgentTool, gateway.LimitTool}
	var worst Rate
	var who string
	var rule gateway.LimitRule
	for i, b := range [3]*bucket{agent.bucket, pair.bucket, limits.all} {
		switch waits[i] {
		case 0:
			b.giveBack(now)
		case wait:
			worst, who, rule = b.rate, names[i], rules[i]
		}
	}
	return over(rule, who, worst, wait)
}

func over(rule gateway.LimitRule, who string, r Rate, wait time.Duration) *gateway.Refusal {
	refusal := gateway.Refuse("limit", gateway.RateLimited, fmt.Sprintf(
		"the rate limit for %s is reached (%.4g per minute, burst %d); try again in %s", who, r.PerSecond*60, r.Burst, wait.Round(time.Millisecond)))
	refusal.RetryAfter, refusal.Rule = wait, rule
	return refusal
}

// full refuses for concurrency. When a slot becomes free is not known; a
// second keeps clients from spinning.
func full(rule gateway.LimitRule, code gateway.Code, reason string, most int) *gateway.Refusal {
	refusal := gateway.Refuse("limit", code, fmt.Sprintf("%s (at most %d); try again when one has ended", reason, most))
	refusal.RetryAfter, refusal.Rule = time.Second, rule
	return refusal
}
