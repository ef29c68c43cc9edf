package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// httpClient follows no redirect: secrets are sent to the address that was
// configured or vouched for, and nowhere else.
func httpClient(given *http.Client) *http.Client {
	c := &http.Client{Timeout: 15 * time.Second}
	if given != nil {
		*c = *given
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Outward is a client for addresses that a server on the internet chose. It
// connects to no address of this machine or of a private network, whatever
// name that has. Behind a proxy the proxy decides what can be reached.
func Outward() *http.Client { return reaching(publicOnly) }

// inward is a client for addresses that a server on this machine or a private
// network chose: the internet and such networks, but nothing that only stands for
// an address, and nothing link-local, where clouds have their metadata.
func inward() *http.Client { return reaching(publicOrOurs) }

func reaching(control func(network, address string, c syscall.RawConn) error) *http.Client {
	c := httpClient(nil)
	c.Transport = outwardTransport{&http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, Control: control}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}}
	return c
}

type outwardTransport struct{ direct *http.Transport }

func (t outwardTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(req); err != nil || proxy != nil {
		return http.DefaultTransport.RoundTrip(req)
	}
	return t.direct.RoundTrip(req)
}

// publicOnly looks at the address itself, after the name was resolved: a name
// can be made to mean another address at each look.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(at.Addr()) {
		return fmt.Errorf("%s is not on the internet, and the upstream is; if it is right, name the authorization server in oauth.issuer", at.Addr())
	}
	return nil
}

// publicOrOurs likewise.
func publicOrOurs(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := at.Addr(); !isPublic(a) && (!isOurs(a) || within(a, linkLocal) || a.Is4In6()) {
		return fmt.Errorf("%s stands for another address or for none; if it is right, name the authorization server in oauth.issuer", a)
	}
	return nil
}

// linkLocal is RFC 3927 and RFC 4291 section 2.5.6.
var linkLocal = prefixes("169.254.0.0/16", "fe80::/10")

// notPublic is what a server on the internet has no business to lead to: IANA's
// special-purpose registries (RFC 6890), and what carries an address of IPv4 in
// one of IPv6, behind which any of these may stand.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
	"192.0.0.0/24",                                      // protocol assignments, RFC 6890
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation, RFC 5737
	"192.88.99.0/24",             // 6to4 relays, RFC 7526
	"198.18.0.0/15",              // benchmarks, RFC 2544
	"224.0.0.0/4", "240.0.0.0/4", // multicast, reserved
	"::/96",                      // unspecified, loopback, IPv4-compatible (RFC 4291 §2.5.5.1)
	"::ffff:0:0/96",              // IPv4-mapped; unmapped before it comes here
	"::ffff:0:0:0/96",            // IPv4-translated, RFC 2765
	"64:ff9b::/96",               // NAT64, RFC 6052
	"64:ff9b:1::/48",             // NAT64 of a network's own, RFC 8215
	"100::/64", "100:0:0:1::/64", // discard (RFC 6666), dummy (RFC 9780)
	"2001::/23",                  // protocol assignments: Teredo (RFC 4380), benchmarks, ORCHID
	"2001:db8::/32", "3fff::/20", // documentation
	"2002::/16",              // 6to4, RFC 3056
	"5f00::/16",              // segment routing, RFC 9602
	"fc00::/7",               // unique local, RFC 4193
	"fe80::/10", "fec0::/10", // link-local, site-local (RFC 3879)
	"ff00::/8", // multicast
)

// ours are the networks that a machine and its neighbours have.
var ours = prefixes("127.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func isPublic(a netip.Addr) bool { return a.IsValid() && !within(a, notPublic) }

// isOurs reports whether an address is surely of this machine or of a private
// network. It is not the opposite of isPublic: what a strange prefix leads to
// is neither.
func isOurs(a netip.Addr) bool { return within(a, ours) }

func within(a netip.Addr, nets []netip.Prefix) bool {
	a = a.Unmap().WithZone("") // a prefix holds no address with a zone
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// secure accepts https, and http on loopback.
func secure(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("it is no URL")
	}
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("it must name a host, and have no user and no fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u)) {
		return errors.New("it must be https")
	}
	return nil
}

// sameReach refuses an insecure address, and a loopback one unless the resource
// is on loopback itself.
func sameReach(resource *url.URL, raw string) error {
	if err := secure(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	if isLoopback(u) && !isLoopback(resource) {
		return errors.New("it is on this machine, and the upstream is not")
	}
	return nil
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host)
}

// get reads a document. It returns the status, and the body where that is 200.
func get(ctx context.Context, client *http.Client, place string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil, nil
	}
	raw, err := readDocument(resp.Body)
	return resp.StatusCode, raw, err
}
