package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

const maxDocument = 1 << 20

// ask sends a token request.
func (s *Source) ask(ctx context.Context, endpoint string, form url.Values) (token, error) {
	if s.opts.ClientSecret == "" {
		form.Set("client_id", s.opts.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if s.opts.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(s.opts.ClientID), url.QueryEscape(s.opts.ClientSecret)) // RFC 6749 §2.3.1
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint: %w", err)
	}
	defer resp.Body.Close()
	raw, err := readDocument(resp.Body)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, refusedBy(resp.StatusCode, raw)
	}
	var t token
	if err := json.Unmarshal(raw, &t); err != nil {
		return token{}, errors.New("token endpoint: the answer is no token document")
	}
	if !strings.EqualFold(t.TokenType, "bearer") || !isToken68(t.AccessToken) {
		return token{}, errors.New("token endpoint: the answer has no bearer token")
	}
	return t, nil
}

// refusedBy is the error of a token endpoint: its code, if that is one of RFC
// 6749's alphabet. Its description may hold anything and is left out.
func refusedBy(status int, raw []byte) error {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(raw, &e) // without a code the status has to do
	code := e.Error
	if code == "" || len(code) > 60 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return fmt.Errorf("token endpoint: HTTP status %d", status)
	}
	return fmt.Errorf("token endpoint: HTTP status %d, %s", status, code)
}

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

func readDocument(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(raw) > maxDocument {
		return nil, errors.New("the answer is larger than 1 MiB")
	}
	return raw, err
}
