package auth

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"toolward/gateway"
)

// WellKnown is the path of protected resource metadata (RFC 9728 §3); an
// endpoint's path is appended to it.
const WellKnown = "/.well-known/oauth-protected-resource"

// Endpoints describes the gateway as an OAuth 2.1 resource server. Each of its
// endpoints (/mcp, /mcp/{server}) is a resource of its own with its own
// metadata (MCP 2026-07-28 authorization). It is immutable.
type Endpoints struct {
	base    string
	names   map[string]string // other bases, by host: what people type for a loopback address
	servers []string
	scopes  []string
}

// NewEndpoints takes the gateway's public base URL (https://gw.example.com, a
// path is allowed), the authorization servers' issuer identifiers, and the
// scopes that clients should ask for. The base URL must come from
// configuration or from the listener, never from a request's Host header:
// a token is accepted for the URIs that are made of it.
func NewEndpoints(base string, authorizationServers, scopes []string) (*Endpoints, error) {
	uri, ok := canonicalURI(base)
	if !ok {
		return nil, fmt.Errorf("%q is not an absolute http(s) URL without query, fragment or credentials", base)
	}
	e := &Endpoints{base: uri, names: otherNames(uri)}
	for _, s := range authorizationServers {
		// A name like toolward-local is an issuer that clients cannot ask.
		if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
			e.servers = append(e.servers, s)
		}
	}
	for _, s := range scopes {
		if s == "offline_access" {
			continue // for clients and their authorization server alone
		}
		if !isScope(s) {
			return nil, fmt.Errorf("%q is not a scope (RFC 6749 §3.3)", s)
		}
		e.scopes = append(e.scopes, s)
	}
	return e, nil
}

// otherNames are the bases that a loopback address has besides, by their hosts:
//
//	http://127.0.0.1:8080  ->  localhost:8080, [::1]:8080
//
// A client holds the metadata's resource against the URL that it was given (RFC 9728
// §3.3), and people write either. Tokens are for the base all the same.
func otherNames(base string) map[string]string {
	u, err := url.Parse(base)
	if err != nil || !slices.Contains(loopbacks, u.Hostname()) {
		return nil
	}
	names := map[string]string{}
	for _, name := range loopbacks {
		other := *u
		if other.Host = name; u.Port() != "" {
			other.Host = net.JoinHostPort(name, u.Port())
		} else if strings.Contains(name, ":") {
			other.Host = "[" + name + "]"
		}
		if other.Host != u.Host {
			names[other.Host] = other.String()
		}
	}
	return names
}

var loopbacks = []string{"127.0.0.1", "localhost", "::1"}

// at is the base for who asked a host: the gateway's own, but for its other names.
func (e *Endpoints) at(host string) string {
	if base, ok := e.names[strings.ToLower(host)]; ok {
		return base
	}
	return e.base
}

// isScope reports whether s is a scope-token, which also makes it safe inside
// a quoted string.
func isScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '\\' || c > '~' {
			return false
		}
	}
	return s != ""
}

// URI is the canonical URI of the endpoint at a path, for
// [gateway.Credentials].Resource.
func (e *Endpoints) URI(path string) string { return e.base + strings.TrimRight(path, "/") }

// Path is the path of the endpoint that a URI names, "" for the gateway itself. It is
// the opposite of [Endpoints.URI], and says nothing about whether there is an endpoint.
func (e *Endpoints) Path(uri string) (path string, ok bool) {
	canonical, ok := canonicalURI(uri)
	if !ok {
		return "", false
	}
	base := e.base
	if u, err := url.Parse(canonical); err == nil {
		base = e.at(u.Host)
	}
	path, ok = strings.CutPrefix(canonical, base)
	return path, ok && (path == "" || path[0] == '/')
}

// MetadataURL is where the endpoint's metadata is, for who asked a host: the well-known
// path is put between host and path (RFC 9728 §3.1).
func (e *Endpoints) MetadataURL(host, path string) string {
	base := e.at(host)
	o := origin(base)
	return o + WellKnown + strings.TrimPrefix(base, o) + strings.TrimRight(path, "/")
}

// Metadata is the JSON document of the endpoint (RFC 9728 §2), for who asked a host.
func (e *Endpoints) Metadata(host, path string) []byte {
	doc := struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers,omitempty"`
		Scopes   []string `json:"scopes_supported,omitempty"`
		Methods  []string `json:"bearer_methods_supported"`
		Name     string   `json:"resource_name"`
	}{e.at(host) + strings.TrimRight(path, "/"), e.servers, e.scopes, []string{"header"}, "toolward"}
	b, _ := json.Marshal(doc) // strings only: cannot fail
	return b
}

// Challenge is the WWW-Authenticate value for a refusal at an endpoint
// (RFC 6750 §3, RFC 9728 §5.1), "" if the refusal is not about the token. host is the
// request's, which names this gateway. sent
// says whether the request had a token: without one, RFC 6750 §3.1 wants no
// error code.
func (e *Endpoints) Challenge(host, path string, r *gateway.Refusal, sent bool) string {
	var b strings.Builder
	b.WriteString("Bearer ")
	scope := strings.Join(e.scopes, " ")
	switch {
	case r.Code == gateway.InsufficientScope:
		b.WriteString(`error="insufficient_scope", error_description="the token lacks a scope that is needed here", `)
		scope = strings.Join(slices.DeleteFunc(strings.Fields(r.Scope), func(s string) bool { return !isScope(s) }), " ")
	case r.Code == gateway.Unauthenticated && sent && Reason(r) == "expired":
		b.WriteString(`error="invalid_token", error_description="the token has expired", `)
	case r.Code == gateway.Unauthenticated && sent && Reason(r) == "revoked":
		b.WriteString(`error="invalid_token", error_description="the token was revoked", `)
	case r.Code == gateway.Unauthenticated && sent:
		b.WriteString(`error="invalid_token", error_description="the token is not valid for this endpoint", `)
	case r.Code == gateway.Unauthenticated:
	default:
		return ""
	}
	if scope != "" {
		b.WriteString(`scope="` + scope + `", `)
	}
	b.WriteString(`resource_metadata="` + e.MetadataURL(host, path) + `"`)
	return b.String()
}
