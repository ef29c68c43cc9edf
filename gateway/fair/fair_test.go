package fair

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func take(t *testing.T, p *Places, who string) (leave func()) {
	t.Helper()
	leave, err := p.Take(t.Context(), who, 0)
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return leave
}

func TestPlacesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(3, 2)
		var inside, own atomic.Int32
		next := make(chan struct{})
		for _, who := range []string{"a", "a", "a", "a", "b", "b", "b"} {
			go func() {
				defer take(t, p, who)()
				inside.Add(1)
				if who == "a" {
					own.Add(1)
				}
				<-next
				inside.Add(-1)
			}()
			synctest.Wait()
		}
		if inside.Load() != 3 || own.Load() != 2 || p.Taken() != 3 {
			t.Errorf("%d are inside, %d of one, %d places taken; want 3, 2, 3", inside.Load(), own.Load(), p.Taken())
		}
		next <- struct{}{}
		synctest.Wait()
		if inside.Load() != 3 {
			t.Errorf("%d are inside after one has left, want 3", inside.Load())
		}
		close(next)
		synctest.Wait()
		if p.Taken() != 0 || p.Callers() != 0 {
			t.Errorf("%d places and %d callers are left", p.Taken(), p.Callers())
		}
	})
}

// Who sends much does not have all others wait until it is done.
func TestNobodyStandsBehindAllOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2, 2)
		next := make(chan struct{})
		var mu sync.Mutex
		var done []string
		work := func(who string) {
			defer take(t, p, who)()
			<-next
			mu.Lock()
			defer mu.Unlock()
			done = append(done, who)
		}
		for range 20 {
			go work("mallory")
		}
		synctest.Wait()
		go work("alice")
		synctest.Wait()
		for range 5 { // two inside, two behind them, alice
			next <- struct{}{}
			synctest.Wait()
		}
		if !slices.Contains(done, "alice") {
			t.Errorf("alice waits behind more than four: %q", done)
		}
		close(next)
		synctest.Wait()
		if len(done) != 21 || p.Taken() != 0 || p.Callers() != 0 {
			t.Errorf("%d are done; %d places and %d callers are left", len(done), p.Taken(), p.Callers())
		}
	})
}

// Who waits no longer leaves nothing behind, wherever they waited.
func TestWaitingEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		who    string // "a" waits for its own, "b" for a place
		within time.Duration
		gone   time.Duration // after so long ctx ends
		want   error
		took   time.Duration
	}{
		{"own, late", "a", time.Second, time.Hour, ErrLate, time.Second},
		{"all, late", "b", time.Second, time.Hour, ErrLate, time.Second},
		{"own, gone", "a", 0, time.Minute, context.DeadlineExceeded, time.Minute},
		{"all, gone", "b", 0, time.Minute, context.DeadlineExceeded, time.Minute},
		{"gone before it is late", "b", time.Hour, time.Minute, context.DeadlineExceeded, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(1, 1)
				leave := take(t, p, "a")
				ctx, cancel := context.WithTimeout(t.Context(), c.gone)
				defer cancel()
				began := time.Now()
				if _, err := p.Take(ctx, c.who, c.within); !errors.Is(err, c.want) || time.Since(began) != c.took {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(began), c.want, c.took)
				}
				if p.spare != nil && len(p.spare.taken) > 0 {
					t.Error("who comes next has a place less")
				}
				leave()
				if p.Taken() != 0 || p.Callers() != 0 {
					t.Errorf("%d places and %d callers are left", p.Taken(), p.Callers())
				}
				take(t, p, c.who)()
			})
		})
	}
}

// A free place is taken without looking at the clock or at ctx: who is stopped finds
// out at the work itself.
func TestAFreePlaceIsTakenByWhoIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	leave, err := New(1, 1).Take(ctx, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
