package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// keptDecided is how many approvals that are over stay listed. The record has all.
const keptDecided = 1000

// consents are the approvals that can still matter, and the latest that cannot.
type consents struct {
	byID map[string]*gateway.Approval
	over []string // IDs that are used, denied, revoked or expired, oldest first
}

// decided is the body of an event about an approval that was asked for before.
type decided struct {
	ID   string           `json:"id"`
	By   gateway.Operator `json:"by,omitzero"`
	Note string           `json:"note,omitempty"`
	Call string           `json:"call,omitempty"` // the one that ran on it
	Was  string           `json:"was,omitempty"`  // of one that expired: pending or approved
}

// sent is what stands beside an approval's event: what the call would send, for
// the person who decides.
type sent struct {
	Args   json.RawMessage `json:"args,omitempty"`
	Beside json.RawMessage `json:"beside,omitempty"`
}

// erased is the body of an event that says whose texts went.
type erased struct{ Agent, Session, Call string }

// erase forgets what calls would have sent.
func (c *consents) erase(of erased) {
	for id, a := range c.byID {
		if of.Agent != "" && a.Agent == of.Agent || of.Session != "" && a.Session == of.Session || of.Call != "" && a.Call == of.Call {
			b := *a
			b.Args, b.Beside = nil, nil
			c.byID[id] = &b
		}
	}
}

func (c *consents) init() { c.byID = map[string]*gateway.Approval{} }

// ask adds an approval.
func (c *consents) ask(a gateway.Approval) error {
	if a.ID == "" || c.byID[a.ID] != nil {
		return errors.New("an approval without an ID of its own")
	}
	a.State = gateway.ApprovalOpen
	c.byID[a.ID] = &a
	c.tidy(a.Created)
	return nil
}

// decide moves an approval on, if it can go there from where it is.
func (c *consents) decide(eventType string, at time.Time, d decided) error {
	a := c.byID[d.ID]
	if a == nil {
		return gateway.ErrNoApproval
	}
	if eventType == EventExpired {
		return c.expire(a)
	}
	now := c.seen(a, at)
	from, to := gateway.ApprovalOpen, gateway.ApprovalGiven
	switch eventType {
	case EventDenied:
		to = gateway.ApprovalRefused
	case EventUsed:
		from, to = gateway.ApprovalGiven, gateway.ApprovalUsed
	case EventRevoked:
		from, to = gateway.ApprovalGiven, gateway.ApprovalRevoked
	}
	if now.State != from {
		return fmt.Errorf("%w: it is %s", gateway.ErrDecided, now.State)
	}
	b := *a // whoever was given the old one keeps it
	b.State = to
	if to == gateway.ApprovalUsed {
		b.UsedBy = d.Call
	} else {
		b.By, b.Decider, b.Note, b.Decided = d.By.String(), d.By, d.Note, at.UTC()
	}
	c.byID[d.ID] = &b
	if to == gateway.ApprovalUsed || to == gateway.ApprovalRevoked {
		c.over = append(c.over, d.ID)
	}
	return nil
}

// expire ends an approval for good.
func (c *consents) expire(a *gateway.Approval) error {
	if !runs(a) {
		return fmt.Errorf("%w: it is %s", gateway.ErrDecided, a.State)
	}
	b := *a
	b.State = gateway.ApprovalExpired
	c.byID[a.ID] = &b
	c.over = append(c.over, a.ID)
	return nil
}

// runs reports whether time alone can end an approval.
func runs(a *gateway.Approval) bool {
	return a.State == gateway.ApprovalOpen || a.State == gateway.ApprovalGiven
}

// seen is an approval as it stands at a time.
func (c *consents) seen(a *gateway.Approval, now time.Time) gateway.Approval {
	b := *a
	if runs(a) && !b.Expires.After(now) {
		b.State = gateway.ApprovalExpired
	}
	return b
}

// tidy drops what is long over.
func (c *consents) tidy(now time.Time) {
	if len(c.byID) < 2*keptDecided {
		return
	}
	for id, a := range c.byID {
		if !a.Expires.After(now) && !runs(a) && !slices.Contains(c.over, id) { // denied, for as long as it would have held
			c.over = append(c.over, id)
		}
	}
	slices.SortFunc(c.over, func(x, y string) int { return c.byID[x].Created.Compare(c.byID[y].Created) })
	for len(c.over) > keptDecided {
		delete(c.byID, c.over[0])
		c.over = c.over[1:]
	}
}

// Ask returns the approval of the same binding that is pending, approved or
// denied and has not expired, or records a. It returns
// [gateway.ErrManyApprovals] if most approvals of the agent are pending already.
func (r *Room) Ask(ctx context.Context, a gateway.Approval, most int) (gateway.Approval, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	var open *gateway.Approval
	pending := 0
	for _, b := range r.approvals(a.Created) {
		switch b.State {
		case gateway.ApprovalOpen, gateway.ApprovalGiven, gateway.ApprovalRefused:
		default:
			continue
		}
		if b.Binding == a.Binding && b.Expires.After(a.Created) && (open == nil || b.Created.After(open.Created)) {
			open = &b
		}
		if b.State == gateway.ApprovalOpen && b.Agent == a.Agent && b.Issuer == a.Issuer {
			pending++
		}
	}
	if open != nil {
		return *open, nil
	}
	if pending >= most {
		return gateway.Approval{}, gateway.ErrManyApprovals
	}
	said := a
	said.Args, said.Beside = nil, nil
	return a, r.opts.Journal.NoteAbout(ctx, gateway.Entry{Type: EventAsked, Agent: a.Agent, Session: a.Session}, said, sent{a.Args, a.Beside})
}

// Approval returns an approval, or [gateway.ErrNoApproval].
func (r *Room) Approval(_ context.Context, id string) (gateway.Approval, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.consents.byID[id]
	if a == nil {
		return gateway.Approval{}, gateway.ErrNoApproval
	}
	return r.consents.seen(a, time.Now()), nil
}

// Use turns an approved approval that has not expired into a used one, and
// reports whether it did: one caller wins.
func (r *Room) Use(ctx context.Context, id, call string) (bool, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	a, err := r.Approval(ctx, id)
	if err != nil || a.State != gateway.ApprovalGiven {
		return false, err
	}
	return true, r.opts.Journal.Note(ctx, EventUsed, decided{ID: id, Call: call})
}

// Decide approves or denies a pending approval that has not expired, or revokes
// one that is approved and not used up. It returns [gateway.ErrNoApproval], or
// [gateway.ErrDecided] with the approval as it is.
func (r *Room) Decide(ctx context.Context, id string, state gateway.ApprovalState, by gateway.Operator, note string) (gateway.Approval, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	a, err := r.Approval(ctx, id)
	if err != nil {
		return a, err
	}
	var event string
	switch {
	case a.State == gateway.ApprovalOpen && state == gateway.ApprovalGiven:
		event = EventApproved
	case a.State == gateway.ApprovalOpen && state == gateway.ApprovalRefused:
		event = EventDenied
	case a.State == gateway.ApprovalGiven && state == gateway.ApprovalRevoked:
		event = EventRevoked
	default:
		return a, fmt.Errorf("%w: it is %s", gateway.ErrDecided, a.State)
	}
	if err := r.opts.Journal.Note(ctx, event, decided{ID: id, By: by, Note: note}); err != nil {
		return a, err
	}
	return r.Approval(ctx, id)
}

// Approvals lists approvals of a state, all of them if it is "", newest first:
// those that can still matter, and the latest that cannot. The record has all.
func (r *Room) Approvals(_ context.Context, state gateway.ApprovalState, most int) ([]gateway.Approval, error) {
	list := r.approvals(time.Now())
	list = slices.DeleteFunc(list, func(a gateway.Approval) bool { return state != "" && a.State != state })
	slices.SortFunc(list, func(a, b gateway.Approval) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list[:min(most, len(list))], nil
}

// Changed is closed by what happens next to any approval. Take it before looking.
func (r *Room) Changed() <-chan struct{} { return r.changed.Next() }

func (r *Room) approvals(now time.Time) []gateway.Approval {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]gateway.Approval, 0, len(r.consents.byID))
	for _, a := range r.consents.byID {
		list = append(list, r.consents.seen(a, now))
	}
	return list
}
