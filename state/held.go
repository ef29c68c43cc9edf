package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"toolward/gateway"
)

// heldSet is what tokens of the local issuer rest on, as the record has it: grants, which
// people let clients have, and named tokens. Each request with one asks for it, so a set is
// replaced and never changed, nor its maps, but for when its named tokens were used.
type heldSet struct {
	grants map[string]*gateway.Grant // by ID
	named  map[string]*namedToken    // by digest
}

// of is whether what an agent's token rests on holds, and the named token that it is.
func (s *heldSet) of(a *gateway.Agent) (t *namedToken, holds bool) {
	if a.Grant != "" {
		if g := s.grants[a.Grant]; g == nil || !g.Holds(time.Now()) {
			return nil, false
		}
	}
	if a.Named != "" {
		if t = s.named[a.Named]; t == nil {
			return nil, false
		}
	}
	return t, true
}

// Holds reports whether what an agent's token rests on holds now, and takes it that it is
// used. It takes some 50 ns.
func (r *Room) Holds(a *gateway.Agent) bool {
	t, holds := r.held.Load().of(a)
	if t != nil {
		r.use(t)
	}
	return holds
}

// revoked refuses an agent whose token rests on what does not hold any more.
func (r *Room) revoked(a *gateway.Agent) *gateway.Refusal {
	if _, holds := r.held.Load().of(a); holds {
		return nil
	}
	return gateway.Refuse("auth", gateway.Unauthenticated, "the token was revoked")
}

// Held lists what tokens rest on.
func (r *Room) Held() gateway.Held {
	now, s := time.Now(), r.held.Load()
	return gateway.Held{Tokens: s.listed(now), Grants: s.lasting(now)}
}

// End ends a named token, the latest of a name, or a grant by its ID: when it returns, no
// new call gets in with it, and calls under way are being cancelled. It returns
// [gateway.ErrNoToken].
func (r *Room) End(ctx context.Context, name string, by gateway.Operator, reason string) (gateway.Ended, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	held := r.Held()
	for _, t := range slices.Backward(held.Tokens) {
		if t.Name == name {
			return gateway.Ended{Name: name, Subject: t.Subject}, r.opts.Journal.Note(ctx, EventUnnamed, unnamed{Digest: t.Digest, Name: name, By: by, Reason: reason})
		}
	}
	for _, g := range held.Grants {
		if g.ID == name {
			return gateway.Ended{Name: name, Subject: g.Agent, Client: g.Name}, r.opts.Journal.Note(ctx, EventGrantRevoked, grantEnd{ID: name, By: by, Reason: reason})
		}
	}
	return gateway.Ended{}, fmt.Errorf("%w: %s", gateway.ErrNoToken, name)
}

// foldHeld takes in an event about what tokens rest on.
func (r *Room) foldHeld(e gateway.Entry) error {
	switch e.Type {
	case EventGiven:
		return with(e, func(g gateway.Grant) error {
			if g.ID == "" {
				return errors.New("a grant without an ID")
			}
			return r.holding(func(s *heldSet) { s.give(g) })
		})
	case EventRefreshed:
		return with(e, func(b refreshed) error { return r.holding(func(s *heldSet) { s.turn(e.Time, b) }) })
	case EventGrantRevoked:
		return with(e, func(b grantEnd) error { return r.ending(func(s *heldSet) { s.grants = lacking(s.grants, b.ID) }) })
	case EventNamed:
		return with(e, func(t gateway.NamedToken) error {
			if t.Digest == "" || t.Name == "" {
				return errors.New("a named token without a name or a digest")
			}
			return r.holding(func(s *heldSet) { s.name(e.Time, t) })
		})
	case EventUnnamed:
		return with(e, func(b unnamed) error { return r.ending(func(s *heldSet) { s.named = lacking(s.named, b.Digest) }) })
	}
	return with(e, func(b taken) error { r.held.Load().noted(b); return nil })
}

// holding replaces what is held by what f makes of a copy, whose maps f replaces. Folding
// is one at a time, so nobody else does.
func (r *Room) holding(f func(*heldSet)) error {
	next := *r.held.Load()
	f(&next)
	r.held.Store(&next)
	return nil
}

// lacking is a copy of a map without a key.
func lacking[V any](m map[string]V, key string) map[string]V {
	m = maps.Clone(m)
	delete(m, key)
	return m
}

// ending is holding for what ends: what runs on it is stopped.
func (r *Room) ending(f func(*heldSet)) error {
	return r.settle(func() error { defer r.stop(); return r.holding(f) })
}
