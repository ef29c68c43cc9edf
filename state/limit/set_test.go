package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// Whoever set new limits gets them, for agents and tools that are known as for those
// that are not, and nobody gets back what they had taken.
func TestSetChangesLimitsThatAreInUse(t *testing.T) {
	slow := func(burst int) Rate { return Rate{1e-6, burst} }
	tool := &gateway.Tool{Wire: "crm__read"}
	for name, tt := range map[string]struct {
		before, after Options
		took          int // before
		left          int // that may be taken after
	}{
		"the same again":               {Options{Default: slow(5)}, Options{Default: slow(5)}, 3, 2},
		"a smaller burst":              {Options{Default: slow(10)}, Options{Default: slow(4)}, 2, 4},
		"a smaller burst, all taken":   {Options{Default: slow(10)}, Options{Default: slow(4)}, 10, 0},
		"a larger burst does not fill": {Options{Default: slow(5)}, Options{Default: slow(50)}, 5, 0},
		"a name of its own":            {Options{Default: slow(5)}, Options{Default: slow(5), Agents: map[string]Rate{"ann": slow(2)}}, 1, 2},
		"no name of its own any more":  {Options{Default: slow(2), Agents: map[string]Rate{"ann": slow(9)}}, Options{Default: slow(2)}, 1, 2},
		"no limit any more":            {Options{Default: slow(2)}, Options{}, 2, 100},
		"a limit at last":              {Options{}, Options{Default: slow(3)}, 50, 3},
		"a tool's, new":                {Options{}, Options{Tools: map[string]Tool{tool.Wire: {All: slow(3)}}}, 9, 3},
		"a tool's, changed":            {Options{Tools: map[string]Tool{tool.Wire: {All: slow(9)}}}, Options{Tools: map[string]Tool{tool.Wire: {All: slow(3)}}}, 8, 1},
		"a tool's, gone":               {Options{Tools: map[string]Tool{tool.Wire: {All: slow(3)}}}, Options{}, 3, 100},
		"an agent's on a tool":         {Options{Tools: map[string]Tool{tool.Wire: {PerAgent: slow(9)}}}, Options{Tools: map[string]Tool{tool.Wire: {PerAgent: slow(3)}}}, 9, 0},
		"no wrong one":                 {Options{Default: slow(5)}, Options{Default: Rate{-1, 9}}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimiter(t, tt.before)
			if got := admitted(l, agent("ann"), tool, tt.took); got != tt.took {
				t.Fatalf("%d of %d before", got, tt.took)
			}
			if err := l.Set(tt.after); (err != nil) != (name == "no wrong one") {
				t.Fatal(err)
			}
			if got := admitted(l, agent("ann"), tool, 100); got != tt.left {
				t.Errorf("%d after, want %d", got, tt.left)
			}
		})
	}
}

// Calls in progress are counted on, over a reload and its end.
func TestSetCountsCallsInProgress(t *testing.T) {
	l := newLimiter(t, Options{Concurrency: 3, Total: 9})
	release, err := l.Acquire(t.Context(), agent("ann"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Set(Options{Concurrency: 1, Total: 9}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Acquire(t.Context(), agent("ann"), nil); refusal(t, err).Rule != gateway.LimitConcurrency {
		t.Fatal(err)
	}
	release()
	if _, err := l.Acquire(t.Context(), agent("ann"), nil); err != nil {
		t.Fatal(err)
	}
}

// Who waits for a token does not wait by a rate that is no more.
func TestSetServesWhoWaits(t *testing.T) {
	for name, after := range map[string]Options{
		"faster": {Default: Rate{1000, 1}, Wait: time.Minute}, "free": {Wait: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, Options{Default: Rate{1.0 / 50, 1}, Wait: time.Minute})
				admitted(l, agent("ann"), nil, 1)
				start, done := time.Now(), make(chan time.Duration, 1)
				go func() {
					if _, err := l.Acquire(t.Context(), agent("ann"), nil); err == nil {
						done <- time.Since(start)
					}
				}()
				synctest.Wait()
				if err := l.Set(after); err != nil {
					t.Fatal(err)
				}
				if waited := <-done; waited > time.Second {
					t.Errorf("it waited %s", waited)
				}
			})
		})
	}
}

// A thousand agents call while limits change: never more than the largest burst that
// was ever in force gets through, since nothing flows in. Run with the race detector.
func TestAttackLimitsThatAreSetOftenGiveNothingAway(t *testing.T) {
	options := func(burst int) Options {
		return Options{Default: Rate{1e-9, burst}, Tools: map[string]Tool{"crm__read": {All: Rate{1e-9, 40 * burst}, PerAgent: Rate{1e-9, burst}}}}
	}
	l := newLimiter(t, options(10))
	tool := &gateway.Tool{Wire: "crm__read"}
	var got atomic.Int64
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 500 {
				if release, err := l.Acquire(t.Context(), agent("ann"), tool); err == nil {
					got.Add(1)
					release()
				}
			}
		})
	}
	for i := range 200 {
		if err := l.Set(options(5 + i%2*5)); err != nil {
			t.Fatal(err)
		}
	}
	calls.Wait()
	if got.Load() > 10 {
		t.Errorf("%d calls, and at most 10 were ever allowed", got.Load())
	}
}
