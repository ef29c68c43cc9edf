package auth

import (
	"net/url"
	"strings"
)

// canonicalURI writes a resource's URI as MCP 2026-07-28 (authorization,
// canonical server URI) and RFC 8707 §2 want it: scheme and host in lower case,
// no default port, no trailing slash. ok is false if it is no absolute http(s)
// URI, or has a fragment, a query or credentials.
func canonicalURI(raw string) (uri string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return "", false
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	return scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), true
}

// origin is the part of a canonical URI before its path.
func origin(uri string) string {
	start := strings.Index(uri, "://") + len("://")
	if i := strings.IndexByte(uri[start:], '/'); i >= 0 {
		return uri[:start+i]
	}
	return uri
}
