package admin

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a desk with a question whose answer takes as long as it may, and one whose
// answer is there at once.
func slow(t *testing.T) (d *desk, working func() int) {
	var mu sync.Mutex
	n := 0
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		n += by
	}
	ask := func(ctx context.Context, _ Asked) (any, error) {
		count(1)
		defer count(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	d = newDesk(t, func(o *Options) {
		o.Record = []Question{
			{ID: "slow", Path: "slow", Summary: "s", Answer: map[string]any{}, Ask: ask},
			{ID: "quick", Path: "quick", Summary: "q", Answer: map[string]any{}, Ask: func(context.Context, Asked) (any, error) { return map[string]any{}, nil }},
			{ID: "change", Path: "change", Summary: "c", Body: &struct{}{}, Answer: map[string]any{}, Role: Admin, Changes: true, Ask: func(ctx context.Context, _ Asked) (any, error) {
				select {
				case <-time.After(10 * questionTime):
				case <-ctx.Done():
				}
				return map[string]any{}, ctx.Err()
			}},
		}
	})
	return d, func() int {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// A question has its time, and is told that it was over.
func TestQuestionThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := slow(t)
		began := time.Now()
		if status, m := d.do(t, "viewer", "GET", "slow", ""); status != http.StatusUnprocessableEntity || m["code"] != "too_long" || time.Since(began) != questionTime {
			t.Errorf("%d %v after %v", status, m, time.Since(began))
		}
		if status, m := d.do(t, "admin", "POST", "change", "{}"); status != http.StatusOK {
			t.Errorf("a change was broken off: %d %v", status, m)
		}
	})
}

// One who asks much waits for themselves: others have a turn at once.
func TestAttackQuestionsThatTakeEveryTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, working := slow(t)
		var mu sync.Mutex
		said := map[int]int{}
		var all sync.WaitGroup
		ask := func(token string, many int) {
			for range many {
				all.Go(func() {
					status, _ := d.do(t, token, "GET", "slow", "")
					mu.Lock()
					defer mu.Unlock()
					said[status]++
				})
			}
		}
		ask("admin", 10)
		if n := working(); n != questionsOwn {
			t.Errorf("%d questions of one are worked out, want %d", n, questionsOwn)
		}
		began := time.Now()
		if status, m := d.do(t, "viewer", "GET", "quick", ""); status != http.StatusOK || time.Since(began) != 0 {
			t.Errorf("another's: %d %v after %v", status, m, time.Since(began))
		}
		ask("approver", 10)
		if n := working(); n != questionsOnce {
			t.Errorf("%d questions are worked out, want %d", n, questionsOnce)
		}
		all.Wait()
		if took := time.Since(began); took != questionTime {
			t.Errorf("the last was answered after %v", took)
		}
		// Whose turn comes in the last instant may be told either.
		if long := said[http.StatusUnprocessableEntity]; long < questionsOnce || said[http.StatusServiceUnavailable] != 20-long {
			t.Errorf("answers: %v", said)
		}
		if status, _ := d.do(t, "viewer", "GET", "quick", ""); status != http.StatusOK || d.asking.Callers() != 0 {
			t.Errorf("after that: %d, %d have a share", status, d.asking.Callers())
		}
	})
}
