package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// metadata is what is used of an authorization server's metadata (RFC 8414,
// OpenID Connect Discovery).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	Scopes                []string `json:"scopes_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	DocumentIDs           bool     `json:"client_id_metadata_document_supported"`

	// without is set where there is no such document: endpoints are where MCP
	// 2025-03-26 puts them then, and PKCE is sent without the server's word.
	without bool
}

// pkce reports whether the server does PKCE with S256, which is required.
func (m metadata) pkce() bool { return m.without || slices.Contains(m.ChallengeMethods, "S256") }

// found is what is known of an upstream before a login.
type found struct {
	server   metadata
	resource string   // for the resource parameter, as the upstream spells it
	scopes   []string // that it wants
	client   *http.Client
}

// discover finds the authorization server of an upstream: the upstream's answer
// without a token, or a well-known place on its origin, leads to its metadata
// (RFC 9728), which names the server, whose own metadata must say the same
// name. Nothing of that is trusted: each address must be https, or loopback if
// the upstream is on loopback; what an upstream on the internet names must be
// on the internet too, and nothing that one names may only stand for an address or
// be link-local, unless the configuration names the server.
func discover(ctx context.Context, o Options) (found, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return found{}, err
	}
	f := found{client: httpClient(o.HTTP)}
	wants, inside, err := probe(ctx, f.client, o.URL)
	if err != nil {
		return found{}, fmt.Errorf("ask %s what it wants: %w", u.Redacted(), err)
	}
	if o.Issuer == "" && o.HTTP == nil {
		if f.client = Outward(); inside {
			f.client = inward()
		}
	}
	about, err := protectedResource(ctx, f.client, u, wants.metadata)
	if err != nil {
		return found{}, err
	}
	f.resource, f.scopes = o.URL, wants.scopes
	if about != nil {
		f.resource = about.Resource
	}
	if about != nil && len(f.scopes) == 0 {
		f.scopes = cleanScopes(about.Scopes)
	}
	if o.Resource != "" {
		f.resource = o.Resource
	}
	f.server, err = f.authorizationServer(ctx, o, u, about)
	return f, err
}

// authorizationServer is the server that the configuration names, or else the
// upstream's metadata, or else the upstream itself.
func (f *found) authorizationServer(ctx context.Context, o Options, u *url.URL, about *resourceMetadata) (metadata, error) {
	issuer := o.Issuer
	switch {
	case about == nil && issuer == "":
		return f.ofOldUpstream(ctx, u)
	case about != nil && issuer == "":
		issuer = about.Servers[0]
		if err := sameReach(u, issuer); err != nil {
			return metadata{}, fmt.Errorf("authorization server: %w", err)
		}
	case about != nil && !slices.Contains(about.Servers, issuer):
		return metadata{}, fmt.Errorf("%s does not name %s as its authorization server, which oauth.issuer does", u.Redacted(), issuer)
	}
	m, err := metadataOf(ctx, f.client, issuer)
	if err != nil {
		return metadata{}, err
	}
	if o.Issuer != "" {
		return m, m.within(issuer) // trusted: its own place counts
	}
	return m, m.within(o.URL)
}

// within checks the addresses of a metadata document against the place of the
// one that vouches for it.
func (m metadata) within(place string) error {
	from, err := url.Parse(place)
	if err != nil {
		return err
	}
	for _, e := range []struct{ name, address string }{
		{"token endpoint", m.TokenEndpoint}, {"authorization endpoint", m.AuthorizationEndpoint}, {"registration endpoint", m.RegistrationEndpoint},
	} {
		if e.address == "" && e.name != "token endpoint" {
			continue
		}
		if err := sameReach(from, e.address); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// probe asks for the tools without a token: a request that any server lets
// nobody do, or that does no harm. It returns the challenge, and whether the
// server is on this machine or a private network. That is told by the
// connection, since only a server that has the name's certificate is at its end.
func probe(ctx context.Context, client *http.Client, address string) (wants challenge, inside bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		at, err := netip.ParseAddrPort(i.Conn.RemoteAddr().String())
		inside = err == nil && isOurs(at.Addr())
	}})
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return challenge{}, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := client.Do(req)
	if err != nil {
		return challenge{}, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		wants = readChallenges(resp.Header.Values("WWW-Authenticate"))
	}
	return wants, inside, nil
}

// resourceMetadata is what is used of RFC 9728.
type resourceMetadata struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
}

// protectedResource reads the metadata of an upstream, from where the upstream
// says that it is, or else from the well-known places. It returns nil where
// there is none.
func protectedResource(ctx context.Context, client *http.Client, u *url.URL, named string) (*resourceMetadata, error) {
	places := wellKnown(u, "oauth-protected-resource")
	if named != "" {
		at, err := url.Parse(named)
		if err != nil || !sameOrigin(at, u) || at.User != nil {
			return nil, fmt.Errorf("%s says that its metadata is at another origin", u.Redacted())
		}
		places = []string{named}
	}
	var m resourceMetadata
	there, err := firstOf(ctx, client, places, &m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("metadata of %s: %w", u.Redacted(), err)
	case !there && named != "":
		return nil, fmt.Errorf("metadata of %s is not where it says", u.Redacted())
	case !there:
		return nil, nil
	case !covers(m.Resource, u):
		return nil, fmt.Errorf("metadata of %s is about another resource", u.Redacted())
	case len(m.Servers) == 0:
		return nil, fmt.Errorf("metadata of %s names no authorization server", u.Redacted())
	}
	return &m, nil
}

// ofOldUpstream is for servers of MCP 2025-03-26, which are their own
// authorization servers: metadata at the root of the origin, or none and fixed
// places.
func (f *found) ofOldUpstream(ctx context.Context, u *url.URL) (metadata, error) {
	origin := u.Scheme + "://" + u.Host
	m := metadata{}
	there, err := firstOf(ctx, f.client, []string{origin + "/.well-known/oauth-authorization-server"}, &m)
	if err != nil {
		return metadata{}, fmt.Errorf("metadata of the authorization server: %w", err)
	}
	if !there {
		return metadata{
			Issuer: origin, AuthorizationEndpoint: origin + "/authorize", TokenEndpoint: origin + "/token",
			RegistrationEndpoint: origin + "/register", AuthMethods: []string{authNone, authBasic}, without: true,
		}, nil
	}
	if m.Issuer != origin && m.Issuer != origin+"/" {
		return metadata{}, errors.New("the authorization server's metadata names another issuer")
	}
	return m, m.within(origin)
}

// metadataOf reads the metadata of an authorization server, which must say that
// it is about that server (RFC 8414 §3.3).
func metadataOf(ctx context.Context, client *http.Client, issuer string) (metadata, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return metadata{}, errors.New("the authorization server is no URL")
	}
	places := serverPlaces(u)
	var m metadata
	there, err := firstOf(ctx, client, places, &m)
	switch {
	case err != nil:
		return metadata{}, fmt.Errorf("metadata of the authorization server: %w", err)
	case !there:
		return metadata{}, errors.New("the authorization server has no metadata")
	case m.Issuer != issuer:
		return metadata{}, errors.New("the authorization server's metadata names another issuer")
	}
	return m, nil
}

// serverPlaces are where an authorization server's metadata may be, in MCP's order.
func serverPlaces(issuer *url.URL) []string {
	root := issuer.Scheme + "://" + issuer.Host
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	places := []string{root + "/.well-known/oauth-authorization-server" + path, root + "/.well-known/openid-configuration" + path}
	if path != "" {
		places = append(places, root+path+"/.well-known/openid-configuration")
	}
	return places
}

// covers reports whether metadata about one resource holds for an upstream: the
// same address, or one above it on the same origin.
func covers(about string, upstream *url.URL) bool {
	a, err := url.Parse(about)
	if err != nil || !sameOrigin(a, upstream) || a.User != nil || a.Fragment != "" {
		return false
	}
	if a.RawQuery != "" && a.RawQuery != upstream.RawQuery {
		return false
	}
	above, path := strings.TrimSuffix(a.EscapedPath(), "/"), strings.TrimSuffix(upstream.EscapedPath(), "/")
	return path == above || strings.HasPrefix(path, above+"/")
}

// wellKnown are the places of a resource's metadata: with the path inserted,
// and at the root.
func wellKnown(u *url.URL, name string) []string {
	root := u.Scheme + "://" + u.Host + "/.well-known/" + name
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{root}
	}
	return []string{root + path, root}
}

// firstOf reads the first of the documents that is there. A place that answers
// with a redirect or a status of the 400s has none; what fails otherwise is an
// error, since to go on would mean something else.
func firstOf(ctx context.Context, client *http.Client, places []string, into any) (there bool, err error) {
	for _, place := range places {
		status, raw, err := get(ctx, client, place)
		switch {
		case err != nil:
			return false, err
		case status >= 300 && status < 500:
			continue
		case status != http.StatusOK:
			return false, fmt.Errorf("HTTP status %d", status)
		case json.Unmarshal(raw, into) != nil:
			return false, errors.New("it is not JSON of the expected shape")
		}
		return true, nil
	}
	return false, nil
}

// maxDocument bounds each answer.
const maxDocument = 1 << 20

func readDocument(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(raw) > maxDocument {
		return nil, errors.New("the answer is larger than 1 MiB")
	}
	return raw, err
}
