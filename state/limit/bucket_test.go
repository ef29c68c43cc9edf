package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is a token bucket in whole nanotokens: what x/time/rate and our use of
// it must agree with.
type model struct {
	tokens, burst float64
	perSecond     float64
}

func (m *model) flow(d time.Duration) {
	m.tokens = min(m.burst, m.tokens+m.perSecond*d.Seconds())
}

// TestBucketAgreesWithModel drives a bucket through takes, refunds, clocks
// that arrive out of order, and pauses.
func TestBucketAgreesWithModel(t *testing.T) {
	const fuzz = 1e-6 // tokens within this of a whole one may go either way
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{PerSecond: rapid.Float64Range(0.01, 1000).Draw(t, "rate"), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		b := newBucket(r)
		m := model{tokens: float64(r.Burst), burst: float64(r.Burst), perSecond: r.PerSecond}
		now := time.Unix(1_800_000_000, 0)
		b.take(now, owner{})
		m.tokens--
		t.Repeat(map[string]func(*rapid.T){
			"pause": func(t *rapid.T) {
				d := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "d"))
				now = now.Add(d)
				m.flow(d)
				b.wait(now) // the bucket has seen this instant, as the model has
			},
			"take": func(t *rapid.T) {
				late := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "late"))
				wait := b.take(now.Add(-late), owner{})
				switch {
				case m.tokens >= 1+fuzz && wait != 0, m.tokens <= 1-fuzz && wait == 0:
					t.Fatalf("take waits %v with %v tokens", wait, m.tokens)
				case wait == 0:
					m.tokens--
				default:
					want := time.Duration((1 - m.tokens) / m.perSecond * 1e9)
					if diff := wait - want; diff < 0 || diff > 200*time.Microsecond {
						t.Fatalf("wait is %v, want %v", wait, want)
					}
				}
			},
			"give back": func(t *rapid.T) {
				if b.take(now, owner{}) == 0 {
					b.giveBack(now)
				}
			},
			"after the wait there is a token": func(t *rapid.T) {
				wait := b.take(now, owner{})
				if wait == 0 {
					b.giveBack(now)
					return
				}
				now = now.Add(wait)
				m.flow(wait)
				if again := b.take(now, owner{}); again != 0 {
					t.Fatalf("still %v to wait after %v", again, wait)
				}
				m.tokens--
			},
			"": func(t *rapid.T) {
				if full, want := b.full(now), m.tokens >= m.burst; full && m.tokens < m.burst-fuzz || !full && want && m.tokens > m.burst+fuzz {
					t.Fatalf("full is %v with %v of %v tokens", full, m.tokens, m.burst)
				}
			},
		})
	})
}
