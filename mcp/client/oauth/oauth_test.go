package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"toolward/gateway"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func source(t *testing.T, o Options) *Source {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func authorization(t *testing.T, s *Source, ctx context.Context) string {
	t.Helper()
	v, err := s.Authorization(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClientCredentialsAreAskedForOnce(t *testing.T) {
	i := newIssuer(t)
	s := source(t, i.options())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if v, err := s.Authorization(t.Context()); err != nil || v != "Bearer synthetic-1" {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	wg.Wait()
	form := i.asked()[0]
	for key, want := range map[string]string{"grant_type": "client_credentials", "resource": i.URL + "/mcp", "scope": "a b", "client_id": ""} {
		if got := form.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if id, secret, ok := parseBasic(i.clients[0]); !ok || id != "gw:1" || secret != "s&cret" {
		t.Errorf("client %q", i.clients[0])
	}
	if again, _ := s.Denied("Bearer synthetic-1", http.StatusUnauthorized, nil); !again {
		t.Error("no other token is tried")
	}
	if v := authorization(t, s, t.Context()); v != "Bearer synthetic-2" {
		t.Errorf("after a rejection: %q", v)
	}
	if n := len(i.asked()); n != 2 {
		t.Errorf("%d token requests", n)
	}
}

func parseBasic(field string) (id, secret string, ok bool) {
	r := http.Request{Header: http.Header{"Authorization": {field}}}
	id, secret, ok = r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	return id, secret, ok
}

// No token passthrough: the agent's token goes to the authorization server, and
// each agent gets its own.
func TestTokenExchangeIsPerAgent(t *testing.T) {
	i := newIssuer(t)
	o := i.options()
	o.Grant = TokenExchange
	s := source(t, o)
	alice, bob := gateway.WithToken(t.Context(), "alice-token"), gateway.WithToken(t.Context(), "bob-token")
	got := []string{authorization(t, s, alice), authorization(t, s, bob), authorization(t, s, alice), authorization(t, s, t.Context())}
	if want := []string{"Bearer synthetic-1", "Bearer synthetic-2", "Bearer synthetic-1", "Bearer synthetic-3"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
	forms := i.asked()
	if forms[0].Get("subject_token") != "alice-token" || forms[1].Get("subject_token") != "bob-token" || forms[0].Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" {
		t.Errorf("forms: %v", forms)
	}
	if forms[2].Get("grant_type") != "client_credentials" || forms[2].Has("subject_token") {
		t.Errorf("without an agent: %v", forms[2])
	}
}

func TestErrorsTellTheCodeAndNothingElse(t *testing.T) {
	i := newIssuer(t)
	tests := []struct{ name, body, want string }{
		{"code", `{"error":"invalid_client","error_description":"secret s&cret is wrong"}`, "token endpoint: HTTP status 400, invalid_client"},
		{"forged", `{"error":"x\ny level=ERROR"}`, "token endpoint: HTTP status 400"},
		{"html", `<html>`, "token endpoint: HTTP status 400"},
	}
	for _, tt := range tests {
		i.status, i.body = http.StatusBadRequest, tt.body
		_, err := source(t, i.options()).Authorization(t.Context())
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	for name, body := range map[string]string{
		"no bearer": `{"access_token":"x","token_type":"mac"}`, "injected field": `{"access_token":"x\r\nX-Evil: 1","token_type":"bearer"}`,
		"no JSON": `<html>`, "huge": strings.Repeat(" ", maxDocument+1),
	} {
		i.status, i.body = http.StatusOK, body
		if _, err := source(t, i.options()).Authorization(t.Context()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestInsecureOptionsAreRefused(t *testing.T) {
	good := Options{Server: "s", Grant: ClientCredentials, ClientID: "gw", URL: "https://tools.example.com/mcp", Issuer: "https://id.example.com"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"http token endpoint":  func(o *Options) { o.TokenURL = "http://id.example.com/token" },
		"http issuer":          func(o *Options) { o.Issuer = "http://id.example.com" },
		"http client document": func(o *Options) { o.ClientMetadataURL = "http://gw.example.com/client.json" },
		"name like loopback":   func(o *Options) { o.TokenURL = "http://127.0.0.1.example.com/token" },
		"userinfo":             func(o *Options) { o.TokenURL = "https://u:p@id.example.com/token" },
		"url":                  func(o *Options) { o.URL = "http://tools.example.com/mcp" },
		"resource":             func(o *Options) { o.Resource = "http://tools.example.com/mcp" },
		"grant":                func(o *Options) { o.Grant = "password" },
		"no vault":             func(o *Options) { o.Grant = AuthorizationCode },
		"no assertion":         func(o *Options) { o.Grant = JWTBearer },
		"no identity provider": func(o *Options) { o.Grant = IDJAG },
		"identity to anybody":  func(o *Options) { o.Grant, o.IdentityTokenURL = IDJAG, "http://idp.example.com/token" },
		"grant for anybody": func(o *Options) {
			o.Grant, o.IdentityTokenURL, o.Issuer, o.TokenURL = IDJAG, "https://idp.example.com/token", "", "https://id.example.com/token"
		},
		"no client": func(o *Options) { o.ClientID = "" },
		// The upstream would choose who gets the secret.
		"secret for anybody": func(o *Options) {
			o.Grant, o.Vault, o.Issuer, o.ClientSecret = AuthorizationCode, &Vault{}, "", "synthetic"
		},
		"key for anybody": func(o *Options) { o.Grant, o.Vault, o.Issuer, o.ClientKey = AuthorizationCode, &Vault{}, "", &Key{} },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTokenEndpointsRedirectIsNotFollowed(t *testing.T) {
	i := newIssuer(t)
	s := httptest.NewServer(http.RedirectHandler(i.URL+"/token", http.StatusTemporaryRedirect))
	defer s.Close()
	o := i.options()
	o.TokenURL = s.URL
	if _, err := source(t, o).Authorization(t.Context()); err == nil || len(i.asked()) > 0 {
		t.Errorf("%v, %d token requests", err, len(i.asked()))
	}
}

func TestVaultFindsDamageAndSwaps(t *testing.T) {
	dir := t.TempDir()
	v := NewVault(filepath.Join(dir, "logins"), filepath.Join(dir, "key"))
	for _, server := range []string{"a", "b"} {
		if err := v.Store(server, Kept{RefreshToken: "token-" + server}); err != nil {
			t.Fatal(err)
		}
	}
	if k, err := v.Load("a"); err != nil || k.RefreshToken != "token-a" {
		t.Fatalf("%v, %v", k, err)
	}
	doc, err := v.read()
	if err != nil {
		t.Fatal(err)
	}
	doc.Logins["a"] = doc.Logins["b"]
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := v.Load("a"); err == nil {
		t.Errorf("swapped entries: %v", k)
	}
	if err := os.WriteFile(v.keyPath, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := v.Load("b"); err == nil {
		t.Errorf("another key: %v", k)
	}
}

// Each upstream has a vault of its own on the same file, and so has
// `toolward login`.
func TestVaultsOfOneFileLoseNothing(t *testing.T) {
	dir := t.TempDir()
	open := func() *Vault { return NewVault(filepath.Join(dir, "logins"), filepath.Join(dir, "key")) }
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			name := string(rune('a' + n))
			if err := open().Store(name, Kept{RefreshToken: name}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for n := range 20 {
		name := string(rune('a' + n))
		if k, err := open().Load(name); err != nil || k.RefreshToken != name {
			t.Errorf("%s: %q, %v", name, k.RefreshToken, err)
		}
	}
}
