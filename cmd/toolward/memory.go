package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A gateway's live heap is twenty or thirty megabytes, and each call leaves tens of
// kilobytes behind. With Go's default the heap is marked at every doubling of those
// megabytes, which takes an eighth of a call's CPU. It may grow to five times what
// lives, but by no more than gcRoom: many callers with large bodies hold more, and
// four times that is for nothing. However much lives, as of a thousand tools, the heap
// may double, as it does by default: under a limit for the whole process it is marked
// without end when it comes near that.
const (
	gcMost  = 400      // per cent of what lives
	gcLeast = 100      // likewise
	gcRoom  = 80 << 20 // bytes
)

// tuneMemory sets the collector, unless the operator did (GOGC). GOMEMLIMIT, if there
// is one, holds besides.
func tuneMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcMost)
	afterEachCycle(gcMost)
}

// afterEachCycle sets for the next cycle of the collector how much the heap may grow
// in it: what is cleaned up is a word that nobody holds. What is set now is was.
func afterEachCycle(was int) {
	runtime.AddCleanup(new(*int), func(was int) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		now := growth(sample[0].Value.Uint64())
		if now != was {
			debug.SetGCPercent(now)
		}
		afterEachCycle(now)
	}, was)
}

// growth is by how many per cent of what lives the heap may grow.
func growth(live uint64) int {
	return int(min(max(gcRoom*100/max(live, 1), gcLeast), gcMost))
}
