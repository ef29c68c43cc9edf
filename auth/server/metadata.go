package server

import (
	"encoding/json"
	"net/http"
)

// metadata is the document of RFC 8414 §2. It is public, and browsers' clients look
// here first.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	s.json(w, http.StatusOK, struct {
		Issuer       string   `json:"issuer"`
		Authorize    string   `json:"authorization_endpoint"`
		Token        string   `json:"token_endpoint"`
		Register     string   `json:"registration_endpoint"`
		Revoke       string   `json:"revocation_endpoint"`
		Scopes       []string `json:"scopes_supported,omitempty"`
		Responses    []string `json:"response_types_supported"`
		Modes        []string `json:"response_modes_supported"`
		Grants       []string `json:"grant_types_supported"`
		Methods      []string `json:"token_endpoint_auth_methods_supported"`
		RevokeMethod []string `json:"revocation_endpoint_auth_methods_supported"`
		Challenges   []string `json:"code_challenge_methods_supported"`
		Names        bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
		Documents    bool     `json:"client_id_metadata_document_supported"`
	}{
		s.opt.Base, s.opt.Base + PathConsent, s.opt.Base + PathToken, s.opt.Base + PathRegister, s.opt.Base + PathRevoke,
		s.opt.Scopes, []string{"code"}, []string{"query"}, []string{"authorization_code", "refresh_token"},
		[]string{"none"}, []string{"none"}, []string{"S256"}, true, s.opt.Documents != nil,
	})
}

func (s *Server) json(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the client may be gone; nothing is lost
}
