package gateway

import "context"

// quick is how many bytes of arguments are still read of a call that somebody
// stopped: about what writing the record costs as well.
const quick = 4 << 10

// cover finds what must not be written of a call that is refused before guard and
// policy were asked: arguments that do not fit a schema hold passwords as often as
// others. What nobody could read is not shown in the record ([Call.Scanned]), and
// neither is what a call over a limit holds: to refuse it must cost less than
// to make it.
func (r *Road) cover(ctx context.Context, c *Call, refusal *Refusal) {
	switch {
	case c.Decision.Effect != "", refusal.Step == "policy": // both were asked
		return
	case len(c.Extra) == 0 && c.Args.Equal(Args{}):
		return
	case refusal.Step == "guard" && c.Scanned == "": // it could not
		return
	case refusal.Step == "limit", refusal.Step == "block" && c.Size() > quick:
		return
	}
	if c.Scanned == "" {
		report, err := timed(&c.Stages.Guard, func() (Report, error) { return r.guardOf(c).Request(ctx, c) })
		if err != nil {
			return
		}
		c.Findings, c.Score, c.Scanned = report.Findings, report.Score, StageRequest
	}
	if c.Tool == nil {
		return
	}
	decision, err := timed(&c.Stages.Policy, func() (Decision, error) { return r.Policy.DecideRequest(ctx, c) })
	if err != nil {
		c.Scanned = ""
		return
	}
	c.Decision.Redact = decision.Redact
}
