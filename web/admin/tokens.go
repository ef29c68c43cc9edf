package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"toolward/gateway"
)

// Tokens are what the local issuer gave out that holds for long: named tokens, and
// grants, which clients got by a login.
type Tokens interface {
	// Held lists them.
	Held() gateway.Held
	// CreateToken makes a named one, which is on record before it is returned. Expires may
	// be zero. It returns [gateway.ErrBadToken] and [gateway.ErrTokenTaken].
	CreateToken(ctx context.Context, t gateway.NamedToken) (token string, made gateway.NamedToken, err error)
	// End ends one, a named token by its name, a grant by its ID: no new call gets in with
	// it when it returns, and calls under way are being cancelled. It returns
	// [gateway.ErrNoToken].
	End(ctx context.Context, name string, by gateway.Operator, reason string) (gateway.Ended, error)
}

// TokenList is what a list of tokens answers with.
type TokenList gateway.Held

// TokenRevoked is what has ended: a named token, or a grant.
type TokenRevoked gateway.Ended

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
				held := h.opt.Tokens.Held()
				return TokenList{slices.Concat([]gateway.NamedToken{}, held.Tokens), slices.Concat([]gateway.Grant{}, held.Grants)}, nil
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
	ended, err := h.opt.Tokens.End(r.Context(), r.PathValue("name"), r.who.Operator, reason)
	return TokenRevoked(ended), err
}
