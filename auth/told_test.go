package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

// That a token has expired is told to who holds one that was good; a forged one
// learns nothing.
func TestExpiredIsToldBehindASignature(t *testing.T) {
	issuer, v := setup(t, nil)
	past := map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}
	forged := authtest.New(t)
	e := endpoints(t, "https://gw.example.com")
	for _, tt := range []struct {
		name, token string
		told        bool
	}{
		{"good", issuer.Sign(issuer.Claims("ann", aud, past)), true},
		{"forged", forged.Sign(issuer.Claims("ann", aud, past)), false},
		{"for others, and not expired", issuer.Sign(issuer.Claims("ann", "someone-else", nil)), false},
	} {
		for range 2 { // the second time it is remembered
			_, err := v.Verify(t.Context(), gateway.Credentials{Token: tt.token})
			r := gateway.AsRefusal("auth", err)
			challenge := e.Challenge("", "/mcp", r, true)
			if told := strings.Contains(r.Reasons[0], "has expired"); told != tt.told || strings.Contains(challenge, `error="invalid_token", error_description="the token has expired"`) != tt.told {
				t.Errorf("%s: %q, %s", tt.name, r.Reasons, challenge)
			}
		}
	}
}

// A refused token leaves one line with the reason a minute and peer, and strangers
// cannot fill the log.
func TestRefusedTokensAreLogged(t *testing.T) {
	var log bytes.Buffer
	f := auth.NewFailures(auth.FailuresOptions{
		Count: func(string) {}, Note: func(context.Context, string, any) error { return nil }, Key: []byte("k"), Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	defer f.Close()
	refuse := func(peer string, cause error) {
		f.Tried(gateway.Attempt{Credentials: gateway.Credentials{Peer: peer, Token: "the-token"}, Refusal: gateway.Refuse("auth", gateway.Unauthenticated, "no").Because(cause)})
	}
	for range 5 {
		refuse("192.0.2.1", errors.New("expired"))
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, "peer=192.0.2.1") || !strings.Contains(got, "cause=expired") || strings.Contains(got, "the-token") {
		t.Errorf("logged\n%s", got)
	}
	for i := range 1000 {
		refuse(fmt.Sprint("192.0.2.", i), errors.New("x"))
	}
	if got := strings.Count(log.String(), "\n"); got != 30 {
		t.Errorf("%d lines", got)
	}
}
