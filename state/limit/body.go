package limit

import (
	"io"
	"sync"

	"toolward/gateway"
)

// A body takes memory from when its first byte is read, long before the call
// that it holds takes from a bucket, and half a minute if it comes slowly. So
// bodies that are not small are counted while they are read.
const (
	smallBody   = 64 << 10 // bytes that are read without being counted
	agentBodies = 32       // larger ones that an agent may send at once
	allBodies   = 256      // in all
)

// bodies are the large bodies that are being read, by principal.
type bodies struct {
	mu  sync.Mutex
	of  map[string]int
	all int
}

// Body bounds the bodies that are read at once: at most 32 of an agent, and 256
// in all, go on past their first 64 KiB. Read answers with a *gateway.Refusal
// (RateLimited, Overloaded) for one more. Close gives the place back.
func (l *Limiter) Body(a *gateway.Agent, r io.Reader) io.ReadCloser {
	return &body{bodies: &l.bodies, principal: a.Principal(), r: r}
}

// body is one that is being read, by one goroutine.
type body struct {
	bodies    *bodies
	principal string
	r         io.Reader
	read      int
	counted   bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.read > smallBody && !b.counted {
		if refusal := b.bodies.enter(b.principal); refusal != nil {
			return 0, refusal
		}
		b.counted = true
	}
	if !b.counted { // so that what is not counted is not more
		p = p[:min(len(p), smallBody+1-b.read)]
	}
	n, err := b.r.Read(p)
	b.read += n
	return n, err
}

// Close implements [io.Closer]. It does not close what is read.
func (b *body) Close() error {
	if b.counted {
		b.bodies.leave(b.principal)
		b.counted = false
	}
	return nil
}

func (b *bodies) enter(principal string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.of[principal] >= agentBodies:
		return full(gateway.LimitBodies, gateway.RateLimited, "too many of your requests are still being sent", agentBodies)
	case b.all >= allBodies:
		return full(gateway.LimitBodies, gateway.Overloaded, "too many large requests are being sent to the gateway", allBodies)
	}
	if b.of == nil {
		b.of = map[string]int{}
	}
	b.of[principal]++
	b.all++
	return nil
}

func (b *bodies) leave(principal string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.of[principal]--; b.of[principal] == 0 {
		delete(b.of, principal)
	}
}
