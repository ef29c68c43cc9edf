// Package approval is the waiting room: calls for which policy wants a person's
// consent wait here.
//
// A consent is for one call. It is bound to the agent (issuer and ID), the
// method and tool, the fingerprint of the tool's definition, and all that is sent:
// the arguments and what stands beside them, in canonical form (RFC 8785). Sending
// them with members in another order or numbers in another form is the same call,
// anything else is not. It is used up by the call that runs on it, and it expires.
//
// A call waits for [Options.Wait] and gets progress meanwhile if it asked for
// it. After that the agent is refused with code ApprovalPending and the
// approval's ID, and the same call sent again after consent runs. A denial
// holds for the same call until the approval expires.
//
// Decisions are made in the [Store], which says so to [Room.Ring].
package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Store keeps approvals, and what happens to them is on record when its methods
// return. They are atomic: of several Use of one approval, one returns true.
type Store interface {
	// Ask returns the approval of the same binding that is pending, approved or
	// denied and has not expired, or stores a. It returns [gateway.ErrManyApprovals] if most
	// approvals of the agent are pending already.
	Ask(ctx context.Context, a gateway.Approval, most int) (gateway.Approval, error)
	// Approval returns an approval, or [gateway.ErrNoApproval].
	Approval(ctx context.Context, id string) (gateway.Approval, error)
	// Use turns an approved approval that has not expired into a used one, and
	// reports whether it did.
	Use(ctx context.Context, id, call string) (bool, error)
}

// Options configures a [Room]. Store is required.
type Options struct {
	Store   Store
	Wait    time.Duration // how long a call waits; 0: two minutes; below 0: it is answered at once
	Expire  time.Duration // life of an approval from when it is asked for; 0: one hour
	Pending int           // approvals of one agent that may wait at once; 0: 32
	// BindRevision makes a consent void when the policy changes.
	BindRevision bool
	// Asked is told of each approval that a person has to decide, once it is on
	// record; nil tells nobody. It must not wait.
	Asked func(gateway.Approval)
}

const progress = 5 * time.Second // between two progress notifications

// Room implements [gateway.Approvals]. It is safe for concurrent use.
type Room struct {
	opts  Options // but for its times
	times atomic.Pointer[times]

	mu      sync.Mutex
	waiting map[string]*bell
}

// times are how long people may take.
type times struct{ wait, expire time.Duration }

// bell wakes the calls that wait for one approval.
type bell struct {
	gateway.Bell
	waiters int
}

var _ gateway.Approvals = (*Room)(nil)

// New returns a Room.
func New(opts Options) (*Room, error) {
	if opts.Store == nil {
		return nil, errors.New("approvals need a store")
	}
	if opts.Pending <= 0 {
		opts.Pending = 32
	}
	r := &Room{opts: opts, waiting: map[string]*bell{}}
	r.SetTimes(opts.Wait, opts.Expire)
	return r, nil
}

// SetTimes puts other times in force ([Options.Wait], [Options.Expire]), for calls that
// come to wait from now on.
func (r *Room) SetTimes(wait, expire time.Duration) {
	if wait == 0 {
		wait = 2 * time.Minute
	}
	if expire <= 0 {
		expire = time.Hour
	}
	r.times.Store(&times{wait, expire})
}

// Wait implements [gateway.Approvals]. Nil means that this call, and no other,
// may run on the consent.
func (r *Room) Wait(ctx context.Context, c *gateway.Call) error {
	ask, err := r.request(c)
	if err != nil {
		return err
	}
	wait := r.times.Load().wait
	over := time.NewTimer(wait)
	defer over.Stop()
	told := newTeller(ctx, c, wait)
	defer told.stop()
	for {
		a, err := r.opts.Store.Ask(ctx, ask, r.opts.Pending)
		if errors.Is(err, gateway.ErrManyApprovals) {
			return gateway.Refuse("approval", gateway.RateLimited, fmt.Sprintf("%d of your calls wait for a person already; wait until they are decided", r.opts.Pending))
		}
		if err != nil {
			return fmt.Errorf("ask for approval: %w", err)
		}
		if a.ID == ask.ID {
			ask.ID = newID() // should this one be used up by another call
			if r.opts.Asked != nil {
				r.opts.Asked(a)
			}
		}
		done, err := r.follow(ctx, a, c, over.C, told)
		if done || err != nil {
			return err
		}
	}
}

// follow waits for the decision on an approval. It is not done when the consent
// went to another call, was revoked, or expired: then a new one has to be asked for.
func (r *Room) follow(ctx context.Context, a gateway.Approval, c *gateway.Call, over <-chan time.Time, told *teller) (done bool, err error) {
	b := r.enter(a.ID)
	defer r.leave(a.ID, b)
	late := time.NewTimer(time.Until(a.Expires))
	defer late.Stop()
	for {
		rung := b.Next()
		if ctx.Err() != nil {
			return true, gone(ctx)
		}
		if a, err = r.opts.Store.Approval(ctx, a.ID); err != nil {
			return true, errors.Join(fmt.Errorf("wait for approval: %w", err), gone(ctx))
		}
		switch a.State {
		case gateway.ApprovalGiven:
			return r.use(ctx, a, c)
		case gateway.ApprovalRefused:
			return true, denied(a)
		case gateway.ApprovalUsed, gateway.ApprovalExpired, gateway.ApprovalRevoked:
			return false, nil
		}
		told.first(a.ID)
		select {
		case <-rung:
		case <-late.C:
		case <-told.due():
			told.tell(a.ID)
		case <-over:
			return true, r.pending(a)
		case <-ctx.Done():
			return true, gone(ctx)
		}
	}
}

// gone is the refusal of a call whose agent does not wait any more, nil if it does.
func gone(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return gateway.Refuse("approval", gateway.Cancelled, "the agent went away while a person was asked").Because(ctx.Err())
}

func (r *Room) use(ctx context.Context, a gateway.Approval, c *gateway.Call) (bool, error) {
	won, err := r.opts.Store.Use(ctx, a.ID, c.ID)
	if err != nil {
		return false, fmt.Errorf("use approval: %w", err)
	}
	return won, nil
}

// Ring wakes the calls that wait for an approval: something happened to it.
func (r *Room) Ring(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.waiting[id]; b != nil {
		b.Ring()
	}
}

func (r *Room) enter(id string) *bell {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.waiting[id]
	if b == nil {
		b = new(bell)
		r.waiting[id] = b
	}
	b.waiters++
	return b
}

func (r *Room) leave(id string, b *bell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.waiters--
	if b.waiters == 0 && r.waiting[id] == b {
		delete(r.waiting, id)
	}
}

// request is the approval that a call needs.
func (r *Room) request(c *gateway.Call) (gateway.Approval, error) {
	revision := ""
	if r.opts.BindRevision {
		revision = c.Decision.Revision
	}
	binding, err := bind(c, revision)
	if err != nil {
		return gateway.Approval{}, err
	}
	args, beside, reasons := shown(c)
	now := time.Now()
	return gateway.Approval{
		ID: newID(), Binding: binding, Call: c.ID, Agent: c.Agent.ID, Issuer: c.Agent.Issuer, Identities: c.Agent.Identities(),
		Tool: c.ToolName(), Fingerprint: c.Tool.Fingerprint, Args: args, Beside: beside, Restored: gateway.WithoutValues(c.Restored), Reasons: reasons,
		Revision: c.Decision.Revision, Session: c.Session.ID, Labels: c.Session.Labels, Recent: c.Session.Recent, Created: now, Expires: now.Add(r.times.Load().expire), State: gateway.ApprovalOpen,
	}, nil
}

// bind digests what is consented to. Each part is preceded by its length, so
// that no part can borrow from its neighbour.
//
// An upstream's question to an agent can hold numbers that have no canonical
// form (the strict parser refuses them in arguments): it is bound by its bytes.
func bind(c *gateway.Call, revision string) (string, error) {
	h := sha256.New()
	digest := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(h, "%d:%s,", len(part), part)
		}
	}
	digest(c.Agent.Issuer, c.Agent.ID, c.Agent.Person(), string(c.Kind), c.Method, c.Tool.Wire, c.Tool.Fingerprint, revision)
	for _, raw := range []json.RawMessage{c.Args.Raw(), beside(c)} {
		form, text, err := canonical(raw)
		if err != nil {
			return "", err
		}
		digest(form, text)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func canonical(raw json.RawMessage) (form, text string, err error) {
	if _, err := gateway.ParseArgs(raw); err != nil {
		return "bytes", string(raw), nil
	}
	plain, err := gateway.Canonical(raw)
	if err != nil {
		return "", "", fmt.Errorf("canonical arguments: %w", err)
	}
	return "canonical", string(plain), nil
}

// beside is what is sent with the arguments, as one object: the members of
// params, without the progress token, which agents choose anew each time and
// upstreams never get.
func beside(c *gateway.Call) json.RawMessage {
	members := slices.Clone(c.Extra)
	for i, m := range members {
		if meta, err := gateway.Split(m.Value); m.Name == gateway.MemberMeta && err == nil {
			members[i].Value = gateway.JoinMembers(meta.Without("progressToken"))
		}
	}
	members = slices.DeleteFunc(members, func(m gateway.Member) bool { return string(m.Value) == "{}" })
	return gateway.JoinMembers(members)
}

// newID is short enough to be typed and has 60 random bits.
func newID() string { return rand.Text()[:12] }
