package state

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"toolward/gateway"
)

const (
	// mostGrants is how many grants there may be at once.
	mostGrants = 1024
	// refreshGrace is how long the refresh token before the last still gets what it
	// was answered when it was used first: the answer may have been lost, and a client
	// with two windows asks twice. The token after it is the same for both, so that no
	// second chain comes of it.
	refreshGrace = time.Minute
)

type (
	// refreshed is the body of an event about a grant's next refresh token.
	refreshed struct {
		ID    string `json:"id"`
		Turn  int    `json:"turn"`
		Again bool   `json:"again,omitempty"` // the token that it replaced was used again within the grace
		Token string `json:"token"`           // jti of the access token beside it
	}
	// grantEnd is the body of an event about a grant that is revoked.
	grantEnd struct {
		ID     string           `json:"id"`
		By     gateway.Operator `json:"by,omitzero"` // nobody where the gateway did it itself, or the client
		Reason string           `json:"reason"`
	}
)

// turn takes in that a grant has another refresh token.
func (s *heldSet) turn(at time.Time, b refreshed) {
	old := s.grants[b.ID]
	if old == nil {
		return // revoked, or ended, before
	}
	next := *old
	next.Token = b.Token
	if !b.Again {
		next.Turn, next.Turned = b.Turn, at
	}
	s.give(next)
}

// give adds a grant, or the next turn of one, and lets go of those that ended before.
func (s *heldSet) give(g gateway.Grant) {
	s.grants = maps.Clone(s.grants)
	maps.DeleteFunc(s.grants, func(_ string, old *gateway.Grant) bool { return !old.Holds(g.Turned) })
	s.grants[g.ID] = &g
}

// lasting are the grants that hold at a time, oldest first.
func (s *heldSet) lasting(now time.Time) []gateway.Grant {
	var all []gateway.Grant
	for _, g := range s.grants {
		if g.Holds(now) {
			all = append(all, *g)
		}
	}
	slices.SortFunc(all, func(a, b gateway.Grant) int { return a.Given.Compare(b.Given) })
	return all
}

// FindGrant returns a grant that holds now, or [gateway.ErrNoGrant].
func (r *Room) FindGrant(id string) (gateway.Grant, error) {
	g := r.held.Load().grants[id]
	if g == nil || !g.Holds(time.Now()) {
		return gateway.Grant{}, gateway.ErrNoGrant
	}
	return *g, nil
}

// Give records what a person let a client have. Given, Turned and Turn are set
// here. It returns [gateway.ErrManyGrants] where there is no place.
func (r *Room) Give(ctx context.Context, g gateway.Grant) (gateway.Grant, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if len(r.held.Load().lasting(time.Now())) >= mostGrants {
		return g, gateway.ErrManyGrants
	}
	g.Given = time.Now().UTC()
	g.Turn, g.Turned = 1, g.Given
	return g, r.opts.Journal.Note(ctx, EventGiven, g)
}

// Refresh records that the refresh token of a turn was used, and returns the grant
// with the turn of the token that replaces it, once that is durable. jti is the
// access token that goes with it.
//
// A token that was replaced is in two hands (RFC 9700 §4.14.2): the grant is
// revoked, and the error is [gateway.ErrReplayed]. Within [refreshGrace] the last
// one replaced gets the same answer again.
func (r *Room) Refresh(ctx context.Context, id string, turn int, jti string) (gateway.Grant, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	g, err := r.FindGrant(id)
	switch {
	case err != nil:
		return g, err
	case turn > g.Turn: // the record is older than the token: it was put back
		return g, gateway.ErrNoGrant
	case turn == g.Turn:
		err = r.opts.Journal.Note(ctx, EventRefreshed, refreshed{ID: id, Turn: turn + 1, Token: jti})
	case turn == g.Turn-1 && time.Since(g.Turned) < refreshGrace:
		err = r.opts.Journal.Note(ctx, EventRefreshed, refreshed{ID: id, Turn: g.Turn, Again: true, Token: jti})
	default:
		return g, errors.Join(gateway.ErrReplayed, r.opts.Journal.Note(ctx, EventGrantRevoked, grantEnd{ID: id, Reason: "a refresh token was used twice: it is in other hands, too"}))
	}
	if err != nil {
		return g, err
	}
	return r.FindGrant(id)
}

// RevokeGrant ends a grant: its tokens are refused from the next call on. It returns
// [gateway.ErrNoGrant] if there is none of that ID.
func (r *Room) RevokeGrant(ctx context.Context, id string, by gateway.Operator, reason string) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if _, err := r.FindGrant(id); err != nil {
		return err
	}
	return r.opts.Journal.Note(ctx, EventGrantRevoked, grantEnd{ID: id, By: by, Reason: reason})
}
