package auth

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// refusedFor is how long a refusal is given again without verifying. It is
// short because keys can arrive that would accept the token.
const refusedFor = 2 * time.Second

// refusals remembers tokens that were refused a moment ago: an agent that goes
// on with an expired token costs no cryptography, and does not use up the
// failures of its address for the agents beside it. It is a table of fixed
// size; a new refusal takes the place of an old one.
type refusals struct {
	seed  maphash.Seed
	slots [1024]atomic.Pointer[refused]
}

type refused struct {
	token, resource string
	refusal         *gateway.Refusal
	until           time.Time
}

func (r *refusals) slot(c gateway.Credentials) *atomic.Pointer[refused] {
	return &r.slots[maphash.String(r.seed, c.Token)%uint64(len(r.slots))]
}

func (r *refusals) add(c gateway.Credentials, refusal *gateway.Refusal, now time.Time) {
	r.slot(c).Store(&refused{token: c.Token, resource: c.Resource, refusal: refusal, until: now.Add(refusedFor)})
}

// Refused implements [gateway.Authenticator].
func (v *Verifier) Refused(c gateway.Credentials) *gateway.Refusal {
	e := v.refusals.slot(c).Load()
	if e == nil || e.token != c.Token || e.resource != c.Resource || !v.now().Before(e.until) {
		return nil
	}
	again := *e.refusal // whoever answers may write to it
	return &again
}
