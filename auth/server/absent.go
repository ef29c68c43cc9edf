package server

import "net/http"

// absent is what clients are told that look for an authorization server where there
// is none. Those that find no metadata take the gateway for one, at these paths (MCP
// 2025-03-26 authorization, fallbacks).
const absent = "this gateway issues no tokens to clients: it does so on loopback, with its own issuer and without public_url. Run `toolward connect CLIENT`, which writes an entry with a token, or ask whoever runs the gateway for one"

// Absent are routes for a gateway that is no authorization server, each of which says
// what to do instead in the words of OAuth; their clients show nothing else.
func Absent() map[string]http.HandlerFunc {
	say := func(w http.ResponseWriter, _ *http.Request) {
		(*Server)(nil).json(w, http.StatusNotFound, faultBody{invalidRequest, absent})
	}
	all := map[string]http.HandlerFunc{}
	for _, path := range []string{"/register", "/authorize", "/token", PathRegister, PathConsent, PathToken, PathRevoke, WellKnown} {
		all[path] = say
	}
	return all
}
