package main

import "testing"

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
