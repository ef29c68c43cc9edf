package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

const (
	grantJWT    = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 §2.1
	typeIDJAG   = "urn:ietf:params:oauth:token-type:id-jag"
	typeIDToken = "urn:ietf:params:oauth:token-type:id_token"
)

// assertion is what the configured file holds now.
func (s *Source) assertion() (string, error) {
	raw, err := os.ReadFile(s.opts.AssertionFile)
	if err != nil {
		return "", fmt.Errorf("assertion: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// idJAG has the identity provider turn an identity token into a grant for the
// upstream's authorization server, for what form asks (Identity Assertion JWT
// Authorization Grant, §4). The identity goes to the identity provider only,
// and the grant to the configured issuer only.
func (s *Source) idJAG(ctx context.Context, subject string, form url.Values) (string, error) {
	if s.opts.AssertionFile != "" {
		var err error
		if subject, err = s.assertion(); err != nil {
			return "", err
		}
	}
	exchange := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "requested_token_type": {typeIDJAG},
		"subject_token": {subject}, "subject_token_type": {typeIDToken},
		"audience": {s.opts.Issuer}, "resource": form["resource"],
	}
	if form.Has("scope") {
		exchange.Set("scope", form.Get("scope"))
	}
	as := Options{ClientID: s.opts.IdentityClientID, ClientSecret: s.opts.IdentityClientSecret}.configured(nil)
	t, err := request(ctx, s.http, endpoint{url: s.opts.IdentityTokenURL, as: as}, exchange)
	if err != nil {
		return "", fmt.Errorf("identity provider: %w", err)
	}
	if t.IssuedTokenType != typeIDJAG || !isToken68(t.AccessToken) {
		return "", errors.New("identity provider: the answer has no ID-JAG")
	}
	return t.AccessToken, nil
}
