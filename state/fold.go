package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// The types of events that state appends. Those of calls are the record's own.
const (
	EventLabelled = "session.labelled"
	EventCleared  = "session.cleared"
	EventAsked    = "approval.asked"
	EventApproved = "approval.approved"
	EventDenied   = "approval.denied"
	EventUsed     = "approval.used"
	EventRevoked  = "approval.revoked"
	EventExpired  = "approval.expired"
	EventPinned   = "pin.accepted"
	EventBlocked  = "block.added"
	EventLifted   = "block.lifted"
	EventReset    = "meter.reset"
	EventNamed    = "token.created"
	EventUnnamed  = "token.revoked"
	EventTaken    = "token.used"

	EventGiven        = "grant.given"
	EventRefreshed    = "grant.refreshed"
	EventGrantRevoked = "grant.revoked"
)

// The bodies of events that have no type of their own elsewhere.
type (
	labelled struct {
		Session string   `json:"session"`
		Agent   string   `json:"agent"`
		Issuer  string   `json:"issuer"`
		Call    string   `json:"call,omitempty"` // during which it was told
		Labels  []string `json:"labels"`
		Tool    string   `json:"tool,omitempty"` // whose call it is
		Why     string   `json:"why,omitempty"`  // what guard suspects in what was told
	}
	cleared struct {
		Session string           `json:"session"`
		Labels  []string         `json:"labels"` // that were taken away
		By      gateway.Operator `json:"by"`
		Reason  string           `json:"reason"`
	}
	lifted struct {
		ID     string           `json:"id"`
		By     gateway.Operator `json:"by"`
		Reason string           `json:"reason"`
	}
)

// Fold takes in one event. Events come in the order of the record, one at a time,
// each once: the record calls it when an event is durable and before whoever waits
// for that hears of it. An event that says nothing about state changes nothing. An
// error is about an event that is not what it should be; it then counts for nothing.
func (r *Room) Fold(e gateway.Entry) error {
	switch e.Type {
	case "call.attempt":
		r.tallies.add(e)
		r.attempted(e)
	case "call.refusal":
		r.tallies.add(e)
		r.refused(e)
	case "call.outcome":
		r.tallies.add(e)
		r.sessions.label(e.Time, e.Session, e.Labels, gateway.Since{Call: e.Call, Tool: e.Tool, Why: e.Why})
	case EventLabelled:
		return with(e, func(b labelled) error {
			r.sessions.label(e.Time, b.Session, b.Labels, gateway.Since{Call: b.Call, Tool: b.Tool, Why: b.Why})
			return nil
		})
	case EventCleared:
		return with(e, func(b cleared) error { r.sessions.clear(e.Time, b.Session, b.Labels); return nil })
	case EventAsked:
		return with(e, func(a gateway.Approval) error {
			if e.Text != nil {
				if err := json.Unmarshal(e.Text, &a); err != nil {
					return err
				}
			}
			err := r.settle(func() error { return r.consents.ask(a) })
			wake(r.asked)
			r.changed.Ring()
			return err
		})
	case "audit.erase":
		return with(e, func(of erased) error {
			r.tallies.erase(of)
			return r.settle(func() error { r.consents.erase(of); return nil })
		})
	case EventApproved, EventDenied, EventUsed, EventRevoked, EventExpired:
		return with(e, func(b decided) error {
			err := r.settle(func() error { return r.consents.decide(e.Type, e.Time, b) })
			r.changed.Ring()
			if err == nil && r.opts.Decided != nil {
				r.opts.Decided(b.ID)
			}
			return err
		})
	case EventPinned:
		return with(e, func(p gateway.Pin) error { return r.settle(func() error { r.pins.put(p); return nil }) })
	case EventBlocked:
		return with(e, func(b gateway.Block) error {
			if b.ID == "" {
				return errors.New("a block without an ID")
			}
			return r.settle(func() error { r.putBlock(b); return nil })
		})
	case EventReset:
		return with(e, func(b reset) error {
			if b.Name == "" {
				return errors.New("a reset of no meter")
			}
			r.tallies.reset(b.MeterOf)
			return nil
		})
	case EventGiven, EventRefreshed, EventGrantRevoked, EventNamed, EventUnnamed, EventTaken:
		return r.foldHeld(e)
	case EventLifted:
		return with(e, func(b lifted) error { return r.settle(func() error { r.takeBlock(b.ID); return nil }) })
	}
	return nil
}

func (r *Room) settle(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f()
}

// with hands the body of an event to f.
func with[T any](e gateway.Entry, f func(T) error) error {
	var body T
	err := json.Unmarshal(e.Body, &body)
	if err == nil {
		err = f(body)
	}
	if err != nil {
		return fmt.Errorf("event %d, %s: %w", e.Seq, e.Type, err)
	}
	return nil
}

// attempted counts a call for good.
func (r *Room) attempted(e gateway.Entry) {
	if e.Session == "" || !leaves(e.Kind) {
		return
	}
	sh := r.sessions.shard(e.Session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st := sh.touch(e.Time, e.Session)
	st.agent, st.issuer = e.Agent, e.Issuer
	if e.Kind.Reverse() {
		return
	}
	delete(st.pending, e.Call)
	st.calls++
	st.note(gateway.Recent{Tool: e.Tool, Effect: e.Effect})
}

// refused keeps a session from being idle.
func (r *Room) refused(e gateway.Entry) {
	if e.Session == "" || !leaves(e.Kind) {
		return
	}
	sh := r.sessions.shard(e.Session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.sessions[e.Session] != nil {
		sh.touch(e.Time, e.Session)
	}
}

// label adds labels to a session. Labels reach a session that is gone too: what
// was seen was seen.
func (s *sessions) label(at time.Time, id string, labels []string, by gateway.Since) {
	if id == "" || len(labels) == 0 {
		return
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st := sh.touch(at, id)
	before := st.labels
	st.labels = merge(before, labels)
	st.since = because(st.since, before, st.labels, by)
}

// clear takes labels away.
func (s *sessions) clear(at time.Time, id string, labels []string) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st := sh.touch(at, id)
	st.labels = without(st.labels, labels)
	st.since = slices.DeleteFunc(slices.Clone(st.since), func(b gateway.Since) bool { return !slices.Contains(st.labels, b.Label) })
}

// because adds what brought the labels that were not there before.
func because(have []gateway.Since, before, after []string, by gateway.Since) []gateway.Since {
	if len(after) == len(before) || by.Call == "" {
		return have
	}
	all := slices.Clone(have)
	for _, l := range after {
		if _, known := slices.BinarySearch(before, l); !known && !strings.HasPrefix(l, gateway.LabelFrom) {
			one := gateway.Since{Label: l, Call: by.Call, Tool: by.Tool}
			if l == gateway.LabelUntrusted {
				one.Why = by.Why
			}
			all = append(all, one)
		}
	}
	return all
}
