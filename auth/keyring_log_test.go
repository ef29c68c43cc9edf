package auth_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

// told hands each message of a log to whoever waits for it.
type told chan string

func (c told) Enabled(context.Context, slog.Level) bool      { return true }
func (c told) Handle(_ context.Context, r slog.Record) error { c <- r.Message; return nil }
func (c told) WithAttrs([]slog.Attr) slog.Handler            { return c }
func (c told) WithGroup(string) slog.Handler                 { return c }
func (c told) want(t *testing.T, part string) {
	t.Helper()
	if got := <-c; !strings.Contains(got, part) {
		t.Errorf("the log says %q, want %q", got, part)
	}
}

// TestLogOfAnIssuerThatIsNotUpYet: no keys are in use before there were any.
func TestLogOfAnIssuerThatIsNotUpYet(t *testing.T) {
	log := make(told, 8)
	iss := authtest.New(t, "ES256")
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	iss.Misbehave(down)
	c := newClock()
	sign := func() string {
		return iss.Sign(iss.Claims("a", aud, map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()}))
	}
	v := newVerifier(t, auth.Options{
		Issuers:   []auth.Issuer{{Issuer: iss.Name(), Audience: []string{aud}, JWKSURL: iss.JWKSURL()}},
		Transport: iss.Transport(), Log: slog.New(log), Now: c.now,
	})
	log.want(t, "its tokens are refused until they are")
	iss.Misbehave(nil)
	c.add(auth.DefaultRefresh)
	// The load that told may not be over, and who asks meanwhile gets what came of it.
	if _, err := v.Verify(t.Context(), gateway.Credentials{Token: sign()}); err != nil {
		c.add(auth.DefaultRefresh)
		mustAccept(t, v, sign())
	}
	log.want(t, "are loaded")
	iss.Misbehave(down)
	iss.AddKey("RS256")
	c.add(auth.DefaultRefresh)
	mustRefuse(t, v, sign())
	log.want(t, "the last good ones stay in use")
}
