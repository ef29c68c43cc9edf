package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// login logs in and fails the test if that does not work.
func login(t *testing.T, i *issuer, o Options, more ...string) {
	t.Helper()
	if _, err := Login(t.Context(), o, more, i.agree(t)); err != nil {
		t.Fatal(err)
	}
}

func TestLoginThenRefreshWithRotation(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	o.ClientID = "gw:1"
	if _, err := source(t, o).Authorization(t.Context()); !errors.Is(err, ErrNoLogin) {
		t.Fatalf("before the login: %v", err)
	}
	if renewable, err := Login(t.Context(), o, nil, i.agree(t)); err != nil || !renewable {
		t.Fatal(renewable, err)
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
	for n, form := range forms {
		if got := form.Get("resource"); got != o.URL {
			t.Errorf("request %d is for %q", n, got)
		}
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
}

// A login is for what the configuration said when it was made.
func TestLoginIsNotUsedForAnythingElse(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	login(t, i, o)
	before := len(i.asked())
	for name, change := range map[string]func(*Options){
		"another address":   func(o *Options) { o.URL = i.URL + "/other" },
		"another resource":  func(o *Options) { o.Resource = i.URL + "/other" },
		"another server":    func(o *Options) { o.Issuer = "https://id.example.com" },
		"another endpoint":  func(o *Options) { o.TokenURL = i.URL + "/token2" },
		"configured client": func(o *Options) { o.ClientID = "gw:1" },
	} {
		other := o
		change(&other)
		var again *LoginError
		if _, err := source(t, other).Authorization(t.Context()); !errors.As(err, &again) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(i.asked()) - before; n != 0 {
		t.Errorf("%d token requests", n)
	}
}

func TestLoginRefusesForgedAnswers(t *testing.T) {
	t.Run("mix-up: another issuer answers (RFC 9207)", func(t *testing.T) {
		i := newIssuer(t)
		_, err := Login(t.Context(), i.login(t), nil, i.browser(t, func(q url.Values) { q.Set("iss", "https://evil.example") }))
		if err == nil || len(i.asked()) > 0 {
			t.Errorf("%v, %d token requests", err, len(i.asked()))
		}
	})
	t.Run("the issuer but for a slash", func(t *testing.T) {
		i := newIssuer(t)
		if _, err := Login(t.Context(), i.login(t), nil, i.browser(t, func(q url.Values) { q.Set("iss", i.URL+"/") })); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("issuer left out", func(t *testing.T) {
		i := newIssuer(t)
		if _, err := Login(t.Context(), i.login(t), nil, i.browser(t, func(q url.Values) { q.Del("iss") })); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("another page's request is not the answer", func(t *testing.T) {
		i := newIssuer(t)
		_, err := Login(t.Context(), i.login(t), nil, func(c Consent) {
			i.browser(t, func(q url.Values) { q.Set("state", "guessed"); q.Set("code", "evil") })(c)
			i.agree(t)(c)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("no PKCE", func(t *testing.T) {
		i := newIssuer(t)
		i.meta["code_challenge_methods_supported"] = []string{"plain"}
		if _, err := Login(t.Context(), i.login(t), nil, i.nobody(t)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("the address is no web page (CVE-2025-6514)", func(t *testing.T) {
		i := newIssuer(t)
		i.meta["authorization_endpoint"] = "http:$(calc.exe)"
		if _, err := Login(t.Context(), i.login(t), nil, i.nobody(t)); err == nil {
			t.Error("accepted")
		}
	})
}

func TestClientIsRegisteredOnce(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	login(t, i, o)
	login(t, i, o)
	if len(i.registrations) != 1 {
		t.Fatalf("%d registrations", len(i.registrations))
	}
	r := i.registrations[0]
	redirect := i.authorized[0].Get("redirect_uri")
	want := map[string]any{
		"client_name": "toolward", "application_type": "native", "redirect_uris": []any{redirect}, "response_types": []any{"code"},
		"grant_types": []any{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("registration (-want +got):\n%s", diff)
	}
	if got := i.authorized[1]; got.Get("client_id") != "registered-1 at "+i.URL || got.Get("redirect_uri") != redirect {
		t.Errorf("the second login: %v", got)
	}
	for n, form := range i.asked() {
		if form.Has("client_secret") || i.clients[n] != "" || form.Get("client_id") != "registered-1 at "+i.URL {
			t.Errorf("a public client: %v, %q", form, i.clients[n])
		}
	}
}

func TestClientAuthenticatesAsRegistered(t *testing.T) {
	for _, tt := range []struct {
		name              string
		offered           []string
		given             string // token_endpoint_auth_method of the answer
		secret            any
		asked, basic      bool
		post              bool
		wantErr, wantNone bool
	}{
		{name: "basic", offered: []string{"client_secret_basic", "client_secret_post"}, given: "client_secret_basic", basic: true},
		{name: "post", offered: []string{"client_secret_post"}, given: "client_secret_post", post: true},
		{name: "none", offered: []string{"none"}, given: "none", wantNone: true},
		{name: "the server decides", offered: []string{"none", "client_secret_post"}, given: "client_secret_post", post: true},
		{name: "nothing said", offered: nil, basic: true},
		{name: "a secret that is not there", offered: []string{"client_secret_basic"}, secret: "", wantErr: true},
		{name: "a way that is not known", offered: []string{"none"}, given: "tls_client_auth", wantErr: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newIssuer(t)
			i.meta["token_endpoint_auth_methods_supported"] = tt.offered
			if tt.given != "" {
				i.registered["token_endpoint_auth_method"] = tt.given
			}
			if tt.secret != nil {
				i.registered["client_secret"] = tt.secret
			}
			o := i.login(t)
			_, err := Login(t.Context(), o, nil, i.agree(t))
			if tt.wantErr {
				if err == nil || len(i.asked()) > 0 {
					t.Errorf("%v, %d token requests", err, len(i.asked()))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			authorization(t, source(t, o), t.Context()) // the refresh says it in the same way
			for n, form := range i.asked() {
				id, secret, basic := parseBasic(i.clients[n])
				if basic != tt.basic || basic && (id != "registered-1 at "+i.URL || secret != "synthetic-of-"+i.URL) {
					t.Errorf("request %d: basic %v, %q", n, basic, id)
				}
				if post := form.Get("client_secret") == "synthetic-of-"+i.URL; post != tt.post {
					t.Errorf("request %d: post %v", n, post)
				}
			}
		})
	}
}

// MCP's order: the configured client, a client ID metadata document, a registration.
func TestClientIDMetadataDocument(t *testing.T) {
	const document = "https://gw.example.com/client.json"
	i := newIssuer(t)
	o := i.login(t)
	o.ClientMetadataURL = document
	login(t, i, o)
	if got := i.authorized[0].Get("client_id"); got == document {
		t.Error("a server that does not take documents was sent one")
	}
	i.meta["client_id_metadata_document_supported"] = true
	login(t, i, o)
	if got := i.authorized[1].Get("client_id"); got != document {
		t.Errorf("client %q", got)
	}
	authorization(t, source(t, o), t.Context())
	if forms := i.asked(); forms[2].Get("client_id") != document || len(i.registrations) != 1 {
		t.Errorf("%v, %d registrations", forms[2], len(i.registrations))
	}
	o.ClientID = "gw:1"
	login(t, i, o)
	if got := i.authorized[2].Get("client_id"); got != "gw:1" {
		t.Errorf("client %q", got)
	}
}

func TestServerThatRegistersNobodyIsExplained(t *testing.T) {
	i := newIssuer(t)
	i.meta["registration_endpoint"] = ""
	_, err := Login(t.Context(), i.login(t), nil, i.nobody(t))
	if err == nil || !strings.Contains(err.Error(), "upstreams.s.oauth.client_id") {
		t.Error(err)
	}
}

// SEP-2352: what one server gave is shown to no other, though the upstream says
// that it has changed its server. A hostile one would collect refresh tokens so.
func TestUpstreamThatNamesAnotherServerLaterGetsNothing(t *testing.T) {
	i, evil := newIssuer(t), newIssuer(t)
	i.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
	o := i.login(t)
	login(t, i, o)
	i.about["authorization_servers"] = []string{evil.URL}
	s := source(t, o)
	value := authorization(t, s, t.Context())
	s.Denied(value, http.StatusUnauthorized, []string{`Bearer resource_metadata="` + i.URL + `/.well-known/oauth-protected-resource/mcp"`})
	authorization(t, s, t.Context())
	if n := len(evil.asked()); n > 0 || len(i.asked()) != 3 {
		t.Errorf("the other server was asked %d times: %v", n, evil.forms)
	}
	login(t, evil, o) // a person may agree to the other server
	if len(evil.registrations) != 1 || evil.authorized[0].Get("client_id") != "registered-1 at "+evil.URL {
		t.Errorf("%d registrations, %v", len(evil.registrations), evil.authorized)
	}
	for n, form := range evil.asked() {
		if _, secret, _ := parseBasic(evil.clients[n]); strings.Contains(form.Encode()+secret, url.QueryEscape(i.URL)) && secret != "" && secret != "synthetic-of-"+evil.URL {
			t.Errorf("what the first server gave is at the second: %v %q", form, secret)
		}
		if strings.HasPrefix(form.Get("refresh_token"), "refresh-") {
			t.Errorf("a refresh token is at the second server: %v", form)
		}
	}
}

// The secret of the configuration is for the configured server only.
func TestConfiguredServerMustBeTheUpstreams(t *testing.T) {
	i, evil := newIssuer(t), newIssuer(t)
	o := i.login(t)
	o.Issuer, o.ClientID, o.ClientSecret = i.URL, "gw:1", "synthetic"
	login(t, i, o)
	if _, secret, ok := parseBasic(i.clients[0]); !ok || secret != "synthetic" {
		t.Errorf("client %q", i.clients[0])
	}
	raw, err := o.Vault.Load(o.Server)
	if err != nil || raw.Client.Secret != "" {
		t.Errorf("the configured secret is kept a second time: %v", err)
	}
	authorization(t, source(t, o), t.Context())
	if _, secret, ok := parseBasic(i.clients[1]); !ok || secret != "synthetic" {
		t.Errorf("refresh as %q", i.clients[1])
	}
	i.about["authorization_servers"] = []string{evil.URL}
	if _, err := Login(t.Context(), o, nil, evil.agree(t)); err == nil || len(evil.asked())+len(evil.authorized) > 0 {
		t.Errorf("%v, %v", err, evil.forms)
	}
}

func TestScopesOfALogin(t *testing.T) {
	for _, tt := range []struct {
		name       string
		configured []string
		challenge  string
		about      []string // scopes_supported of the upstream
		server     []string // of the authorization server
		more       []string // of a second login
		want       string   // of the last
	}{
		{name: "challenge", challenge: `Bearer scope="a b"`, about: []string{"x"}, want: "a b"},
		{name: "supported", about: []string{"x", "y"}, want: "x y"},
		{name: "none", want: ""},
		{name: "configured", configured: []string{"c"}, challenge: `Bearer scope="a"`, server: []string{"offline_access"}, want: "c"},
		{name: "offline", about: []string{"x"}, server: []string{"x", "offline_access"}, want: "x offline_access"},
		{name: "step-up keeps what there was", challenge: `Bearer scope="a"`, more: []string{"w"}, want: "a w"},
		{name: "configured step-up", configured: []string{"c"}, more: []string{"w"}, want: "c w"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newIssuer(t)
			i.challenge = tt.challenge
			if tt.about != nil {
				i.about["scopes_supported"] = tt.about
			}
			if tt.server != nil {
				i.meta["scopes_supported"] = tt.server
			}
			o := i.login(t)
			o.Scopes = tt.configured
			login(t, i, o)
			if tt.more != nil {
				i.challenge = `Bearer scope="other"`
				o.Scopes = tt.configured
				if tt.configured == nil {
					i.challenge = "Bearer"
				}
				login(t, i, o, tt.more...)
			}
			last := i.authorized[len(i.authorized)-1]
			if got := last.Get("scope"); got != tt.want || last.Has("scope") != (tt.want != "") {
				t.Errorf("asked for %q, want %q", got, tt.want)
			}
			if consent := last.Get("prompt") == "consent"; consent != strings.Contains(tt.want, offline) {
				t.Errorf("prompt %q", last.Get("prompt"))
			}
		})
	}
}

// Many servers give no refresh token. The access token is good until it ends,
// or until the upstream does not take it any more; then a person is needed.
func TestLoginWithoutARefreshToken(t *testing.T) {
	i := newIssuer(t)
	i.unrenewable = true
	o := i.login(t)
	if renewable, err := Login(t.Context(), o, nil, i.agree(t)); err != nil || renewable {
		t.Fatal(renewable, err)
	}
	s := source(t, o)
	if v := authorization(t, s, t.Context()); v != "Bearer synthetic-1" {
		t.Errorf("got %q", v)
	}
	if _, remedy := s.Denied("Bearer synthetic-1", http.StatusUnauthorized, nil); remedy != "run `toolward login s`" {
		t.Errorf("remedy %q", remedy)
	}
	var again *LoginError
	if v, err := s.Authorization(t.Context()); !errors.As(err, &again) {
		t.Errorf("a token that was not accepted is used again: %q, %v", v, err)
	}
	login(t, i, o)
	if v := authorization(t, s, t.Context()); v != "Bearer synthetic-2" {
		t.Errorf("after another login: %q", v)
	}
	k, err := o.Vault.Load(o.Server)
	if err != nil {
		t.Fatal(err)
	}
	k.Expires = time.Now().Add(-time.Minute)
	if err := o.Vault.Store(o.Server, k); err != nil {
		t.Fatal(err)
	}
	if v, err := source(t, o).Authorization(t.Context()); !errors.As(err, &again) {
		t.Errorf("an expired token is used: %q, %v", v, err)
	}
}

// A running gateway needs no restart after a step-up.
func TestRunningGatewayTakesUpAWiderLogin(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	login(t, i, o)
	s := source(t, o)
	value := authorization(t, s, t.Context())
	insufficient := []string{`Bearer error="insufficient_scope", scope="w x:y"`}
	again, remedy := s.Denied(value, http.StatusForbidden, insufficient)
	if again || remedy != "run `toolward login s --scope w --scope x:y`" {
		t.Errorf("%v, %q", again, remedy)
	}
	if got := authorization(t, s, t.Context()); got != value {
		t.Error("a token that is good for the rest was given up")
	}
	login(t, i, o, "w", "x:y")
	if again, _ := s.Denied(value, http.StatusForbidden, insufficient); !again {
		t.Error("the new login is not used")
	}
	if got := authorization(t, s, t.Context()); got == value {
		t.Error("the old token is used still")
	}
}

// Whoever keeps a record hears once of each login that is of no use any more, and not
// of a server that is down, nor where nobody has logged in.
func TestLostLoginIsToldOnce(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	var told []string
	o.Lost = func(_ context.Context, why string) { told = append(told, why) }
	fails := func(s *Source, status int, body string) {
		t.Helper()
		i.status, i.body = status, body
		if _, err := s.Authorization(t.Context()); err == nil {
			t.Error("authorized")
		}
		i.status, i.body = 0, ""
	}
	s := source(t, o)
	fails(s, 0, "")
	login(t, i, o)
	fails(s, http.StatusServiceUnavailable, "")
	if told != nil {
		t.Errorf("told %q", told)
	}
	for n := range 3 {
		fails(s, http.StatusBadRequest, `{"error":"invalid_grant"}`)
		fails(s, http.StatusBadRequest, `{"error":"invalid_grant"}`)
		if len(told) != n+1 {
			t.Errorf("%d logins were lost, and told %q", n+1, told)
		}
		login(t, i, o)
	}
	o.URL = i.URL + "/other"
	fails(source(t, o), 0, "")
	if len(told) != 4 {
		t.Errorf("a login for another address: told %q", told)
	}
}

// An expired refresh token is the person's business, a server that is down is not.
func TestSpentRefreshTokenAsksForALogin(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	login(t, i, o)
	for _, tt := range []struct {
		status int
		body   string
		person bool
	}{{http.StatusBadRequest, `{"error":"invalid_grant"}`, true}, {http.StatusServiceUnavailable, "", false}} {
		i.status, i.body = tt.status, tt.body
		var again *LoginError
		if _, err := source(t, o).Authorization(t.Context()); err == nil || errors.As(err, &again) != tt.person {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
}

// Somebody logs in while the gateway renews the old login.
func TestRotationDoesNotOverwriteANewLogin(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	login(t, i, o)
	old, err := o.Vault.Load(o.Server)
	if err != nil {
		t.Fatal(err)
	}
	login(t, i, o)
	old.RefreshToken = "rotated"
	if err := o.Vault.Renew(o.Server, old); err != nil {
		t.Fatal(err)
	}
	if k, err := o.Vault.Load(o.Server); err != nil || k.RefreshToken != "refresh-2" {
		t.Errorf("%q, %v", k.RefreshToken, err)
	}
}

func TestCallbackPort(t *testing.T) {
	i := newIssuer(t)
	free := httptest.NewServer(http.NotFoundHandler())
	u, err := url.Parse(free.URL)
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	o := i.login(t)
	for _, c := range u.Port() {
		o.CallbackPort = o.CallbackPort*10 + int(c-'0')
	}
	login(t, i, o)
	if got := i.authorized[0].Get("redirect_uri"); got != "http://127.0.0.1:"+u.Port()+"/callback" {
		t.Errorf("redirect %q", got)
	}
}
