package main

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What is held back takes a bounded place, of each upstream apart, and what has none
// is counted: events and those that are left out add up to what there was.
func TestHeldBackIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		size, times   int // each second
		events, texts int // an hour
	}{
		"few":                    {1000, 10, 10, 10},
		"as many as may be":      {1, mostHeldEvents, mostHeldEvents, mostHeldEvents},
		"one more":               {1, mostHeldEvents + 1, mostHeldEvents, mostHeldEvents},
		"small ones, all hour":   {300, 3600 * 5, mostHeldEvents, mostHeldEvents},
		"large ones":             {1 << 20, 100, 100, 4},
		"as large as may be":     {mostHeldBytes, 2, 2, 1},
		"larger, then small":     {mostHeldBytes + 1, 3, 3, 0},
		"large ones, and many":   {1 << 20, 5000, mostHeldEvents, 4},
		"nothing in them at all": {0, 5000, mostHeldEvents, mostHeldEvents},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var noted []leftOut
				h := newHeldBack(func(_ context.Context, _ string, detail any) error {
					noted = append(noted, detail.(leftOut))
					return nil
				}, slog.New(slog.DiscardHandler))
				spend := func(server string, times, size int) (events, texts int) {
					for range times {
						event, text := h.spend(server, size)
						events, texts = events+map[bool]int{true: 1}[event], texts+map[bool]int{true: 1}[text]
					}
					return events, texts
				}
				for hour := range 3 {
					noted = nil
					if events, texts := spend("flapping", tt.times, tt.size); events != tt.events || texts != tt.texts {
						t.Errorf("hour %d: %d events, %d with texts; want %d and %d", hour, events, texts, tt.events, tt.texts)
					}
					if events, texts := spend("other", 1, 1); events != 1 || texts != 1 {
						t.Errorf("hour %d: the other has no place", hour)
					}
					if hour == 2 {
						if err := h.close(); err != nil {
							t.Fatal(err)
						}
					} else {
						time.Sleep(heldFor)
						synctest.Wait()
					}
					var want []int
					if left := tt.times - tt.events; left > 0 {
						want = []int{left}
					}
					var got []int
					for _, l := range noted {
						if got = append(got, l.N); l.Server != "flapping" || l.First.IsZero() || l.Last.Before(l.First) {
							t.Errorf("%+v", l)
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("hour %d: %d were left out, want %d", hour, got, want)
					}
				}
			})
		})
	}
}
