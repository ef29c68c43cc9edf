package oauth

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/gateway"
)

// provider is an identity provider that makes "grant of <subject>".
type provider struct {
	*httptest.Server
	forms  []url.Values
	answer string // instead of a grant
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		p.forms = append(p.forms, r.PostForm)
		answer := p.answer
		if answer == "" {
			answer = `{"access_token":"grant-of-` + r.PostForm.Get("subject_token") + `","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag","token_type":"N_A"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(p.Close)
	return p
}

func crossApp(i *issuer, p *provider) Options {
	o := i.options()
	o.Grant, o.IdentityTokenURL, o.IdentityClientID = IDJAG, p.URL+"/token", "gw at the provider"
	return o
}

// Each agent's identity goes to the identity provider, and the grant that comes
// of it to the upstream's authorization server; neither goes anywhere else.
func TestIdentityBecomesAGrantThenAToken(t *testing.T) {
	i, p := newIssuer(t), newProvider(t)
	s := source(t, crossApp(i, p))
	alice, bob := gateway.WithToken(t.Context(), "alice-token"), gateway.WithToken(t.Context(), "bob-token")
	got := []string{authorization(t, s, alice), authorization(t, s, bob), authorization(t, s, alice), authorization(t, s, t.Context())}
	if want := "Bearer synthetic-1 Bearer synthetic-2 Bearer synthetic-1 Bearer synthetic-3"; strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	if len(p.forms) != 2 {
		t.Fatalf("%d exchanges", len(p.forms))
	}
	for key, want := range map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
		"subject_token": "alice-token", "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
		"audience": i.URL, "resource": i.URL + "/mcp", "scope": "a b", "client_id": "gw at the provider", "client_secret": "",
	} {
		if got := p.forms[0].Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	forms := i.asked()
	for n, want := range []string{"grant-of-alice-token", "grant-of-bob-token", ""} {
		if got := forms[n].Get("assertion"); got != want {
			t.Errorf("assertion %q, want %q", got, want)
		}
	}
	if forms[0].Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || forms[2].Get("grant_type") != "client_credentials" {
		t.Errorf("forms: %v", forms)
	}
}

// With a file the gateway has an identity of its own, whoever calls.
func TestIdentityOfTheGatewayItself(t *testing.T) {
	i, p := newIssuer(t), newProvider(t)
	o := crossApp(i, p)
	o.AssertionFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(o.AssertionFile, []byte("own-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := source(t, o)
	if a, b := authorization(t, s, gateway.WithToken(t.Context(), "alice-token")), authorization(t, s, t.Context()); a != b {
		t.Errorf("%q and %q", a, b)
	}
	if got := p.forms[0].Get("subject_token"); len(p.forms) != 1 || got != "own-token" {
		t.Errorf("%d exchanges of %q", len(p.forms), got)
	}
}

// What the provider gives is sent on only if it is a grant for that.
func TestOnlyAGrantIsSentOn(t *testing.T) {
	i, p := newIssuer(t), newProvider(t)
	s := source(t, crossApp(i, p))
	for _, answer := range []string{
		`{"access_token":"an-access-token-of-the-provider","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer"}`,
		`{"access_token":"x","token_type":"N_A"}`,
		`{"access_token":"","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag","token_type":"N_A"}`,
		`{}`,
	} {
		p.answer = answer
		if v, err := s.Authorization(gateway.WithToken(t.Context(), "alice-token")); err == nil || len(i.asked()) > 0 {
			t.Errorf("%s: %q, %v", answer, v, i.asked())
		}
	}
}
