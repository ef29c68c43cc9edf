package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

func newLimiter(t testing.TB, opts Options) *Limiter {
	t.Helper()
	l, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func agent(id string) *gateway.Agent { return &gateway.Agent{Issuer: "https://id.test", ID: id} }

func refusal(t testing.TB, err error) *gateway.Refusal {
	t.Helper()
	var r *gateway.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return r
}

// admitted makes n calls, ending each at once, and counts those that were let in.
func admitted(l *Limiter, a *gateway.Agent, tool *gateway.Tool, n int) int {
	in := 0
	for range n {
		if release, err := l.Acquire(context.Background(), a, tool); err == nil {
			release()
			in++
		}
	}
	return in
}

func TestBucketsPerAgentToolAndPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{
			Default: Rate{1, 10},
			Agents:  map[string]Rate{"batch": {1, 15}},
			Tools:   map[string]Tool{"crm__delete": {All: Rate{1, 6}, PerAgent: Rate{1, 4}}},
		})
		slow := &gateway.Tool{Wire: "crm__delete"}
		other := &gateway.Tool{Wire: "crm__read"}
		for _, step := range []struct {
			who  string
			tool *gateway.Tool
			want int
		}{
			{"ann", slow, 4},   // her own on this tool
			{"bob", slow, 2},   // what is left of everyone's
			{"ann", other, 6},  // ten less four: refused calls took nothing
			{"bob", nil, 8},    // ten less two
			{"batch", nil, 15}, // has a limit of its own
		} {
			if got := admitted(l, agent(step.who), step.tool, 30); got != step.want {
				t.Errorf("%s on %v: %d admitted, want %d", step.who, step.tool, got, step.want)
			}
		}
	})
}

func TestRetryAfterIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{
			Default: Rate{2, 3},
			Tools:   map[string]Tool{"a__b": {All: Rate{0.1, 1}, PerAgent: Rate{0.7, 1}}},
		})
		tool := &gateway.Tool{Wire: "a__b"}
		admitted(l, agent("ann"), tool, 1)
		admitted(l, agent("ann"), nil, 5)
		_, err := l.Acquire(t.Context(), agent("ann"), tool)
		r := refusal(t, err)
		if r.Code != gateway.RateLimited || r.RetryAfter < 10*time.Second || r.RetryAfter > 10*time.Second+10*time.Microsecond {
			t.Fatalf("got %s after %v, want rate_limited after 10s, the slowest of the three buckets", r.Code, r.RetryAfter)
		}
		time.Sleep(r.RetryAfter - 10*time.Microsecond)
		if got := admitted(l, agent("ann"), tool, 1); got != 0 {
			t.Error("admitted before Retry-After")
		}
		time.Sleep(10 * time.Microsecond)
		if got := admitted(l, agent("ann"), tool, 1); got != 1 {
			t.Error("refused after Retry-After")
		}
	})
}

func TestConcurrency(t *testing.T) {
	l := newLimiter(t, Options{Concurrency: 2, Total: 3})
	var releases []func()
	acquire := func(id string) error {
		release, err := l.Acquire(t.Context(), agent(id), nil)
		if err == nil {
			releases = append(releases, release)
		}
		return err
	}
	for range 2 {
		if err := acquire("ann"); err != nil {
			t.Fatal(err)
		}
	}
	if r := refusal(t, acquire("ann")); r.Code != gateway.RateLimited || r.RetryAfter == 0 {
		t.Errorf("third of an agent: got %s, retry after %v", r.Code, r.RetryAfter)
	}
	if err := acquire("bob"); err != nil {
		t.Fatal(err)
	}
	if r := refusal(t, acquire("eve")); r.Code != gateway.Overloaded || r.RetryAfter == 0 {
		t.Errorf("fourth of all: got %s, retry after %v", r.Code, r.RetryAfter)
	}
	for _, release := range releases {
		release()
	}
	if err := acquire("ann"); err != nil {
		t.Errorf("after all ended: %v", err)
	}
}

// A limit that many connections, tokens or surfaces could multiply is none:
// they share the principal, whatever else differs.
func TestAttackManyTokensOfOneAgentShareItsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{1, 20}})
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				a := agent("ann")
				a.Session, a.Scopes = fmt.Sprint("sid", i), []string{fmt.Sprint(i)}
				in.Add(int64(admitted(l, a, nil, 50)))
			})
		}
		wg.Wait()
		if in.Load() != 20 {
			t.Errorf("%d calls admitted, want the burst of 20", in.Load())
		}
	})
}

// A million principals must neither fill the memory nor, by pushing others
// out, give anyone a fresh bucket.
func TestAttackMillionAgentsResetNobodysLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Default: Rate{0.001, 5}, MaxAgents: 4096})
		if got := admitted(l, agent("eve"), nil, 10); got != 5 {
			t.Fatalf("eve got %d calls, want 5", got)
		}
		for i := range 1_000_000 {
			admitted(l, agent(fmt.Sprint("shadow-", i)), nil, 1)
		}
		if got := admitted(l, agent("eve"), nil, 10); got != 0 {
			t.Errorf("eve got %d calls after the flood, want 0", got)
		}
		held := 0
		for i := range l.owned.shards {
			held += len(l.owned.shards[i].entries)
		}
		if held > 4096 {
			t.Errorf("%d buckets held, want at most 4096", held)
		}
		time.Sleep(2 * time.Hour) // every bucket is full again: room for all
		for i := range 4096 / 2 {
			if got := admitted(l, agent(fmt.Sprint("honest-", i)), nil, 3); got != 3 {
				t.Fatalf("honest agent %d got %d of 3 calls after the flood dried up", i, got)
			}
		}
	})
}

func TestAttackFailuresOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Failures: Rate{0.5, 3}})
		for _, peer := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
			if err := l.Strangers(peer); err != nil {
				t.Fatalf("refused before its allowance was used: %v", err)
			}
			l.Failed(peer)
		}
		r := refusal(t, l.Strangers("2001:db8::4")) // the same /64
		if r.Code != gateway.RateLimited || r.RetryAfter < 2*time.Second {
			t.Errorf("got %s after %v, want rate_limited after 2s", r.Code, r.RetryAfter)
		}
		for _, peer := range []string{"2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1", ""} {
			if err := l.Strangers(peer); err != nil {
				t.Errorf("%q was refused for another's failures: %v", peer, err)
			}
		}
		time.Sleep(r.RetryAfter)
		if err := l.Strangers("2001:db8::4"); err != nil {
			t.Errorf("refused after Retry-After: %v", err)
		}
	})
}

func TestNewRefusesSenselessRates(t *testing.T) {
	for name, opts := range map[string]Options{
		"no burst":             {Default: Rate{PerSecond: 1}},
		"no rate":              {Tools: map[string]Tool{"a__b": {PerAgent: Rate{Burst: 1}}}},
		"of a tool":            {Tools: map[string]Tool{"a__b": {All: Rate{PerSecond: 1}}}},
		"negative":             {Agents: map[string]Rate{"ann": {-1, 1}}},
		"negative concurrency": {Concurrency: -1},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
