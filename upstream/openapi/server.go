package openapi

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// servers finds the base URLs of operations.
type servers struct {
	doc   *document
	given *url.URL // base_url; nil if there is none
}

func (d *document) servers(given string) (servers, error) {
	s := servers{doc: d}
	if given == "" {
		return s, nil
	}
	u, err := parseBase(given)
	if err != nil {
		return s, fmt.Errorf("base_url: %w", err)
	}
	s.given = u
	return s, nil
}

// base is where an operation is: the first server of the innermost list that
// has one (OpenAPI 3.0.3, Operation Object and Path Item Object, servers).
// base_url stands for whatever host the document names; a relative server of a
// path or an operation is on it, any other is replaced by it.
func (s servers) base(item, op map[string]any) (*url.URL, error) {
	for _, holder := range []map[string]any{op, item} {
		if list, ok := holder["servers"].([]any); ok && len(list) > 0 {
			return s.first(list, s.given)
		}
	}
	if s.given != nil {
		return s.given, nil
	}
	if s.doc.era == swagger2 {
		return s.swagger(op)
	}
	list, _ := s.doc.root["servers"].([]any)
	return s.first(list, nil)
}

func (s servers) first(list []any, on *url.URL) (*url.URL, error) {
	err := errors.New("the document names no server: give base_url")
	for _, raw := range list {
		var u *url.URL
		if u, err = server(raw, on); err == nil {
			return u, nil
		}
	}
	return nil, err
}

// server reads a Server Object.
//
//	{url: "https://{host}/{v}", variables: {host: {default: a.example}, v: {enum: [v2]}}}  ->  https://a.example/v2
func server(raw any, on *url.URL) (*url.URL, error) {
	m, _ := raw.(map[string]any)
	text, err := fillVariables(textOf(m["url"]), m)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the server %q is no URL", clip(text, 200))
	case u.Host == "" && on != nil && strings.HasPrefix(text, "/"):
		joined := *on
		joined.Path, joined.RawPath = u.Path, u.RawPath
		return &joined, nil
	case u.Host == "" && on != nil:
		return on.JoinPath(u.Path), nil
	case on != nil:
		return on, nil
	case u.Host == "":
		return nil, fmt.Errorf("the server %q is relative to where the document was published: give base_url", clip(text, 200))
	}
	return parseBase(text)
}

// fillVariables puts each variable's default into a URL, or its first value.
func fillVariables(text string, server map[string]any) (string, error) {
	variables, _ := server["variables"].(map[string]any)
	rest, out := text, ""
	for {
		before, after, ok := strings.Cut(rest, "{")
		out += before
		if !ok {
			return out, nil
		}
		name, tail, ok := strings.Cut(after, "}")
		v, _ := variables[name].(map[string]any)
		value := textOf(v["default"])
		if enum, _ := v["enum"].([]any); value == "" && len(enum) > 0 {
			value = textOf(enum[0])
		}
		if _, given := v["default"].(string); !ok || value == "" && !given {
			return "", fmt.Errorf("the server's variable %q has no default: give base_url", clip(name, 100))
		}
		out, rest = out+value, tail
	}
}

// swagger is the base URL of Swagger 2.0: schemes, host, basePath.
func (s servers) swagger(op map[string]any) (*url.URL, error) {
	host := s.doc.text("host")
	if host == "" {
		return nil, errors.New("the document names no host: give base_url")
	}
	schemes, _ := op["schemes"].([]any)
	if len(schemes) == 0 {
		schemes, _ = s.doc.root["schemes"].([]any)
	}
	scheme := "https"
	if len(schemes) > 0 && !slices.Contains(schemes, any("https")) {
		scheme = "http"
	}
	return parseBase(scheme + "://" + host + "/" + strings.TrimPrefix(s.doc.text("basePath"), "/"))
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, errors.New("it must be an http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "{}"):
		return nil, errors.New("it must have no user, query, fragment or variables")
	}
	return u, nil
}
