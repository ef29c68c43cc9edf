package server

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// redirect is a redirect URI taken apart. Two are the same if all of it is, but for
// the port of a loopback address.
type redirect struct {
	raw    string
	scheme string // lower case
	host   string // of http and https, as written
	port   string // "" for none
	rest   string // path and query, as written
	local  bool   // http to a loopback address
}

const maxRedirect = 512 // bytes

var (
	schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]{1,63}$`)
	hostForm   = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])$`)
	restForm   = regexp.MustCompile(`^[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*$`) // RFC 3986: no quote, no blank, no backslash, no "#"
)

// loopbacks are the hosts that only this machine answers to (RFC 8252 §7.3, §8.3).
var loopbacks = []string{"127.0.0.1", "[::1]", "localhost"}

// handled are schemes that a browser, or a program that comes with the system, acts
// on by itself, so that a code would go there and not to the client.
var handled = []string{
	"javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "view-source", "ftp", "ftps", "ws", "wss", "mailto", "tel", "sms",
	"intent", "chrome", "edge", "resource", "jar", "ldap", "ldaps", "search-ms", "shell", "ssh", "telnet", "smb", "nfs", "dict", "gopher", "urn",
}

// parseRedirect accepts http on loopback, https, and the schemes of programs.
//
//	http://127.0.0.1:4711/callback   cursor://anysphere.cursor-mcp/oauth/callback
func parseRedirect(raw string) (*redirect, error) {
	scheme, rest, ok := strings.Cut(raw, ":")
	switch {
	case len(raw) > maxRedirect:
		return nil, errors.New("a redirect URI is too long")
	case !ok || !schemeForm.MatchString(scheme):
		return nil, errors.New("a redirect URI begins with a scheme in lower case")
	case slices.Contains(handled, scheme) || strings.HasPrefix(scheme, "ms-"):
		return nil, errors.New("the scheme of a redirect URI is no client's own")
	}
	d := &redirect{raw: raw, scheme: scheme, rest: rest}
	if authority, found := strings.CutPrefix(rest, "//"); found {
		d.host, d.rest = authority, ""
		if i := strings.IndexAny(authority, `/?`); i >= 0 {
			d.host, d.rest = authority[:i], authority[i:]
		}
	}
	if !restForm.MatchString(d.rest) || badPath(d.rest) {
		return nil, errors.New("a redirect URI has a fragment, a path with dots, or characters that do not belong there")
	}
	if _, err := url.Parse(raw); err != nil {
		return nil, errors.New("a redirect URI is none")
	}
	if scheme != "http" && scheme != "https" {
		return d, d.program()
	}
	return d, d.web()
}

// badPath finds what another reader may take for another path.
func badPath(rest string) bool {
	p, _, _ := strings.Cut(rest, "?")
	whole, err := url.PathUnescape(p)
	if err != nil || strings.ContainsFunc(whole, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
		return true
	}
	for step := range strings.SplitSeq(whole, "/") {
		if step == "." || step == ".." {
			return true
		}
	}
	return false
}

// program checks the scheme of a program: RFC 8252 §7.1 wants a reversed domain
// name, and editors have their own names.
func (d *redirect) program() error {
	if strings.ContainsAny(d.host, "@:%") || d.host == "" && !strings.HasPrefix(d.rest, "/") {
		return errors.New("a redirect URI with a scheme of a program's is scheme://name/path or scheme:/path")
	}
	if d.host != "" && !restForm.MatchString(d.host) {
		return errors.New("the host of a redirect URI is none")
	}
	return nil
}

func (d *redirect) web() error {
	if i := strings.LastIndexByte(d.host, ':'); i >= 0 && !strings.HasSuffix(d.host, "]") {
		d.host, d.port = d.host[:i], d.host[i+1:]
		if n, err := strconv.ParseUint(d.port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != d.port {
			return errors.New("the port of a redirect URI is none")
		}
	}
	if !hostForm.MatchString(d.host) { // nor a user: "@" is in no host
		return errors.New("the host of a redirect URI is none in lower case, or has a user before it")
	}
	if d.rest != "" && d.rest[0] != '/' {
		return errors.New("a redirect URI has a path before its query")
	}
	d.local = d.scheme == "http" && slices.Contains(loopbacks, d.host)
	if d.scheme == "http" && !d.local {
		return errors.New("a redirect URI with http is on loopback: 127.0.0.1, [::1] or localhost; else it is https")
	}
	return nil
}

// same reports whether a request's redirect is a registered one.
func (d *redirect) same(registered *redirect) bool {
	if d.local && registered.local {
		return d.host == registered.host && d.rest == registered.rest
	}
	return d.raw == registered.raw
}

// with adds parameters to the query.
func (d *redirect) with(v url.Values) string {
	sep := "?"
	if strings.Contains(d.rest, "?") {
		sep = "&"
	}
	return d.raw + sep + v.Encode()
}

// place is where the redirect leads, for people and for a policy of the browser:
// "http://127.0.0.1:4711", "https://vscode.dev", "cursor:".
func (d *redirect) place() string {
	switch {
	case d.scheme != "http" && d.scheme != "https":
		return d.scheme + ":"
	case d.port != "":
		return d.scheme + "://" + d.host + ":" + d.port
	}
	return d.scheme + "://" + d.host
}
