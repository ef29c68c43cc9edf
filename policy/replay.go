package policy

import (
	"context"
	"iter"

	"toolward/gateway"
)

// Change is a recorded call that another policy decides otherwise.
type Change struct {
	Call *gateway.Call
	Was  gateway.Decision // as recorded
	Now  gateway.Decision // by this engine
}

// Replay decides the requests of recorded calls again and yields those whose
// effect differs from the recorded one. What was redacted from the record
// before it was written is redacted here too, so a rule on such a value may
// decide otherwise than it would have. A fault of the policy counts as the
// denial that it is. The sequence ends early when ctx does.
func (e *Engine) Replay(ctx context.Context, calls iter.Seq[*gateway.Call]) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for c := range calls {
			again := *c
			again.Decision = gateway.Decision{}
			now, _ := e.DecideRequest(ctx, &again) // the decision says deny
			if ctx.Err() != nil {
				return
			}
			if now.Effect != c.Decision.Effect && !yield(Change{Call: c, Was: c.Decision, Now: now}) {
				return
			}
		}
	}
}
