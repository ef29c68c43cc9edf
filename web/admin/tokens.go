package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"toolward/gateway"
)

// Tokens are what the local issuer gave out that holds for long: named tokens, and
// grants, which clients got by a login.
type Tokens interface {
	// NamedTokens lists those that are in use, and those that ended a while ago, by name.
	NamedTokens() []gateway.NamedToken
	// CreateToken makes one, which is on record before it is returned. Expires may be
	// zero. It returns [gateway.ErrBadToken] and [gateway.ErrTokenTaken].
	CreateToken(ctx context.Context, t gateway.NamedToken) (token string, made gateway.NamedToken, err error)
	// RevokeToken ends one: no new call gets in with it when it returns, and calls under
	// way are being cancelled. It returns [gateway.ErrNoToken].
	RevokeToken(ctx context.Context, name string, by gateway.Operator, reason string) (gateway.NamedToken, error)
	// Grants lists those that hold, oldest first.
	Grants() []gateway.Grant
	// FindGrant returns one that holds, or [gateway.ErrNoGrant].
	FindGrant(id string) (gateway.Grant, error)
	// RevokeGrant ends one, as RevokeToken does. It returns [gateway.ErrNoGrant].
	RevokeGrant(ctx context.Context, id string, by gateway.Operator, reason string) error
}

// TokenList is what a list of tokens answers with.
type TokenList struct {
	Tokens []gateway.NamedToken `json:"tokens"`
	Grants []gateway.Grant      `json:"grants"`
}

// TokenRevoked is what has ended: a named token, or a grant.
type TokenRevoked struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Client  string `json:"client,omitempty"` // of a grant: what it calls itself
}

// NewToken is what a named token is to say.
type NewToken struct {
	Name    string    `json:"name"`
	Subject string    `json:"subject"`
	Roles   []string  `json:"roles,omitempty"`
	Scopes  []string  `json:"scopes,omitempty"`
	Session string    `json:"session,omitempty"` // sid: labels accumulate by it instead of by the agent
	Expires time.Time `json:"expires,omitzero"`  // left out: 90 days from now
}

// TokenCreated is a named token, the only time that it is shown.
type TokenCreated struct {
	gateway.NamedToken
	Token string `json:"token"`
}

// RevokeToken is why a token ends.
type RevokeToken struct {
	Reason string `json:"reason,omitempty"`
}

func (h *Handler) tokenOperations() []operation {
	return []operation{
		{id: "tokens.list", method: http.MethodGet, path: "tokens", role: Viewer, answer: TokenList{},
			summary: "Named tokens, and what clients got by a login: whom they are for, until when, by whom, when they were last used",
			run: func(*request) (any, error) {
				return TokenList{slices.Concat([]gateway.NamedToken{}, h.opt.Tokens.NamedTokens()), slices.Concat([]gateway.Grant{}, h.opt.Tokens.Grants())}, nil
			}},
		{id: "tokens.create", method: http.MethodPost, path: "tokens", role: Admin, body: &NewToken{}, answer: TokenCreated{}, run: h.createToken,
			summary: "Make a named token, which is shown this once. Roles of operators are given on the gateway's machine only"},
		{id: "tokens.revoke", method: http.MethodPost, path: "tokens/{name}/revoke", role: Admin, body: &RevokeToken{}, answer: TokenRevoked{}, run: h.revokeToken,
			summary: "End a named token, or a grant by its ID, now: calls under way are cancelled"},
	}
}

func (h *Handler) createToken(r *request) (any, error) {
	b := r.body.(*NewToken)
	anybody := h.opt.Roles()
	anybody.Issuers = nil
	if r.who.token != "" && anybody.Of(&gateway.Agent{Roles: b.Roles}) > 0 {
		// An admin could else be as many people as decisions take.
		return nil, gateway.Refuse("admin", gateway.Forbidden, "a token with a role of operators is made on the gateway's machine only")
	}
	token, made, err := h.opt.Tokens.CreateToken(r.Context(), gateway.NamedToken{
		Name: b.Name, Subject: b.Subject, Roles: b.Roles, Scopes: b.Scopes, Session: b.Session, Expires: b.Expires, By: r.who.Operator,
	})
	if err != nil {
		return nil, err
	}
	return TokenCreated{made, token}, nil
}

func (h *Handler) revokeToken(r *request) (any, error) {
	reason := r.body.(*RevokeToken).Reason
	if len(reason) > mostNote {
		return nil, malformed("a reason is at most 2000 bytes")
	}
	name := r.PathValue("name")
	t, err := h.opt.Tokens.RevokeToken(r.Context(), name, r.who.Operator, reason)
	if !errors.Is(err, gateway.ErrNoToken) {
		return TokenRevoked{Name: t.Name, Subject: t.Subject}, err
	}
	g, missing := h.opt.Tokens.FindGrant(name)
	if missing != nil {
		return nil, err
	}
	return TokenRevoked{Name: g.ID, Subject: g.Agent, Client: g.Name}, h.opt.Tokens.RevokeGrant(r.Context(), name, r.who.Operator, reason)
}
