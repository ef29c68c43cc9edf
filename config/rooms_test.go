package config_test

import (
	"slices"
	"strings"
	"testing"

	"toolward/auth"
	"toolward/config"
	"toolward/gateway/dialect"
)

// The configuration and auth may not import each other, so what both say is
// compared here.
func TestAuthKnowsTheSame(t *testing.T) {
	for _, alg := range auth.Algorithms() {
		keys := "jwks_url: https://id.example.com/jwks"
		if strings.HasPrefix(alg, "HS") {
			keys = "secret_file: gw.secret"
		}
		c := parse(t, "toolward.yaml", "auth: {issuers: [{issuer: i, "+keys+", algorithms: "+alg+"}]}", "")
		if got := c.Auth.Issuers[0].Algorithms; !slices.Equal(got, []string{alg}) {
			t.Errorf("algorithms %v, want %s", got, alg)
		}
	}
	_, err := config.Parse("toolward.yaml", []byte("auth: {issuers: [{issuer: i, jwks_url: https://id.example.com/jwks, algorithms: zzzzzzzzzz}]}"), env(""))
	if want := "valid here: " + strings.Join(auth.Algorithms(), ", "); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Parse: %v, want %q", err, want)
	}
	_, err = config.Parse("toolward.yaml", []byte("upstreams: {a: {command: a, schemas: zzzzzzzzzz}}"), env(""))
	if want := "valid here: " + strings.Join(dialect.IDs(), ", "); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Parse: %v, want %q", err, want)
	}
	local := config.Default().Auth.Local
	if local.Issuer != auth.LocalIssuer || local.Audience != auth.LocalAudience {
		t.Errorf("local issuer %+v, want %s and %s", local, auth.LocalIssuer, auth.LocalAudience)
	}
	c := parse(t, "toolward.yaml", "auth: {issuers: [{issuer: i, jwks_url: https://id.example.com/jwks}]}", "")
	if i := c.Auth.Issuers[0]; i.Leeway != auth.DefaultLeeway || i.Refresh != auth.DefaultRefresh || i.Stale != auth.DefaultStale {
		t.Errorf("defaults of an issuer: %+v", i)
	}
}
