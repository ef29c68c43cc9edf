package client

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errTimeout = errors.New("call timeout")

// clock bounds the time an upstream has for a call. It stands still while the
// agent, or a person behind it, is being asked something: that is not the
// upstream's time.
type clock struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	timer  *time.Timer
	left   time.Duration
	since  time.Time
	paused int
}

func startClock(ctx context.Context, d time.Duration) *clock {
	c := &clock{left: d, since: time.Now()}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.timer = time.AfterFunc(d, func() { c.cancel(errTimeout) })
	return c
}

func (c *clock) stop() {
	c.timer.Stop()
	c.cancel(nil)
}

func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused++; c.paused == 1 && c.timer.Stop() {
		c.left -= time.Since(c.since)
	}
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused--; c.paused == 0 {
		c.since = time.Now()
		c.timer.Reset(max(c.left, 0))
	}
}

// expired reports whether the upstream's time ran out. The caller's own
// deadline is not that: an agent in a hurry says nothing about the upstream.
func (c *clock) expired() bool { return errors.Is(context.Cause(c.ctx), errTimeout) }
