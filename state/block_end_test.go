package state

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// Whoever waits is told when a block's time is over, once for each time, also of
// one that is folded from the record, and of none that was lifted before.
func TestTheEndOfABlockIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var told []time.Duration
		r, _ := newRoom(t, func(o *Options) {
			o.Blocks = func() {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, time.Since(began))
			}
		})
		block := func(life time.Duration) string {
			t.Helper()
			b := gateway.Block{Kind: gateway.BlockTool, Name: "s__t", Reason: "x"}
			if life > 0 {
				b.Until = time.Now().Add(life)
			}
			b, err := r.Block(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			return b.ID
		}
		block(20 * time.Second) // before anybody waits, as at a start
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			r.EndBlocks(ctx)
			close(done)
		}()
		for _, life := range []time.Duration{0, 1<<63 - 1, 3 * time.Hour, time.Hour, 10 * time.Second, time.Hour, 90 * time.Minute} {
			block(life) // the second ends after all of this; later ones end sooner than what is waited for
		}
		lifted := block(2 * time.Hour)
		if err := r.Lift(t.Context(), lifted, gateway.Operator{}, ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		mu.Lock()
		told = nil
		mu.Unlock()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []time.Duration{10 * time.Second, 20 * time.Second, time.Hour, 90 * time.Minute, 3 * time.Hour}
		if !slices.Equal(told, want) {
			t.Errorf("told after %v, want %v", told, want)
		}
		if n := len(r.Blocks()); n != 2 {
			t.Errorf("%d blocks hold, want those without an end and with a far one", n)
		}
		cancel()
		<-done
	})
}
