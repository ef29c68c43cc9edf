package state

import (
	"context"
	"slices"
	"time"

	"toolward/gateway"
)

// lookAgain is how long at most [Room.EndBlocks] waits: a timer does not see that
// the clock was set, nor that the machine slept.
const lookAgain = time.Minute

// EndBlocks tells [Options.Blocks] when a block ends by its time, as when one is
// lifted, until ctx ends. Whether it still stops anybody does not wait for that: its
// time says so.
func (r *Room) EndBlocks(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		if next := r.endBlocks(time.Now()); !next.IsZero() {
			timer.Reset(min(time.Until(next), lookAgain))
		}
		select {
		case <-timer.C:
		case <-r.stopped:
		case <-ctx.Done():
			return
		}
	}
}

// endBlocks drops the blocks that have ended, and returns when the first of the
// others does; zero if none does by itself.
func (r *Room) endBlocks(now time.Time) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.blocks.Load().all
	held := slices.DeleteFunc(slices.Clone(all), func(b gateway.Block) bool { return !b.Holds(now) })
	for i := range held {
		if until := held[i].Until; !until.IsZero() && (next.IsZero() || until.Before(next)) {
			next = until
		}
	}
	if len(held) < len(all) {
		r.blocks.Store(newBlockSet(held))
		r.tellBlocks()
	}
	return next
}
