package server

import (
	"errors"
	"net/http"

	"toolward/gateway"
)

// revoke ends the grant of a token that a client gives back (RFC 7009 §2). A token
// that is nobody's, or another client's, is answered alike: it is not good.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	v, f := form(w, r)
	if f == nil && (v.Get("token") == "" || v.Get("client_id") == "") {
		f = &fault{invalidRequest, "token and client_id are needed"}
	}
	if f == nil {
		f = s.giveBack(r, v.Get("token"), v.Get("client_id"))
	}
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (s *Server) giveBack(r *http.Request, token, clientID string) *fault {
	id, _, ok := s.readRefresh(token)
	if !ok {
		id, ok = s.opt.Local.GrantOf(token)
	}
	if !ok {
		return nil
	}
	g, err := s.opt.Grants.FindGrant(id)
	if err != nil || g.Client != clientKey(clientID) {
		return nil
	}
	if err := s.opt.Grants.RevokeGrant(r.Context(), id, gateway.Operator{}, "the client gave it back"); err != nil && !errors.Is(err, gateway.ErrNoGrant) {
		return s.failed("a grant could not be revoked", err)
	}
	s.opt.Log.Info("a client gave back what it was let have", "client", g.Name, "grant", id)
	return nil
}
