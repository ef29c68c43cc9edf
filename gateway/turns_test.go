package gateway

import (
	"context"
	"runtime"
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
				defer all.take(t.Context(), manyBytes)()
				inside.Add(1)
				<-next
				inside.Add(-1)
			}()
		}
		synctest.Wait()
		if got := inside.Load(); got != n {
			t.Fatalf("%d of %d are inside, want %d", got, n+2, n)
		}
		all.take(t.Context(), manyBytes-1)()
		gone, stop := context.WithCancel(t.Context())
		stop()
		all.take(gone, manyBytes)()
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
