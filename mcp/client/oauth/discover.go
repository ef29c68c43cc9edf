package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// metadata is what is used of an authorization server's metadata (RFC 8414).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// discover finds the authorization server of a resource: the resource's own
// metadata (RFC 9728) names it, and its metadata must say the same name. Every
// address on the way must be https, or loopback if the resource is: a server
// on the internet must not have the gateway ask services of its own machine.
func discover(ctx context.Context, client *http.Client, resource string) (metadata, error) {
	u, err := url.Parse(resource)
	if err != nil {
		return metadata{}, err
	}
	var prm struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
	}
	if err := firstOf(ctx, client, wellKnown(u, "oauth-protected-resource"), &prm); err != nil {
		return metadata{}, fmt.Errorf("metadata of %s: %w", u.Redacted(), err)
	}
	switch {
	case !covers(prm.Resource, resource):
		return metadata{}, fmt.Errorf("metadata of %s is about another resource", u.Redacted())
	case len(prm.Servers) == 0:
		return metadata{}, fmt.Errorf("metadata of %s names no authorization server", u.Redacted())
	}
	issuer, err := url.Parse(prm.Servers[0])
	if err != nil {
		return metadata{}, errors.New("the authorization server is no URL")
	}
	var m metadata
	places := append(wellKnown(issuer, "oauth-authorization-server"), wellKnown(issuer, "openid-configuration")...)
	if err := sameReach(u, prm.Servers[0]); err != nil {
		return metadata{}, fmt.Errorf("authorization server: %w", err)
	}
	if err := firstOf(ctx, client, places, &m); err != nil {
		return metadata{}, fmt.Errorf("metadata of the authorization server: %w", err)
	}
	if m.Issuer != prm.Servers[0] {
		return metadata{}, errors.New("the authorization server's metadata names another issuer")
	}
	if err := sameReach(u, m.TokenEndpoint); err != nil {
		return metadata{}, fmt.Errorf("token endpoint: %w", err)
	}
	return m, nil
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
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// covers reports whether metadata about one resource holds for another: the
// same, or the root of the same origin.
func covers(about, resource string) bool {
	return strings.TrimSuffix(about, "/") == strings.TrimSuffix(resource, "/") ||
		about != "" && strings.HasPrefix(resource, strings.TrimSuffix(about, "/")+"/")
}

// wellKnown are the places of a metadata document: with the path inserted, and
// at the root.
func wellKnown(u *url.URL, name string) []string {
	root := u.Scheme + "://" + u.Host + "/.well-known/" + name
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{root}
	}
	places := []string{root + path, root}
	if name == "openid-configuration" {
		places = append(places, u.Scheme+"://"+u.Host+path+"/.well-known/"+name)
	}
	return places
}

// firstOf reads the first of the documents that is there.
func firstOf(ctx context.Context, client *http.Client, places []string, into any) error {
	err := errors.New("there is none")
	for _, place := range places {
		var req *http.Request
		if req, err = http.NewRequestWithContext(ctx, http.MethodGet, place, nil); err != nil {
			return err
		}
		req.Header.Set("Accept", "application/json")
		var resp *http.Response
		if resp, err = client.Do(req); err != nil {
			return err
		}
		raw, readErr := readDocument(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP status %d", resp.StatusCode)
			continue
		}
		if readErr != nil {
			return readErr
		}
		if json.Unmarshal(raw, into) != nil {
			return errors.New("it is not JSON of the expected shape")
		}
		return nil
	}
	return err
}

// pkce reports whether the server does PKCE with S256, which is required.
func (m metadata) pkce() bool { return slices.Contains(m.ChallengeMethods, "S256") }
