package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// issuer is a small authorization server, and the metadata of a resource.
type issuer struct {
	*httptest.Server
	mu       sync.Mutex
	forms    []url.Values // of the token endpoint
	clients  []string     // Authorization fields
	count    int
	code     string // what /authorize will have given, and the challenge it was given for
	verifier string
	meta     map[string]any // overrides of the metadata
	status   int            // of the token endpoint; 0 is 200
	body     string         // with status
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{meta: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resource":"%s/mcp","authorization_servers":["%s"]}`, i.URL, i.URL)
	})
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		m := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		for k, v := range i.meta {
			m[k] = v
		}
		if err := json.NewEncoder(w).Encode(m); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /token", i.token)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forms = append(i.forms, r.PostForm)
	i.clients = append(i.clients, r.Header.Get("Authorization"))
	if i.status != 0 {
		w.WriteHeader(i.status)
		_, _ = io.WriteString(w, i.body)
		return
	}
	if r.PostForm.Get("grant_type") == "authorization_code" {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if r.PostForm.Get("code") != i.code || base64.RawURLEncoding.EncodeToString(sum[:]) != i.verifier {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
	}
	i.count++
	fmt.Fprintf(w, `{"access_token":"synthetic-%d","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-%d"}`, i.count, i.count)
}

func (i *issuer) options() Options {
	return Options{Server: "s", Grant: ClientCredentials, ClientID: "gw:1", ClientSecret: "s&cret", Resource: i.URL + "/mcp", Scopes: []string{"a", "b"}}
}

func (i *issuer) asked() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]url.Values(nil), i.forms...)
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
	s.Rejected("Bearer synthetic-1")
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
	for name, change := range map[string]func(*Options){
		"http token endpoint": func(o *Options) { o.TokenURL = "http://id.example.com/token" },
		"name like loopback":  func(o *Options) { o.TokenURL = "http://127.0.0.1.example.com/token" },
		"userinfo":            func(o *Options) { o.TokenURL = "https://u:p@id.example.com/token" },
		"resource":            func(o *Options) { o.Resource = "http://tools.example.com/mcp" },
		"grant":               func(o *Options) { o.Grant = "password" },
		"no vault":            func(o *Options) { o.Grant = AuthorizationCode },
	} {
		o := Options{Server: "s", Grant: ClientCredentials, Resource: "https://tools.example.com/mcp"}
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A hostile upstream must not choose where the gateway sends its secrets.
func TestMetadataThatPointsElsewhereIsRefused(t *testing.T) {
	tests := map[string]map[string]any{
		"another issuer": {"issuer": "https://evil.example"},
		"plain http":     {"token_endpoint": "http://evil.example/token"},
		"file":           {"token_endpoint": "file:///etc/passwd"},
		"none":           {"token_endpoint": ""},
	}
	for name, meta := range tests {
		i := newIssuer(t)
		i.meta = meta
		if _, err := source(t, i.options()).Authorization(t.Context()); err == nil || len(i.asked()) > 0 {
			t.Errorf("%s: %v, %d token requests", name, err, len(i.asked()))
		}
	}
	remote, err := url.Parse("https://tools.example.com/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, loopback := range []string{"https://127.0.0.1/token", "http://localhost:8080/token", "https://[::1]/token"} {
		if sameReach(remote, loopback) == nil {
			t.Errorf("an upstream on the internet names %s", loopback)
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

// browser does what a person's browser does, after what the test changes.
func (i *issuer) browser(t *testing.T, change func(back url.Values)) func(string) {
	return func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		q := u.Query()
		i.mu.Lock()
		i.code, i.verifier = "code-1", q.Get("code_challenge")
		i.mu.Unlock()
		back := url.Values{"code": {"code-1"}, "state": {q.Get("state")}, "iss": {i.URL}}
		change(back)
		resp, err := http.Get(q.Get("redirect_uri") + "?" + back.Encode())
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	}
}

func (i *issuer) login(t *testing.T) Options {
	t.Helper()
	o := i.options()
	o.Grant, o.ClientSecret = AuthorizationCode, ""
	dir := t.TempDir()
	o.Vault = NewVault(filepath.Join(dir, "logins"), filepath.Join(dir, "logins.key"))
	return o
}

func TestLoginThenRefreshWithRotation(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	if _, err := source(t, o).Authorization(t.Context()); !errors.Is(err, ErrNoLogin) {
		t.Fatalf("before the login: %v", err)
	}
	if err := Login(t.Context(), o, i.browser(t, func(url.Values) {})); err != nil {
		t.Fatal(err)
	}
	if v := authorization(t, source(t, o), t.Context()); v != "Bearer synthetic-2" {
		t.Errorf("got %q", v)
	}
	if v := authorization(t, source(t, o), t.Context()); v != "Bearer synthetic-3" {
		t.Errorf("got %q", v)
	}
	forms := i.asked()
	if forms[0].Get("client_id") != "gw:1" || forms[1].Get("refresh_token") != "refresh-1" || forms[2].Get("refresh_token") != "refresh-2" {
		t.Errorf("forms: %v", forms)
	}
	raw, err := os.ReadFile(o.Vault.path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "refresh-") {
		t.Error("a refresh token is in the file as it is")
	}
	for _, path := range []string{o.Vault.path, o.Vault.keyPath} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	other := o
	other.Resource = i.URL + "/other"
	if _, err := source(t, other).get(t.Context(), ""); err == nil {
		t.Error("a login is used for another resource")
	}
}

func TestLoginRefusesForgedAnswers(t *testing.T) {
	t.Run("mix-up: another issuer answers (RFC 9207)", func(t *testing.T) {
		i := newIssuer(t)
		err := Login(t.Context(), i.login(t), i.browser(t, func(q url.Values) { q.Set("iss", "https://evil.example") }))
		if err == nil || len(i.asked()) > 0 {
			t.Errorf("%v, %d token requests", err, len(i.asked()))
		}
	})
	t.Run("issuer left out", func(t *testing.T) {
		i := newIssuer(t)
		if err := Login(t.Context(), i.login(t), i.browser(t, func(q url.Values) { q.Del("iss") })); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("another page's request is not the answer", func(t *testing.T) {
		i := newIssuer(t)
		err := Login(t.Context(), i.login(t), func(address string) {
			i.browser(t, func(q url.Values) { q.Set("state", "guessed"); q.Set("code", "evil") })(address)
			i.browser(t, func(url.Values) {})(address)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("no PKCE", func(t *testing.T) {
		i := newIssuer(t)
		i.meta["code_challenge_methods_supported"] = []string{"plain"}
		if err := Login(t.Context(), i.login(t), func(string) { t.Error("the person was sent there") }); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("the address is no web page (CVE-2025-6514)", func(t *testing.T) {
		i := newIssuer(t)
		i.meta["authorization_endpoint"] = "http:$(calc.exe)"
		if err := Login(t.Context(), i.login(t), func(string) { t.Error("the person was sent there") }); err == nil {
			t.Error("accepted")
		}
	})
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
