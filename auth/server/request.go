package server

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// request is what a client asks for, once it is known to be one.
type request struct {
	client    *client
	redirect  *redirect
	state     string
	challenge string // S256 of the verifier
	endpoint  string // path; "" for all of the gateway
	scopes    []string
}

const maxState = 2 << 10 // bytes

// stranger is an error that the client must not hear of: who it is, or where it is
// answered, is not known (RFC 6749 §4.1.2.1).
type stranger struct{ about string }

func (e *stranger) Error() string { return e.about }

var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // SHA-256 in base64url (RFC 7636 §4.2)

// parse reads an authorization request. The error is a *stranger, or, with the client
// and the redirect known, a *fault.
func (s *Server) parse(ctx context.Context, raw string) (*request, error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &stranger{"the address cannot be read"}
	}
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(v[name]) != 1 || v.Get(name) == "" {
			return nil, &stranger{name + " has to stand in the address once"}
		}
	}
	q := &request{}
	if q.redirect, err = parseRedirect(v.Get("redirect_uri")); err != nil {
		return nil, &stranger{err.Error()}
	}
	if q.client, err = s.find(ctx, v.Get("client_id"), q.redirect); err != nil {
		return nil, &stranger{err.Error()}
	}
	if !slices.ContainsFunc(q.client.redirects, q.redirect.same) {
		return nil, &stranger{"the client did not register the redirect URI that it asks to be answered at"}
	}
	q.state = v.Get("state")
	if f := q.read(v, s); f != nil {
		return q, f
	}
	return q, nil
}

// find is the client of an ID.
func (s *Server) find(ctx context.Context, id string, asked *redirect) (*client, error) {
	if strings.HasPrefix(id, "https://") {
		return s.documented(ctx, id, asked)
	}
	return s.registeredClient(id)
}

// read reads what is answered to the client if it is wrong.
func (q *request) read(v url.Values, s *Server) *fault {
	if f := single(v); f != nil {
		q.state = ""
		return f
	}
	switch {
	case len(q.state) > maxState:
		q.state = ""
		return &fault{invalidRequest, "state is too long"}
	case v.Get("response_type") != "code":
		return &fault{unsupportedType, "response_type is code"}
	case v.Has("request") || v.Has("request_uri"):
		return &fault{invalidRequest, "the parameters stand in the address, not in an object"}
	case v.Has("response_mode") && v.Get("response_mode") != "query":
		return &fault{invalidRequest, "response_mode is query"}
	case v.Get("code_challenge_method") != "S256" || !challengeForm.MatchString(v.Get("code_challenge")):
		return &fault{invalidRequest, "PKCE is needed, with code_challenge_method=S256 (RFC 7636)"}
	}
	q.challenge = v.Get("code_challenge")
	if resource := v.Get("resource"); v.Has("resource") {
		var ok bool
		if q.endpoint, ok = s.opt.Endpoint(resource); !ok {
			return &fault{invalidTarget, "the resource is no endpoint of this gateway"}
		}
	}
	q.scopes = s.scopes(v.Get("scope"), v.Has("scope"))
	return nil
}

// scopes are those that are asked for and known (RFC 6749 §3.3); all that are known
// where none is asked for.
func (s *Server) scopes(asked string, given bool) []string {
	if !given {
		return s.opt.Scopes
	}
	return slices.DeleteFunc(strings.Fields(asked), func(one string) bool { return !slices.Contains(s.opt.Scopes, one) })
}
