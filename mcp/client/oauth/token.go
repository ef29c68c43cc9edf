package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// token is the answer of a token endpoint (RFC 6749 §5.1).
type token struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type"`
	ExpiresIn    float64 `json:"expires_in"` // seconds; some servers write it with a fraction
	RefreshToken string  `json:"refresh_token"`

	IssuedTokenType string `json:"issued_token_type"` // RFC 8693 §2.2.1
}

// lifetime is how long the token is good. A server that does not say is asked
// again after five minutes.
func (t token) lifetime() time.Duration {
	const unsaid, most = 5 * time.Minute, 24 * time.Hour
	if t.ExpiresIn <= 0 {
		return unsaid
	}
	return time.Duration(min(t.ExpiresIn, most.Seconds()) * float64(time.Second))
}

// endpoint is where a token is asked for, and as whom.
type endpoint struct {
	url      string
	audience string // of a client's assertion: the issuer, or the URL where that is not known
	as       identity
}

// ask sends a request for an access token.
func ask(ctx context.Context, client *http.Client, e endpoint, form url.Values) (token, error) {
	t, err := request(ctx, client, e, form)
	if err != nil {
		return token{}, err
	}
	if !strings.EqualFold(t.TokenType, "bearer") || !isToken68(t.AccessToken) {
		return token{}, errors.New("token endpoint: the answer has no bearer token")
	}
	return t, nil
}

// request sends a token request. The token may be of any type.
func request(ctx context.Context, client *http.Client, e endpoint, form url.Values) (token, error) {
	if e.as.Method != authBasic {
		form.Set("client_id", e.as.ID)
	}
	switch e.as.Method {
	case authPost:
		form.Set("client_secret", e.as.Secret)
	case authKey:
		assertion, err := e.as.key.assertion(e.as.ID, e.audience)
		if err != nil {
			return token{}, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.as.Method == authBasic {
		req.SetBasicAuth(url.QueryEscape(e.as.ID), url.QueryEscape(e.as.Secret)) // RFC 6749 §2.3.1
	}
	resp, err := client.Do(req)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint: %w", err)
	}
	defer resp.Body.Close()
	raw, err := readDocument(resp.Body)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, refusedBy("token endpoint", resp.StatusCode, raw)
	}
	var t token
	if err := json.Unmarshal(raw, &t); err != nil {
		return token{}, errors.New("token endpoint: the answer is no token document")
	}
	return t, nil
}

// refusedBy is the error of an authorization server: its code, if that is one
// of RFC 6749's alphabet. Its description may hold anything and is left out.
func refusedBy(where string, status int, raw []byte) error {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(raw, &e) // without a code the status has to do
	code := e.Error
	if code == "" || len(code) > 60 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return fmt.Errorf("%s: HTTP status %d", where, status)
	}
	if code == "invalid_grant" {
		return fmt.Errorf("%s: HTTP status %d, %w", where, status, errSpent)
	}
	return fmt.Errorf("%s: HTTP status %d, %s", where, status, code)
}

// errSpent says that what a token was asked for with is not good (RFC 6749
// §5.2): a refresh token that expired or was revoked, for one.
var errSpent = errors.New("invalid_grant")

// isToken68 reports whether s can stand in an Authorization field (RFC 9110 §11.2).
func isToken68(s string) bool {
	if s == "" || len(s) > 64<<10 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
