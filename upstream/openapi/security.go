package openapi

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// credential is one secret of the gateway's own where one security scheme of
// the document wants it.
type credential struct {
	in    string // "header", "query" or "cookie"
	name  string
	value string
}

// security says what each operation is sent.
type security struct {
	doc   *document
	known map[string]credential // by scheme, of those that a secret was configured for
	all   []credential          // for each operation, where the document asks for none anywhere
}

// security reads the schemes that secrets were configured for.
//
//	{type: apiKey, in: query, name: key}  k         ->  ?key=k
//	{type: http, scheme: basic}           user:pass ->  Authorization: Basic dXNlcjpwYXNz
//	{type: http, scheme: bearer}          t         ->  Authorization: Bearer t
//	{type: oauth2}, {type: openIdConnect} t         ->  Authorization: Bearer t
func (d *document) security(secrets map[string]string) (security, error) {
	s := security{doc: d, known: map[string]credential{}}
	schemes := d.at(d.root).member("components").member("securitySchemes")
	if d.era == swagger2 {
		schemes = d.at(d.root).member("securityDefinitions")
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		scheme, err := d.object(schemes.member(name))
		if err != nil {
			return s, fmt.Errorf("credentials.%s: the document has no such security scheme; it has %s", name, named(schemes.object()))
		}
		c, err := credentialOf(scheme.object(), secrets[name])
		if err != nil {
			return s, fmt.Errorf("credentials.%s: %w", name, err)
		}
		s.known[name] = c
		s.all = append(s.all, c)
	}
	if d.asksForSecurity() {
		s.all = nil
	}
	return s, nil
}

// asksForSecurity reports whether anything in the document says "security".
// Many documents define schemes and forget to.
func (d *document) asksForSecurity() bool {
	if d.root["security"] != nil {
		return true
	}
	for _, item := range d.at(d.root).member("paths").object() {
		m, _ := item.(map[string]any)
		for _, op := range m {
			if o, ok := op.(map[string]any); ok && o["security"] != nil {
				return true
			}
		}
	}
	return false
}

func named(m map[string]any) string {
	if len(m) == 0 {
		return "none"
	}
	return clip(strings.Join(slices.Sorted(maps.Keys(m)), ", "), 300)
}

func credentialOf(scheme map[string]any, secret string) (credential, error) {
	switch kind := textOf(scheme["type"]); kind {
	case "apiKey":
		c := credential{textOf(scheme["in"]), textOf(scheme["name"]), secret}
		if c.name == "" || c.in != "header" && c.in != "query" && c.in != "cookie" {
			return c, fmt.Errorf("its security scheme puts the key in %q as %q", c.in, c.name)
		}
		return c, nil
	case "basic":
		return credential{"header", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(secret))}, nil
	case "http":
		word := textOf(scheme["scheme"])
		switch {
		case strings.EqualFold(word, "basic"):
			return credential{"header", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(secret))}, nil
		case strings.EqualFold(word, "bearer"), word == "":
			return credential{"header", "Authorization", "Bearer " + secret}, nil
		}
		return credential{"header", "Authorization", word + " " + secret}, nil
	case "oauth2", "openIdConnect":
		return credential{"header", "Authorization", "Bearer " + secret}, nil
	default:
		return credential{}, fmt.Errorf("security schemes of type %q are not known; use headers", kind)
	}
}

// of are the credentials of an operation: the first of its alternatives that
// secrets are there for. One that asks for none gets none. Without any such
// alternative it is sent what headers and oauth say, and the API decides.
func (s security) of(op map[string]any) []credential {
	if len(s.known) == 0 || len(s.all) > 0 {
		return s.all
	}
	wanted, own := op["security"].([]any)
	if !own {
		wanted, _ = s.doc.root["security"].([]any)
	}
	for _, raw := range wanted {
		alternative, _ := raw.(map[string]any)
		var all []credential
		for _, name := range slices.Sorted(maps.Keys(alternative)) {
			if c, ok := s.known[name]; ok {
				all = append(all, c)
			}
		}
		if len(alternative) > 0 && len(all) == len(alternative) {
			return all
		}
	}
	return nil
}

// names reports whether a parameter is where a credential of the document goes.
func (s security) names(in, name string) bool {
	for _, c := range s.known {
		if c.in == in && (c.name == name || in == "header" && strings.EqualFold(c.name, name)) {
			return true
		}
	}
	return false
}

// put adds credentials to a request.
func put(all []credential, h http.Header, query, cookies []string) (q, c []string) {
	for _, secret := range all {
		switch secret.in {
		case "header":
			h.Set(secret.name, secret.value)
		case "query":
			query = append(query, escape(secret.name, false)+"="+escape(secret.value, false))
		case "cookie":
			cookies = append(cookies, escape(secret.name, false)+"="+escape(secret.value, false))
		}
	}
	return query, cookies
}
