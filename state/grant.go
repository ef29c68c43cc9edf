package state

import (
	"context"
	"errors"
	"slices"
	"sync"
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

// grants are what people let clients have. They are asked at every use of a
// client's token.
type grants struct {
	mu   sync.RWMutex
	byID map[string]*gateway.Grant // never changed, only replaced
}

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

func (g *grants) init() { g.byID = map[string]*gateway.Grant{} }

func (g *grants) find(id string) *gateway.Grant {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byID[id]
}

func (g *grants) put(grant gateway.Grant) error {
	if grant.ID == "" {
		return errors.New("a grant without an ID")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, old := range g.byID {
		if !old.Holds(grant.Turned) {
			delete(g.byID, id)
		}
	}
	g.byID[grant.ID] = &grant
	return nil
}

// turn takes in that a grant has another refresh token.
func (g *grants) turn(at time.Time, b refreshed) error {
	old := g.find(b.ID)
	if old == nil {
		return nil // revoked, or ended, before
	}
	next := *old
	next.Token = b.Token
	if !b.Again {
		next.Turn, next.Turned = b.Turn, at
	}
	return g.put(next)
}

func (g *grants) drop(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byID, id)
}

// Grants lists the grants that hold now, oldest first.
func (r *Room) Grants() []gateway.Grant {
	now := time.Now()
	r.grants.mu.RLock()
	defer r.grants.mu.RUnlock()
	var all []gateway.Grant
	for _, g := range r.grants.byID {
		if g.Holds(now) {
			all = append(all, *g)
		}
	}
	slices.SortFunc(all, func(a, b gateway.Grant) int { return a.Given.Compare(b.Given) })
	return all
}

// FindGrant returns a grant that holds now, or [gateway.ErrNoGrant].
func (r *Room) FindGrant(id string) (gateway.Grant, error) {
	g := r.grants.find(id)
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
	if len(r.Grants()) >= mostGrants {
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

// HoldsGrant reports whether a grant holds now.
func (r *Room) HoldsGrant(id string) bool {
	g := r.grants.find(id)
	return g != nil && g.Holds(time.Now())
}

// revoked refuses an agent whose grant does not hold any more, or whose named token the
// record does not have any more.
func (r *Room) revoked(a *gateway.Agent) *gateway.Refusal {
	if (a.Grant == "" || r.HoldsGrant(a.Grant)) && (a.Named == "" || r.named.Load().by[a.Named] != nil) {
		return nil
	}
	return gateway.Refuse("auth", gateway.Unauthenticated, "the token was revoked")
}
