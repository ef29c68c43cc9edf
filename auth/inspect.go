package auth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"toolward/gateway"
)

// Inspection says what is in a token and whether it would be let in. It is for
// whoever holds the token: unlike a refusal, it gives the reason.
type Inspection struct {
	Header  json.RawMessage `json:"header,omitempty"` // as in the token; nil if it is no JWT
	Claims  json.RawMessage `json:"claims,omitempty"`
	Valid   bool            `json:"valid"`
	Problem string          `json:"problem,omitempty"` // why it is not valid, with the inner reason
	Agent   *Identity       `json:"agent,omitempty"`   // who it stands for, if valid
}

// Identity is what policy gets to see of a token's bearer, besides the claims.
type Identity struct {
	ID      string    `json:"id"`
	Issuer  string    `json:"issuer"`
	Roles   []string  `json:"roles,omitempty"`
	Scopes  []string  `json:"scopes,omitempty"`
	Session string    `json:"session,omitempty"`
	Expires time.Time `json:"expires"`
}

// Inspect verifies a token for an endpoint ("" for none) and explains.
func (v *Verifier) Inspect(ctx context.Context, c gateway.Credentials) Inspection {
	var i Inspection
	if t, err := parseToken(c.Token); err == nil {
		i.Header, i.Claims = t.header, t.claims
	}
	agent, err := v.Verify(ctx, c)
	if err != nil {
		i.Problem = explain(err)
		return i
	}
	i.Valid = true
	i.Agent = &Identity{agent.ID, agent.Issuer, agent.Roles, agent.Scopes, agent.Session, agent.Expires.UTC()}
	return i
}

// explain prefers the inner reason to the text that every refusal shares.
func explain(err error) string {
	var r *gateway.Refusal
	if errors.As(err, &r) {
		if cause := errors.Unwrap(r); cause != nil {
			return cause.Error()
		}
		return r.Reasons[0]
	}
	return err.Error()
}
