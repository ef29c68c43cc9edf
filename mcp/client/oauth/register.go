package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The ways to say at a token endpoint who the client is.
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
)

// identity is the gateway as a client of one authorization server.
type identity struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
	Method string `json:"method"`
	// Registered is set where the server gave ID and Secret to us (RFC 7591).
	// They are for that server and the redirect URI only.
	Registered bool      `json:"registered,omitempty"`
	Redirect   string    `json:"redirect,omitempty"`
	Expires    time.Time `json:"expires,omitzero"` // of Secret; zero means never

	key *Key
}

// configured is the client that the configuration names.
func (o Options) configured(methods []string) identity {
	i := identity{ID: o.ClientID, Secret: o.ClientSecret, key: o.ClientKey}
	switch {
	case o.ClientKey != nil:
		i.Method = authKey
	case o.ClientSecret == "":
		i.Method = authNone
	case len(methods) == 0 || slices.Contains(methods, authBasic) || !slices.Contains(methods, authPost):
		i.Method = authBasic
	default:
		i.Method = authPost
	}
	return i
}

// identify chooses who the gateway is to a server, in MCP's order: as the
// configuration says; by the address of a metadata document; by what it
// registered earlier; or by registering now.
func identify(ctx context.Context, o Options, f found, kept Kept, redirect string) (identity, error) {
	switch m := f.server; {
	case o.ClientID != "":
		return o.configured(m.AuthMethods), nil
	case o.ClientMetadataURL != "" && m.DocumentIDs:
		return identity{ID: o.ClientMetadataURL, Method: authNone}, nil
	case m.RegistrationEndpoint == "":
		return identity{}, fmt.Errorf("%s takes no registrations: register a client there, with the redirect URI %s, and put its ID into upstreams.%s.oauth.client_id", m.Issuer, redirect, o.Server)
	case reusable(o, f, kept, redirect):
		return kept.Client, nil
	}
	return register(ctx, f, redirect)
}

// reusable reports whether an earlier registration is good for a login. What
// one server gave is shown to no other.
func reusable(o Options, f found, kept Kept, redirect string) bool {
	c := kept.Client
	return c.Registered && kept.URL == o.URL && kept.Issuer == f.server.Issuer && c.Redirect == redirect &&
		(c.Expires.IsZero() || time.Until(c.Expires) > time.Hour)
}

// register asks for a client ID (RFC 7591).
func register(ctx context.Context, f found, redirect string) (identity, error) {
	method := authBasic // what a server does that does not say (RFC 8414 §2)
	for _, m := range []string{authPost, authBasic, authNone} {
		if slices.Contains(f.server.AuthMethods, m) {
			method = m // the last is best: no secret that could be lost
		}
	}
	body, err := json.Marshal(map[string]any{
		"client_name": "toolward", "application_type": "native", "redirect_uris": []string{redirect},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": method,
	})
	if err != nil {
		return identity{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.server.RegistrationEndpoint, bytes.NewReader(body))
	if err != nil {
		return identity{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return identity{}, fmt.Errorf("registration: %w", err)
	}
	defer resp.Body.Close()
	raw, err := readDocument(resp.Body)
	if err != nil {
		return identity{}, fmt.Errorf("registration: %w", err)
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return identity{}, refusedBy("registration", resp.StatusCode, raw)
	}
	return registered(raw, method, redirect)
}

// registered reads the answer to a registration that asked for a method.
func registered(raw []byte, method, redirect string) (identity, error) {
	var a struct {
		ID      string  `json:"client_id"`
		Secret  string  `json:"client_secret"`
		Expires float64 `json:"client_secret_expires_at"`
		Method  string  `json:"token_endpoint_auth_method"`
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.ID == "" || len(a.ID) > 4<<10 || strings.ContainsFunc(a.ID, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return identity{}, errors.New("registration: the answer names no client")
	}
	i := identity{ID: a.ID, Secret: a.Secret, Method: method, Registered: true, Redirect: redirect}
	if a.Method != "" {
		i.Method = a.Method
	}
	if a.Expires > 0 {
		i.Expires = time.Unix(int64(a.Expires), 0)
	}
	switch {
	case i.Method != authNone && i.Method != authBasic && i.Method != authPost:
		return identity{}, errors.New("registration: the server wants a way to authenticate that toolward does not have")
	case i.Method != authNone && i.Secret == "":
		return identity{}, errors.New("registration: the answer has no client secret")
	}
	return i, nil
}
