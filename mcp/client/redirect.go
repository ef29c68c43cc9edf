package client

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxRedirects is how many redirects in a row are followed: a slash at the end
// of a path, and a second one for good measure.
const maxRedirects = 3

// follow decides about a redirect. Followed are 307 and 308 to the origin that
// is configured: they ask for the same request at another path (RFC 9110
// §15.4.8, §15.4.9), and frameworks answer so for a missing slash. Any other
// would carry arguments and credentials to a place that nobody configured, or
// make a GET of a POST.
func (c *Client) follow(next *http.Request, via []*http.Request) error {
	status := next.Response.StatusCode
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect || len(via) > maxRedirects || !sameOrigin(next.URL, c.base) {
		return http.ErrUseLastResponse
	}
	next.Header.Del("Referer") // net/http adds it
	c.redirected.Do(func() {
		c.log.Warn("upstream redirects each request, which costs a round trip: put the final address into upstreams."+c.opts.Name+".url", "address", plainAddress(next.URL))
	})
	return nil
}

// sameOrigin compares scheme, host and port (RFC 6454 §5).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// plainAddress is a URL for the log: without credentials and query, and bounded.
func plainAddress(u *url.URL) string {
	return clipBytes([]byte((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()))
}

// target is where a redirect leads that was not followed, for the log.
func target(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return strconv.Quote(plainAddress(u))
}
