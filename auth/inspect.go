package auth

import (
	"context"
	"encoding/json"
	"errors"

	"toolward/gateway"
)

// Inspection says what is in a token and whether it would be let in. It is for
// whoever holds the token: unlike a refusal, it gives the reason.
type Inspection struct {
	Header  json.RawMessage `json:"header,omitempty"` // as in the token; nil if it is no JWT
	Claims  json.RawMessage `json:"claims,omitempty"`
	Valid   bool            `json:"valid"`
	Problem string          `json:"problem,omitempty"` // why it is not valid, with the inner reason
	Agent   *gateway.Agent  `json:"agent,omitempty"`   // who it stands for, if valid
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
	i.Valid, i.Agent = true, agent
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
