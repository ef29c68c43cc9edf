package limit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"toolward/gateway"
)

// asked is a call on its way into the limiter.
type asked struct {
	ctx    context.Context
	cancel context.CancelFunc
	took   time.Duration
	over   time.Time
	err    error
	done   chan struct{}
}

// ask makes a call that ends at once, and is there when it stands in line or is over.
func ask(t testing.TB, l *Limiter, a *gateway.Agent, tool *gateway.Tool) *asked {
	t.Helper()
	q := &asked{done: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancel(t.Context())
	began := time.Now()
	go func() {
		defer close(q.done)
		release, err := l.Acquire(q.ctx, a, tool)
		if q.took, q.over, q.err = time.Since(began), time.Now(), err; err == nil {
			release()
		}
	}()
	synctest.Wait()
	return q
}

func (q *asked) waits() bool {
	select {
	case <-q.done:
		return false
	default:
		return true
	}
}

// Ten a second: the second call waits a tenth of a second, and who would wait for
// more than a second is refused at once and told how long it would have been.
func TestShortWaitsAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{10, 1}, Wait: time.Second})
		var all []*asked
		for range 11 {
			all = append(all, ask(t, l, agent("ann"), nil))
		}
		last := all[10]
		r := refusal(t, last.err)
		if last.took != 0 || r.Rule != gateway.LimitAgent || r.RetryAfter < time.Second || r.RetryAfter > 1001*time.Millisecond {
			t.Errorf("the eleventh after %v: %v, again in %v; want at once, in 1s", last.took, r, r.RetryAfter)
		}
		for i, q := range all[:10] {
			<-q.done
			if want := time.Duration(i) * 100 * time.Millisecond; q.err != nil || q.took < want || q.took > want+time.Millisecond {
				t.Errorf("call %d: %v after %v, want %v", i, q.err, q.took, want)
			}
		}
	})
}

func TestNobodyWaitsWhereNoWaitIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{10, 1}})
		ask(t, l, agent("ann"), nil)
		if q := ask(t, l, agent("ann"), nil); q.waits() || refusal(t, q.err).Code != gateway.RateLimited {
			t.Errorf("it waits, or got %v", q.err)
		}
	})
}

// Waiting holds no place: others of the agent's calls go on, and those that wait need
// one when they are served.
func TestWhoWaitsHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tool := &gateway.Tool{Wire: "a__b"}
		l := newLimiter(t, Options{Tools: map[string]Tool{"a__b": {PerAgent: Rate{10, 1}}}, Concurrency: 1, Total: 1, Wait: time.Second})
		ask(t, l, agent("ann"), tool)
		q := ask(t, l, agent("ann"), tool)
		if !q.waits() {
			t.Fatal("it does not wait")
		}
		release, err := l.Acquire(t.Context(), agent("ann"), nil)
		if err != nil {
			t.Fatalf("another call meanwhile: %v", err)
		}
		<-q.done
		if r := refusal(t, q.err); r.Rule != gateway.LimitTotal {
			t.Errorf("served without a place: %v", r)
		}
		release()
		if q := ask(t, l, agent("ann"), tool); q.waits() || q.err != nil {
			t.Errorf("what it was served is not given back: %v", q.err)
		}
	})
}

func TestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{4, 1}, Wait: time.Second})
		ask(t, l, agent("ann"), nil)
		first, second := ask(t, l, agent("ann"), nil), ask(t, l, agent("ann"), nil)
		first.cancel()
		<-first.done
		if r := refusal(t, first.err); r.Code != gateway.Cancelled || first.took != 0 {
			t.Errorf("%v after %v, want cancelled at once", r, first.took)
		}
		<-second.done
		if second.err != nil || second.took > 251*time.Millisecond {
			t.Errorf("the next: %v after %v; it has the place of the one that left", second.err, second.took)
		}
		if l.queue.Load() != 0 {
			t.Errorf("%d are still counted as waiting", l.queue.Load())
		}
	})
}

// An agent's calls beyond the allowance are refused at once, whatever it sends: else
// goroutines, and megabytes of arguments, would wait for a second each.
func TestAttackWaitingHoldsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{1000, 1}, Wait: time.Second})
		flood := func(id string, n int) (waiting int) {
			all := make([]*asked, n)
			for i := range all {
				all[i] = ask(t, l, agent(id), nil)
			}
			for _, q := range all {
				if q.waits() {
					waiting++
				} else if q.err != nil && q.took != 0 {
					t.Errorf("refused after %v", q.took)
				}
			}
			return waiting
		}
		if n := flood("eve", 500); n != agentWaiting {
			t.Errorf("%d calls of an agent wait, want %d", n, agentWaiting)
		}
		for i := range 40 {
			flood(fmt.Sprint("sybil-", i), 20)
		}
		if n := l.queue.Load(); n != allWaiting {
			t.Errorf("%d calls wait in all, want %d", n, allWaiting)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := l.queue.Load(); n != 0 {
			t.Errorf("%d wait a second later", n)
		}
		if q := ask(t, l, agent("ann"), nil); q.err != nil {
			t.Errorf("after the flood: %v", q.err)
		}
	})
}

// Waiting is over however it ended: an agent whose calls have waited more often than
// may at once waits again.
func TestWaitingIsNoLongerCountedOnceItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{10, 1}, Wait: time.Second})
		ask(t, l, agent("ann"), nil)
		for i := range agentWaiting + 1 {
			q := ask(t, l, agent("ann"), nil)
			if !q.waits() {
				t.Fatalf("call %d does not wait: %v", i, q.err)
			}
			if i%2 == 0 {
				q.cancel()
			}
			<-q.done
		}
		if n := l.owned.find(time.Now(), owner{issuer: agent("ann").Issuer, id: "ann"}).waiting.Load(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// Who cannot wait is told when there will be a token for it, behind all in line.
func TestWhoCannotWaitIsToldWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tool := &gateway.Tool{Wire: "a__b"}
		l := newLimiter(t, Options{Tools: map[string]Tool{"a__b": {All: Rate{4, 1}}}, Wait: time.Second})
		for i := range 4 {
			ask(t, l, agent(fmt.Sprint("agent-", i)), tool)
		}
		for _, name := range []string{"late", "later"} { // neither takes a place
			if r := refusal(t, ask(t, l, agent(name), tool).err); r.RetryAfter.Round(time.Millisecond) != time.Second {
				t.Errorf("again in %v, want behind the three in line", r.RetryAfter)
			}
		}
	})
}

// An agent that asks for all that a tool has, always, with as many calls as may wait,
// does not keep the one that asks now and then from its turn.
func TestAttackGreedyAgentStarvesOthers(t *testing.T) {
	for _, r := range []Rate{{1, 1}, {2, 1}, {10, 1}, {10, 5}, {100, 1}} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tool := &gateway.Tool{Wire: "a__b"}
				l := newLimiter(t, Options{Tools: map[string]Tool{"a__b": {All: r}}, Wait: time.Second})
				ctx, stop := context.WithCancel(t.Context())
				var greedy sync.WaitGroup
				var got atomic.Int64
				for range 20 {
					greedy.Go(func() {
						for ctx.Err() == nil {
							if release, err := l.Acquire(ctx, agent("greedy"), tool); err == nil {
								got.Add(1)
								release()
							}
							select {
							case <-time.After(7 * time.Millisecond):
							case <-ctx.Done():
							}
						}
					})
				}
				time.Sleep(10 * time.Second)
				served := 0
				for range 10 {
					q := ask(t, l, agent("modest"), tool)
					<-q.done
					if q.err == nil {
						served++
					}
					time.Sleep(3 * time.Second)
				}
				stop()
				greedy.Wait()
				if served < 9 { // one may come while the only token of this second is another's
					t.Errorf("%d of 10 calls were served beside %d of the greedy", served, got.Load())
				}
			})
		})
	}
}

// Whoever comes, waits, leaves and returns: nobody gets more than the rate, nobody
// passes an earlier call of the same agent, and nobody waits for longer than may be.
func TestLineKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := Rate{PerSecond: rapid.SampledFrom([]float64{0.5, 3, 10, 200}).Draw(rt, "rate"), Burst: rapid.IntRange(1, 4).Draw(rt, "burst")}
		steps := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			tool := &gateway.Tool{Wire: "a__b"}
			l := newLimiter(t, Options{Tools: map[string]Tool{"a__b": {All: r, PerAgent: Rate{50, 3}}}, Wait: time.Second})
			began := time.Now()
			var all []*asked
			var whose []string
			for _, step := range steps {
				switch step {
				case 0:
					time.Sleep(137 * time.Millisecond)
				case 1:
					if i := slices.IndexFunc(all, (*asked).waits); i >= 0 {
						all[i].cancel()
						synctest.Wait()
					}
				default:
					name := fmt.Sprint("agent-", step)
					all, whose = append(all, ask(t, l, agent(name), tool)), append(whose, name)
				}
			}
			for _, q := range all {
				<-q.done
			}
			admitted, last := 0, map[string]time.Time{}
			for i, q := range all {
				if q.err == nil {
					if q.over.Before(last[whose[i]]) {
						rt.Fatalf("call %d passed an earlier one of %s", i, whose[i])
					}
					last[whose[i]] = q.over
				}
				if q.took > time.Second+time.Millisecond {
					rt.Fatalf("call %d waited for %v", i, q.took)
				}
				if q.err == nil {
					admitted++
				}
			}
			if most := float64(r.Burst) + r.PerSecond*time.Since(began).Seconds() + 1e-6; float64(admitted) > most {
				rt.Fatalf("%d admitted, at most %v", admitted, most)
			}
			time.Sleep(time.Minute) // all is given back
			for i := range r.Burst {
				if q := ask(t, l, agent(fmt.Sprint("new-", i)), tool); q.waits() || q.err != nil {
					rt.Fatalf("token %d of %d is missing: %v", i, r.Burst, q.err)
				}
			}
			if q := ask(t, l, agent("one more"), tool); !q.waits() && q.err == nil {
				rt.Fatal("there is a token too many")
			} else {
				q.cancel()
				<-q.done
			}
			if l.queue.Load() != 0 || l.total.Load() != 0 {
				rt.Fatalf("%d wait, %d are in progress", l.queue.Load(), l.total.Load())
			}
		})
	})
}

// Lists have a bucket of their own, which calls do not take from.
func TestListsTakeFromNoBucketOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{1, 2}, Lists: Rate{1, 3}, Agents: map[string]Rate{"batch": {}}})
		for _, who := range []string{"ann", "batch"} {
			lists := 0
			for range 5 {
				if release, err := l.AcquireList(t.Context(), agent(who)); err == nil {
					release()
					lists++
				} else if r := refusal(t, err); r.Rule != gateway.LimitLists {
					t.Errorf("%s: %v", who, r)
				}
			}
			if lists != 3 {
				t.Errorf("%d lists of %s, want 3", lists, who)
			}
		}
		if n := admitted(l, agent("ann"), nil, 5); n != 2 {
			t.Errorf("%d calls after the lists, want 2", n)
		}
		if n := admitted(l, agent("batch"), nil, 50); n != 50 {
			t.Errorf("%d calls of who has no limit", n)
		}
	})
}
