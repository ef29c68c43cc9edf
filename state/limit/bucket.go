package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// bucket is a token bucket. A nil bucket is no limit, as is one of the zero Rate.
type bucket struct {
	mu   sync.Mutex
	rate Rate
	lim  rate.Limiter
	last time.Time // latest instant seen
	line line      // who waits for a token
}

func newBucket(r Rate) *bucket {
	return &bucket{rate: r, lim: *rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)}
}

// set gives a bucket another shape. What was taken stays taken, or whoever is over
// a limit would only need a reload to go on; a bucket that was no limit is full. Who
// waits is served by the new rate.
func (b *bucket) set(now time.Time, r Rate) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == r {
		return
	}
	now = b.advance(now)
	if b.rate.limited() && r.limited() {
		b.lim.SetLimitAt(now, rate.Limit(r.PerSecond))
		b.lim.SetBurstAt(now, r.Burst)
	} else {
		b.lim = *rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	b.rate = r
	b.serve(now)
}

// shape is what the bucket is now.
func (b *bucket) shape() Rate {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rate
}

// allow takes a token if there is one. The caller holds the lock.
func (b *bucket) allow(now time.Time) bool { return !b.rate.limited() || b.lim.AllowN(now, 1) }

// take takes a token and returns 0, or takes nothing and returns how long
// until there is one for this agent, after those in line before it.
func (b *bucket) take(now time.Time, who owner) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.advance(now)
	if len(b.line.waiting) > 0 {
		at, _ := b.line.place(who)
		return max(b.missing(now, at+1), 1)
	}
	if b.allow(now) {
		return 0
	}
	return b.missing(now, 1)
}

// advance keeps time from running backwards. Callers read the clock before
// they get the lock, and rate.Limiter, told an earlier time, would let the time
// in between flow in twice.
func (b *bucket) advance(now time.Time) time.Time {
	if now.After(b.last) {
		b.last = now
	}
	return b.last
}

// wait is the time until there is a token; 0 if there is one.
func (b *bucket) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missing(b.advance(now), 1)
}

// missing is the time until there are n tokens, rounded up so that a call after
// exactly this time finds one despite float rounding.
func (b *bucket) missing(now time.Time, n int) time.Duration {
	if !b.rate.limited() {
		return 0
	}
	missing := float64(n) - b.lim.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	ns := math.Ceil(missing/b.rate.PerSecond*1e9) + 1000
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// giveBack undoes a take of the same instant. A negative number of tokens is
// the only way to do so in one step: cancelling a reservation restores less
// than a token when others reserved in between, and refused callers would
// drain the bucket.
func (b *bucket) giveBack(now time.Time) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now = b.advance(now); b.rate.limited() {
		b.lim.AllowN(now, -1)
	}
	b.serve(now)
}

// full reports whether the bucket is as good as new.
func (b *bucket) full(now time.Time) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.rate.limited() || b.lim.TokensAt(b.advance(now)) >= float64(b.rate.Burst)
}

// entry is what a table keeps for one owner.
type entry struct {
	*bucket
	users   atomic.Int64 // holders, which keep it from being dropped: calls in progress, and those that wait
	active  atomic.Int64 // calls in progress; agents only
	waiting atomic.Int64 // calls that wait for a token; agents only
	release func()       // ends a call in progress; agents only
}

// noEntry has no bucket and belongs to no table.
var noEntry = &entry{}

// idle reports whether dropping the entry cannot be told from keeping it.
func (e *entry) idle(now time.Time) bool { return e.users.Load() == 0 && e.full(now) }
