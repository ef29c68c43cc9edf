package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"toolward/audit"
	"toolward/gateway"
)

// What is kept of each upstream's definitions that are held back, an hour: one that
// offers others each second must not fill the disk.
const (
	heldFor        = time.Hour
	mostHeldEvents = 1000
	mostHeldBytes  = 4 << 20 // of definitions
)

// heldBack bounds what stands in the record of definitions that are held back. What
// has no event of its own is counted, and becomes one event an hour:
//
//	{"server": "flapping", "n": 17000, "first": "2026-11-29T01:00:00Z", "last": "2026-11-29T01:59:59Z"}
type heldBack struct {
	note func(ctx context.Context, eventType string, detail any) error
	log  *slog.Logger
	stop chan struct{}
	done sync.WaitGroup

	mu sync.Mutex
	of map[string]*heldShare // by server, in this hour
}

// heldShare is what one upstream has used.
type heldShare struct {
	events, bytes int
	left          leftOut
}

// leftOut is the body of an event of [audit.TypeQuarantinedMore].
type leftOut struct {
	Server string    `json:"server"`
	N      int       `json:"n"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

func newHeldBack(note func(context.Context, string, any) error, log *slog.Logger) *heldBack {
	h := &heldBack{note: note, log: log, stop: make(chan struct{}), of: map[string]*heldShare{}}
	h.done.Go(gateway.Contain(log, "definitions that are held back", h.run))
	return h
}

// close records what has not been yet.
func (h *heldBack) close() error {
	close(h.stop)
	h.done.Wait()
	return h.flush()
}

func (h *heldBack) run() {
	tick := time.NewTicker(heldFor)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := h.flush(); err != nil {
				h.log.Error("that definitions were held back could not be recorded", "error", err)
			}
		case <-h.stop:
			return
		}
	}
}

// spend reports whether there is place for an event about n bytes of a server's, and
// for the bytes.
func (h *heldBack) spend(server string, n int) (event, texts bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.of[server]
	if s == nil {
		s = &heldShare{left: leftOut{Server: server}}
		h.of[server] = s
	}
	if s.events == mostHeldEvents {
		s.left.Last = time.Now().UTC()
		if s.left.N++; s.left.N == 1 {
			s.left.First = s.left.Last
		}
		return false, false
	}
	s.events++
	if s.bytes+n > mostHeldBytes {
		return true, false
	}
	s.bytes += n
	return true, true
}

// flush records what was left out, and begins anew.
func (h *heldBack) flush() error {
	h.mu.Lock()
	of := h.of
	h.of = map[string]*heldShare{}
	h.mu.Unlock()
	var errs []error
	for _, s := range of {
		if s.left.N > 0 {
			errs = append(errs, h.note(context.Background(), audit.TypeQuarantinedMore, s.left))
		}
	}
	return errors.Join(errs...)
}
