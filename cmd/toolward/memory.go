package main

import (
	"math"
	"runtime/debug"
)

// A gateway's live heap is about ten megabytes, and each call leaves tens of
// kilobytes behind. With Go's default the heap is marked at every doubling of
// those ten megabytes, which takes an eighth of a call's CPU; with gcPercent it
// is marked a quarter as often, for some 30 MiB more under load. As the heap
// comes near gcLimit it is collected more often again, so that what many
// callers hold at once does not add to that.
const (
	gcPercent = 400
	gcLimit   = 256 << 20 // bytes; soft, of all that the Go runtime holds
)

// tuneMemory sets the collector, unless the operator did (GOGC, GOMEMLIMIT).
func tuneMemory() {
	if was := debug.SetGCPercent(gcPercent); was != 100 {
		debug.SetGCPercent(was)
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(gcLimit)
	}
}
