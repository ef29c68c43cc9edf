// Package state is the room of what calls leave behind: buckets, counts, labels,
// what people consented to, what they blocked, and what they accepted of
// upstreams. The road asks it when a call begins, [Room.Begin], and when it ends,
// [gateway.Reservation.Finish], and between the two, for what policy counts,
// [gateway.Reservation.Count]; whatever else wants to know what happened before
// asks here too.
//
// # The record is the source
//
// Nothing here is an authority of its own. State is folded from the events of the
// record, in their order and with one function, [Room.Fold]: at start from the
// events on file, and then from each event once it is durable. So what an agent
// was told, and what it was counted for, holds after a restart. A snapshot of the
// whole, itself an event, bounds how far back a start has to read.
//
//	call.attempt      the call counts in its session, whatever becomes of it, and
//	                  adds to meters and history what policy said
//	call.outcome      its labels are the session's, and what its result adds
//	call.refusal      the session is not idle, and meters count that it was denied
//	session.labelled  labels of what an agent was told before its call was over
//	session.cleared   a person took labels away
//	approval.*        asked, approved, denied, used, revoked, expired
//	pin.accepted      a definition that a person, or first use, accepted
//	block.added, block.lifted
//	grant.given, grant.refreshed, grant.revoked
//	                  what a person let a client have, until when
//	meter.reset       a person let counters begin anew
//	token.created, token.revoked, token.used
//	state.snapshot    all of the above up to there
//
// What is not in the record is what only the present needs: token buckets are
// filled again by a start, but for what recorded calls took from them; calls in
// progress end with the process.
//
// # Reservations
//
// A call is counted from when it begins, so that of many at once no more get
// through than one after the other: what [Room.Begin] and Count answer has in it
// those that may yet become attempts. Blocks, buckets and places come first and
// cost a look into a table; what a call adds to meters is known only once its
// arguments were held against the schema and policy was asked, which a call over
// its rate must not cost. Once the attempt is durable it is counted for good;
// if the call ends without one, Finish gives the count back.
//
// After a person was asked the call looks a second time, by a policy that may count
// otherwise. It keeps its turn if it adds nothing new: who came later has seen what
// it holds, so it does not see them. Were it to, of two that have room for one each
// would keep the other out, and so would calls that are about to be refused.
//
// # Meters and history
//
// What policy counts ([gateway.Tally]) is kept per meter, for whom it counts and
// by key: amounts with their times, exactly up to a bound, then together with
// those of the same sixtieth of the window and as long as the youngest of them. So an entry
// counts for at least the window, and where policy gives the meter another one, for
// the longer of those that it had. Keys are tokens. The history of a session holds
// what policy remembers for as long as policy said, whether or not the session is
// idle. Both are bounded, and never to the good of who fills them: a call for whose
// entry, or new counter, there is no place is refused. What counts calls under way
// is not on record.
//
// # Sessions
//
// Labels and counts are kept by [gateway.Agent.LabelKey]: per token session if
// the token names one, else per principal. Reconnecting sheds nothing. They are
// forgotten only when the principal made no call for [Options.Idle]. Memory is
// bounded by [Options.Max] without shedding labels: what a full table has to
// drop is held against newcomers.
package state

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/state/limit"
)

// Journal is the record, as far as state appends to it.
type Journal interface {
	// Note appends an event of the gateway itself and returns when it is durable
	// and was folded.
	Note(ctx context.Context, eventType string, detail any) error
	// NoteAbout is Note for an event about the session of an agent, of which e has
	// type, agent and session. Kept stands beside it, and can be erased.
	NoteAbout(ctx context.Context, e gateway.Entry, detail, kept any) error
	// Token is what stands for a value in the record: equal for equal values, and
	// without the record's key it says nothing about them.
	Token(value string) string
}

// Options configures a [Room]. Journal is required.
type Options struct {
	Journal Journal
	Limits  limit.Options
	Idle    time.Duration // forget a session that made no call for this long; 0: one hour
	Max     int           // sessions held, about 2 KiB each; 0: 16,384
	// Decided is told the ID of each approval that was decided, used or revoked,
	// once that is durable. It must be quick. Nil: nobody is told.
	Decided func(approval string)
	// Blocks is told that what is blocked has changed, or that a token was revoked, once
	// that is durable, and, while [Room.EndBlocks] runs, that a block's time is over. It
	// must be quick. Nil: nobody is told.
	Blocks func()
}

// Room implements [gateway.State]. It is safe for concurrent use.
type Room struct {
	opts     Options
	limits   *limit.Limiter
	sessions sessions
	tallies  tallies

	// deciding is held while a decision is checked and appended, so that of two
	// one is the first. It is never taken by [Room.Fold], which runs while the
	// holder waits for the record. Lock order: deciding, mu, the tallies', a shard's.
	deciding sync.Mutex

	mu       sync.Mutex
	consents consents
	pins     pins
	blocks   atomic.Pointer[blockSet]
	held     atomic.Pointer[heldSet]

	changed gateway.Bell // approvals

	asked   chan struct{} // full once an approval was asked that [Room.Expire] has not seen
	stopped chan struct{} // full once a block was added that [Room.EndBlocks] has not seen
	taken   chan struct{} // full once a named token was used that [Room.NoteUses] has not seen
}

var _ gateway.State = (*Room)(nil)

// New returns an empty room, or an error that names the rate which makes no
// sense. It has to be folded from the record before it is asked.
func New(opts Options) (*Room, error) {
	if opts.Journal == nil {
		return nil, errors.New("state: no record")
	}
	if opts.Idle <= 0 {
		opts.Idle = time.Hour
	}
	if opts.Max <= 0 {
		opts.Max = 1 << 14
	}
	limits, err := limit.New(opts.Limits)
	if err != nil {
		return nil, err
	}
	r := &Room{opts: opts, limits: limits, asked: make(chan struct{}, 1), stopped: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
	r.sessions.init(opts.Max, opts.Idle)
	r.tallies.init()
	r.consents.init()
	r.pins.init()
	r.blocks.Store(&blockSet{})
	r.held.Store(&heldSet{map[string]*gateway.Grant{}, map[string]*namedToken{}})
	return r, nil
}

// SetLimits puts other limits in force; see [limit.Limiter.Set].
func (r *Room) SetLimits(o limit.Options) error { return r.limits.Set(o) }

// Strangers implements [gateway.State].
func (r *Room) Strangers(peer string) error { return r.limits.Strangers(peer) }

// Failed implements [gateway.State].
func (r *Room) Failed(peer string) { r.limits.Failed(peer) }

// Body bounds the large bodies that are read at once; see [limit.Limiter.Body].
func (r *Room) Body(a *gateway.Agent, body io.Reader) io.ReadCloser { return r.limits.Body(a, body) }
