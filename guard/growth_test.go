package guard

import (
	"runtime"
	"slices"
	"testing"

	"toolward/guard/guardtest"
)

// What a scan costs per KiB must not depend on how large the text is. Time says
// so only on a quiet machine (BenchmarkHostile). Here allocated bytes are
// counted, and by cmd/growth the blocks of code that run.
const (
	smallSize = 16 << 10
	largeSize = 256 << 10
	hugeSize  = 10 << 20
)

// huge are the kinds that are scanned at hugeSize too: the ways in which cost
// once grew.
var huge = []string{"rule words", "comments", "data", "short strings", "long pointers"}

// TestAllocationPerKiBDoesNotGrow measures with empty pools. It allows twice
// as much, since buffers grow in steps.
func TestAllocationPerKiBDoesNotGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 150 MiB")
	}
	if raceEnabled {
		t.Skip("the race detector allocates, and one goroutine races with none")
	}
	s := newScanner(t, Options{})
	perKiBDoesNotGrow(t, s, 2, 128<<10, func(f func()) float64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools keep lives until the second
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	})
}

// perKiBDoesNotGrow scans every kind of text at several sizes, as a result and
// as arguments, and measures each. The cost per KiB may be so many times that of
// a small text, and each scan may cost so much more.
func perKiBDoesNotGrow(t *testing.T, s *Scanner, factor, free float64, measure func(f func()) float64) {
	for _, k := range slices.Concat(kinds(t), guardtest.Hostile()) {
		sizes := []int{largeSize}
		if slices.Contains(huge, k.Name) {
			sizes = append(sizes, hugeSize)
		}
		for _, sent := range []bool{false, true} {
			c, raw := kindCall(t, k, smallSize)
			small := measure(func() { scanHalf(t, s, c, sent) })
			each := small / float64(len(raw))
			for _, size := range sizes {
				c, raw := kindCall(t, k, size)
				n := float64(len(raw))
				if cost := measure(func() { scanHalf(t, s, c, sent) }); cost > factor*each*n+free {
					t.Errorf("%s, sent %v: %.0f per KiB of %d KiB, %.0f per KiB of %d KiB", k.Name, sent,
						each*1024, smallSize>>10, cost/n*1024, len(raw)>>10)
				}
			}
		}
	}
}
