package gateway

import (
	"slices"
	"strings"
)

// RequireScopes returns a refusal that asks for all of the scopes at once
// (RFC 6750 §3.1, MCP 2026-07-28 authorization) if the agent lacks any of them,
// else nil. Surfaces turn it into a challenge, with which a client gets a token
// that has them and comes back.
func RequireScopes(a *Agent, scopes ...string) *Refusal {
	for _, s := range scopes {
		if !slices.Contains(a.Scopes, s) {
			all := strings.Join(scopes, " ")
			r := Refuse("auth", InsufficientScope, "the token lacks a scope; needed: "+all)
			r.Scope = all
			return r
		}
	}
	return nil
}
