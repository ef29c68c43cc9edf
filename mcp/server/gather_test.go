package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// What an upstream asks at once is asked in one result: whatever comes within a
// moment of the one before, and what is still being judged, but not for long.
func TestQuestionsThatComeTogetherAreGathered(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	tests := []struct {
		name   string
		comes  []int // when each is received, in ms
		judged []int // how long its judgement takes
		want   int   // in the first result
		after  time.Duration
	}{
		{"one", []int{0}, []int{0}, 1, ms(50)},
		{"at once", []int{0, 0, 0}, []int{0, 0, 0}, 3, ms(50)},
		{"one after the other", []int{0, 40, 80}, []int{0, 0, 0}, 3, ms(130)},
		{"later is another round", []int{0, 60}, []int{0, 0}, 1, ms(50)},
		{"judged for longer", []int{0, 10}, []int{0, 400}, 2, ms(460)},
		{"a person decides whether it may be asked", []int{0, 10}, []int{0, 60_000}, 1, time.Second},
		{"refused", []int{0, 10}, []int{0, -200}, 1, ms(250)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var asking sync.WaitGroup
				defer asking.Wait()
				defer cancel()
				p := &parkedCall{asked: make(chan struct{}, 1), done: make(chan outcome, 1)}
				o := &origin{x: &exchange{park: p}}
				for i := range tt.comes {
					asking.Go(func() {
						<-time.After(ms(tt.comes[i]))
						defer o.Await()()
						judged := ms(tt.judged[i])
						if <-time.After(judged.Abs()); judged >= 0 {
							_, _ = p.request(ctx, mcp.MethodRoots, nil) // ends with the test
						}
					})
				}
				start := time.Now()
				<-p.asked
				if over := p.gather(ctx); over != nil {
					t.Errorf("the call is over: %+v", over)
				}
				if took := time.Since(start).Round(ms(10)); len(p.open) != tt.want || took != tt.after {
					t.Errorf("%d questions after %v, want %d after %v", len(p.open), took, tt.want, tt.after)
				}
			})
		})
	}
}

// A call that is over meanwhile is not held up, and neither is an agent that left.
func TestGatheringEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parkedCall{asked: make(chan struct{}, 1), done: make(chan outcome, 1)}
		p.done <- outcome{refusal: gateway.Refuse("upstream", gateway.UpstreamDown, "gone")}
		if over := p.gather(t.Context()); over == nil || over.refusal == nil {
			t.Errorf("got %+v", over)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		if over := p.gather(ctx); over != nil || time.Since(start) > 0 {
			t.Errorf("got %+v after %v", over, time.Since(start))
		}
	})
}
