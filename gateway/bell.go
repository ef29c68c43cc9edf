package gateway

import "sync"

// Bell wakes whoever waits for what happens next, however many they are. The zero
// value is ready. It is safe for concurrent use, and rings for nobody at the price of
// a free lock.
type Bell struct {
	mu   sync.Mutex
	rung chan struct{} // closed by the next Ring; nil while nobody waits
}

// Next is closed by the next [Bell.Ring]. Take it before looking at what may change:
// what happens between the look and the wait is not missed then.
func (b *Bell) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

// Ring wakes all who wait.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
