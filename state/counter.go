package state

import (
	"time"

	"toolward/gateway"
)

// counter is what one meter counted for one of those that it counts for.
type counter struct {
	window  time.Duration // of the policy that counted last
	kept    time.Duration // the longest of those that something in it was counted with
	agent   string        // whose it is, if it counts per agent or session, and who vouches for that
	issuer  string
	buckets []bucket // oldest first
	live    int      // entries of calls in progress, and their sum
	liveSum gateway.Amount
}

// bucket are entries that count as long as the youngest of them.
type bucket struct {
	At    time.Time      `json:"at"` // of the youngest
	Count int            `json:"count"`
	Sum   gateway.Amount `json:"sum"`
}

// belongs notes whose a counter is.
func (c *counter) belongs(per gateway.MeterPer, agent, issuer string) {
	if agent != "" && (per == gateway.PerAgent || per == gateway.PerSession) {
		c.agent, c.issuer = agent, issuer
	}
}

const (
	slots      = 60 // of a window
	maxBuckets = 2 * slots
)

// add counts an entry. What comes late in the order of the record counts as if it
// had happened when the one before did, which is longer. A call that began under a
// policy with a shorter window does not make the counter forget.
func (c *counter) add(at time.Time, window time.Duration, amount gateway.Amount) {
	c.expire(at)
	c.window, c.kept = window, max(c.kept, window)
	if n := len(c.buckets); n > 0 {
		last := &c.buckets[n-1]
		if !at.After(last.At) {
			last.Count, last.Sum = last.Count+1, last.Sum.Add(amount)
			return
		}
	}
	if len(c.buckets) >= maxBuckets {
		c.pack()
	}
	c.buckets = append(c.buckets, bucket{at, 1, amount})
}

// pack puts entries of the same sixtieth of the window together, and older ones,
// which a longer window counts, of twice that part of it.
func (c *counter) pack() {
	newest := c.buckets[len(c.buckets)-1].At
	slot := func(b bucket) (int64, bool) {
		old := newest.Sub(b.At) >= c.window
		part := c.window / slots
		if old {
			part = 2 * c.kept / slots
		}
		return b.At.UnixNano() / int64(max(part, 1)), old
	}
	packed := c.buckets[:1]
	for _, b := range c.buckets[1:] {
		last := &packed[len(packed)-1]
		n, old := slot(*last)
		if m, also := slot(b); n == m && old == also {
			b.Count, b.Sum = b.Count+last.Count, b.Sum.Add(last.Sum)
			*last = b
			continue
		}
		packed = append(packed, b)
	}
	c.buckets = packed
}

func (c *counter) expire(now time.Time) {
	n := 0
	for n < len(c.buckets) && now.Sub(c.buckets[n].At) >= c.kept {
		n++
	}
	c.buckets = append(c.buckets[:0], c.buckets[n:]...)
	if len(c.buckets) == 0 {
		c.kept = 0
	}
}

// used is what counts within a window, calls in progress among it.
func (c *counter) used(now time.Time, window time.Duration) (count int, sum gateway.Amount) {
	count, sum = c.live, c.liveSum
	for i := len(c.buckets) - 1; i >= 0 && now.Sub(c.buckets[i].At) < window; i-- {
		count, sum = count+c.buckets[i].Count, sum.Add(c.buckets[i].Sum)
	}
	return count, sum
}

// idle reports whether the counter has nothing that counts.
func (c *counter) idle(now time.Time) bool {
	c.expire(now)
	return c.live == 0 && len(c.buckets) == 0
}
