package server

import (
	"net/http"
	"net/url"
	"strings"
)

// fault is an error as OAuth names it (RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2,
// RFC 8707 §2).
type fault struct{ code, about string }

func (f *fault) Error() string { return f.code + ": " + f.about }

// The codes in use.
const (
	invalidRequest  = "invalid_request"
	invalidClient   = "invalid_client"
	invalidGrant    = "invalid_grant"
	invalidScope    = "invalid_scope"
	invalidTarget   = "invalid_target"
	invalidMetadata = "invalid_client_metadata"
	invalidRedirect = "invalid_redirect_uri"
	accessDenied    = "access_denied"
	unsupported     = "unsupported_grant_type"
	unsupportedType = "unsupported_response_type"
	serverError     = "server_error"
	tooMany         = "too_many_requests" // no code of a standard; a status of one (RFC 6585 §4)
)

type faultBody struct {
	Error string `json:"error"`
	About string `json:"error_description"`
}

// refuse answers a client's program.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f *fault) {
	if s.told.take(s.opt.Now()) {
		s.opt.Log.Warn("a client was refused", "path", r.URL.Path, "error", f.code, "reason", f.about)
	}
	status := http.StatusBadRequest
	switch f.code {
	case invalidClient:
		status = http.StatusUnauthorized
	case tooMany:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	case serverError:
		status = http.StatusInternalServerError
	}
	s.json(w, status, faultBody{f.code, f.about})
}

// maxForm bounds what a client or the page sends, in bytes.
const maxForm = 64 << 10

// form reads the parameters of a POST. One that stands twice is refused (RFC 6749
// §3.1): two readers may take different ones. Those of the query are not looked at.
func form(w http.ResponseWriter, r *http.Request) (url.Values, *fault) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, &fault{invalidRequest, "the body has to be application/x-www-form-urlencoded"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &fault{invalidRequest, "the body is no form, or too long"}
	}
	return r.PostForm, single(r.PostForm)
}

func single(v url.Values) *fault {
	for name, all := range v {
		if len(all) > 1 {
			if name == "resource" { // RFC 8707 §2 allows several; tokens here are for one
				return &fault{invalidTarget, "a token is for one resource"}
			}
			return &fault{invalidRequest, "a parameter stands twice"}
		}
	}
	return nil
}
