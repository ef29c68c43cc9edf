package server

import (
	"context"
	"sync"

	"toolward/gateway"
)

// barriers end streams that outlive the request which was let in, when their
// agent is blocked, or the upstream that their endpoint is of. Calls are stopped
// on the road; a stream without one is not there. It is safe for concurrent use.
type barriers struct {
	state   gateway.State
	changed chan struct{} // holds one if what is blocked has changed

	mu   sync.Mutex
	open map[*barrier]struct{}
}

// barrier stands at one stream.
type barrier struct {
	agent  *gateway.Agent // of the token that opened it
	server string         // of its endpoint, "" on /mcp
	end    func()         // does not block, and may be called again
}

func newBarriers(state gateway.State) *barriers {
	return &barriers{state: state, changed: make(chan struct{}, 1), open: map[*barrier]struct{}{}}
}

// watch has a stream ended once it is to be, at once if it is already: between
// the door and here somebody may have been blocked.
func (bs *barriers) watch(a *gateway.Agent, server string, end func()) (over func()) {
	b := &barrier{a, server, end}
	bs.mu.Lock()
	bs.open[b] = struct{}{}
	bs.mu.Unlock()
	bs.heed(b)
	return func() {
		bs.mu.Lock()
		delete(bs.open, b)
		bs.mu.Unlock()
	}
}

func (bs *barriers) heed(b *barrier) {
	if bs.state.Admit(b.agent, b.server) != nil {
		b.end()
	}
}

// BlocksChanged ends the streams of who is blocked by now, and tells the others
// to ask for their lists again. It returns at once.
func (s *Server) BlocksChanged() {
	select {
	case s.barriers.changed <- struct{}{}:
	default: // the one that waits covers this one
	}
}

// run heeds changes until ctx ends.
func (bs *barriers) run(ctx context.Context, told func()) {
	for {
		select {
		case <-bs.changed:
		case <-ctx.Done():
			return
		}
		bs.mu.Lock()
		for b := range bs.open {
			bs.heed(b)
		}
		bs.mu.Unlock()
		told()
	}
}
