package gateway

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Of large bodies as many are read at once as there are processors; small ones and
// those of who is gone do not wait for them.
func TestLargeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		var inside atomic.Int32
		next := make(chan struct{})
		n := int32(runtime.GOMAXPROCS(0))
		for range n + 2 {
			go func() {
				defer all.take(t.Context(), nil, manyBytes)()
				inside.Add(1)
				<-next
				inside.Add(-1)
			}()
		}
		synctest.Wait()
		if got := inside.Load(); got != n {
			t.Fatalf("%d of %d are inside, want %d", got, n+2, n)
		}
		all.take(t.Context(), nil, manyBytes-1)()
		gone, stop := context.WithCancel(t.Context())
		stop()
		all.take(gone, nil, manyBytes)()
		next <- struct{}{}
		next <- struct{}{}
		synctest.Wait()
		if got := inside.Load(); got != n {
			t.Errorf("%d are inside after two have left, want %d", got, n)
		}
		close(next)
		synctest.Wait()
		if got := inside.Load(); got != 0 {
			t.Errorf("%d are inside at the end", got)
		}
	})
}

// Who sends many large bodies is not read before all others.
func TestAgentsTakeTurnsWithLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		n := runtime.GOMAXPROCS(0)
		next := make(chan struct{})
		var read []string
		var mu sync.Mutex
		send := func(who string) {
			defer all.take(t.Context(), &Agent{ID: who}, manyBytes)()
			<-next
			mu.Lock()
			read = append(read, who)
			mu.Unlock()
		}
		for range 10 * n {
			go send("mallory")
		}
		synctest.Wait()
		go send("alice")
		synctest.Wait()
		for range 2*n + 1 {
			next <- struct{}{}
			synctest.Wait()
		}
		if !slices.Contains(read, "alice") {
			t.Errorf("after %d bodies alice is not read: %q", len(read), read)
		}
		close(next)
		synctest.Wait()
		if len(read) != 10*n+1 || len(all.of) != 0 || len(all.all) != 0 {
			t.Errorf("%d are read, and %d agents and %d turns are left", len(read), len(all.of), len(all.all))
		}
	})
}

// A body is as large as all that guard reads of it: answers to questions are bounded by
// nothing but the message.
func TestAnswersMakeABodyLarge(t *testing.T) {
	r := newRooms()
	road := r.road()
	c := NewCall(SurfaceMCP, KindTool, "tools/call")
	c.Extra = []Member{{Name: MemberAnswers, Value: make([]byte, manyBytes)}}
	taken := 0
	guard := observed{r, func() { taken = len(road.turns.all) }}
	road.Guard = guard
	if _, err := road.scanRequest(t.Context(), c); err != nil || taken != 1 || len(road.turns.all) != 0 {
		t.Errorf("%d turns while guard reads, %d after it, %v", taken, len(road.turns.all), err)
	}
}

// observed is guard that says when it reads.
type observed struct {
	Guard
	reads func()
}

func (o observed) Request(ctx context.Context, c *Call) (Report, error) {
	o.reads()
	return o.Guard.Request(ctx, c)
}
