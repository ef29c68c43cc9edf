package audit

import "time"

// The database gets events many at a time: a transaction for each event is most of what
// recording one costs. It gets them when none came for a moment, when there are many,
// and before the oldest has waited for long: whoever looks into the file with another
// program sees a call within a quarter of a second, and at once when it is the only one.
const (
	quiet   = 2 * time.Millisecond // before the first look, and twice as long before each further one
	patient = 200 * time.Millisecond
	many    = 512
)

// pace says when it is time. It belongs to the writer's goroutine.
type pace struct {
	timer *time.Timer
	since time.Time // of the first that waits; the zero time while none does
	last  int64     // that was there at the last look
	wait  time.Duration
}

func newPace() *pace {
	p := &pace{timer: time.NewTimer(time.Hour)}
	p.timer.Stop()
	return p
}

// begin begins to wait: an event is there, and which is the last.
func (p *pace) begin(last int64) {
	if p.since.IsZero() {
		p.since, p.last, p.wait = time.Now(), last, quiet
		p.timer.Reset(quiet)
	}
}

// again is when to look.
func (p *pace) again() <-chan time.Time { return p.timer.C }

// due reports whether it is time, and else waits on.
func (p *pace) due(last, settled int64) bool {
	left := patient - time.Since(p.since)
	if last == p.last || last-settled >= many || left <= 0 {
		return true
	}
	p.last, p.wait = last, 2*p.wait
	p.timer.Reset(min(p.wait, left))
	return false
}

// end ends the wait.
func (p *pace) end() {
	p.timer.Stop()
	p.since = time.Time{}
}

func (p *pace) stop() { p.timer.Stop() }
