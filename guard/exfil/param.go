package exfil

import (
	"html"
	"net/url"
	"strings"

	"toolward/gateway"
)

// query judges the parameters, the first that carries data decides.
func (s *scan) query(l link, query string) {
	before := len(s.out)
	for param := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(param, "=")
		if !found {
			name, value = "", param
		}
		if s.part(l, name, value, false); len(s.out) > before {
			return
		}
	}
	if strings.Count(query, "&") >= 2 { // cut into parameters of their own
		var b strings.Builder
		for param := range strings.SplitSeq(query, "&") {
			if name, value, ok := strings.Cut(param, "="); ok && len(value) >= 8 && !opaque[strings.ToLower(name)] {
				b.WriteString(value)
			}
		}
		if via, n := s.decoded(b.String(), nil); n >= 2*minPayload {
			s.add(RuleEncoded, gateway.SeverityMedium, 0.7, l.lo, l.hi, via+">pieces")
		}
	}
}

// part judges a parameter, a path or a fragment.
func (s *scan) part(l link, name, value string, path bool) {
	if len(value) < minPayload {
		return
	}
	lower := strings.ToLower(name)
	if !jwt(value) && !opaque[lower] {
		if via, n := s.decoded(value, nil); n >= minPayload {
			switch {
			case l.image:
				s.add(RuleEncoded, gateway.SeverityHigh, 0.95, l.lo, l.hi, via)
			case s.t.Sent:
				s.add(RuleEncoded, gateway.SeverityMedium, 0.8, l.lo, l.hi, via)
			default:
				s.add(RuleEncoded, gateway.SeverityLow, 0.3, l.lo, l.hi, via)
			}
			return
		}
	}
	plain := unescape(value)
	level := looks(plain)
	switch {
	case l.image && !drawn[lower] && level >= words && !(path && extension(plain)):
		s.add(RuleImage, gateway.SeverityHigh, 0.9, l.lo, l.hi, "")
	case !s.t.Sent, level < words, path && extension(plain), ordinary[lower] && !record(plain) && len(plain) < 160:
	case record(plain):
		s.add(RuleURL, gateway.SeverityMedium, 0.75, l.lo, l.hi, "")
	case level >= likely && len(plain) >= 20:
		s.add(RuleURL, gateway.SeverityMedium, 0.6, l.lo, l.hi, "")
	case !path:
		s.add(RuleURL, gateway.SeverityLow, 0.4, l.lo, l.hi, "")
	}
}

// unescape undoes the escapes of URLs and HTML, twice: what is put into a URL
// with care was escaped before.
func unescape(s string) string {
	for range 2 {
		if u, err := url.QueryUnescape(s); err == nil {
			s = u
		}
		s = html.UnescapeString(s)
	}
	return s
}

// ordinary are parameters that carry words by design: searches, places, titles.
var ordinary = set("q", "query", "search", "s", "k", "p", "keyword", "keywords", "term", "terms", "text", "title", "subject", "body", "name", "address",
	"location", "place", "origin", "destination", "near", "city", "from", "to", "category", "tag", "tags", "label", "message", "filter", "sort", "fields",
	"scope", "prompt", "summary", "description", "caption", "quote", "hashtags", "via", "url", "redirect_uri", "return", "returnurl", "next", "jql", "cql",
	"sql", "where", "$filter", "select", "expand", "include", "format", "template", "formula", "logo", "alt", "c", "chl", "chart", "variables", "dates", "details", "ctz")

// drawn are parameters of services that draw their words: badges, charts, codes.
var drawn = set("label", "text", "title", "subtitle", "message", "caption", "alt", "name", "logo", "c", "chl", "chart", "chart_title", "formula", "tex", "latex", "url", "search")

// opaque are parameters that carry encoded state, tokens and signatures by design.
var opaque = set("state", "token", "access_token", "id_token", "jwt", "assertion", "code", "sig", "signature", "cursor", "after", "before", "page_token", "pagetoken",
	"next_token", "continuation", "nonce", "hmac", "key", "samlrequest", "samlresponse", "relaystate", "x-amz-signature", "x-amz-credential", "x-amz-security-token",
	"x-goog-signature", "policy", "expires", "hash", "checksum", "etag", "se", "sv", "session", "ticket", "client_data", "gclid", "fbclid", "msclkid", "eid", "ei", "ved", "pb")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// jwt reports whether a value is a JSON Web Token, whose parts are base64 of JSON.
func jwt(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }

// record reports whether a text is data rather than a phrase: JSON, lines, key
// and value pairs, addresses.
func record(s string) bool {
	return fields(s) || strings.Count(s, "\n") >= 2 || email(s) && len(s) > 32
}

// fields reports whether a text has JSON or key and value pairs in it.
func fields(s string) bool {
	return strings.Contains(s, "\": ") || strings.Contains(s, "\":\"") || strings.Count(s, ": ") >= 3
}

// extension reports whether a path ends like the name of a file.
func extension(path string) bool {
	i := strings.LastIndexByte(path, '.')
	return i >= 0 && len(path)-i <= 6 && len(path)-i >= 3 && len(path) < 120 && !strings.ContainsAny(path[i:], " /")
}
