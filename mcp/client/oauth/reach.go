package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
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

// outward is a client for addresses that a server on the internet chose. It
// connects to no address of this machine or of a private network, whatever
// name that has. Behind a proxy the proxy decides what can be reached.
func outward() *http.Client {
	c := httpClient(nil)
	c.Transport = outwardTransport{&http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, Control: publicOnly}).DialContext,
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

// carrierNAT is RFC 6598's shared address space.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !carrierNAT.Contains(a)
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
