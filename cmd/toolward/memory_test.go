package main

import (
	"runtime/debug"
	"testing"
)

func TestHeapGrowsByWhatIsOfUse(t *testing.T) {
	for _, tt := range []struct {
		live uint64 // MiB
		want int
	}{{0, 400}, {10, 400}, {20, 400}, {40, 200}, {80, 100}, {160, 100}, {4000, 100}} {
		if got := growth(tt.live << 20); got != tt.want {
			t.Errorf("%d MiB: %d %%, want %d", tt.live, got, tt.want)
		}
	}
}

// What the operator says holds, also where it is Go's default.
func TestHeapGrowsAsTheOperatorSays(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	t.Setenv("GOGC", "100")
	tuneMemory()
	if now := debug.SetGCPercent(100); now != 100 {
		t.Errorf("%d %%, want 100", now)
	}
}
