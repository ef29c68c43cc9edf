package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
)

// issuer is a small authorization server, and an upstream that wants its tokens.
type issuer struct {
	*httptest.Server
	mu            sync.Mutex
	forms         []url.Values // of the token endpoint
	clients       []string     // Authorization fields
	registrations []map[string]any
	authorized    []url.Values // addresses that a person opened
	count         int
	code          string         // what /authorize will have given, and the challenge it was given for
	verifier      string         //
	meta          map[string]any // overrides of the server's metadata
	about         map[string]any // overrides of the upstream's; nil has none
	challenge     string         // WWW-Authenticate of the upstream, "" answers 404
	registered    map[string]any // overrides of the answer to a registration
	status        int            // of the token endpoint; 0 is 200
	body          string         // with status
	unrenewable   bool           // gives no refresh token
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{meta: map[string]any{}, about: map[string]any{}, registered: map[string]any{}}
	write := func(w http.ResponseWriter, base, over map[string]any) {
		i.mu.Lock()
		defer i.mu.Unlock()
		for k, v := range over {
			base[k] = v
		}
		if err := json.NewEncoder(w).Encode(base); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mcp", func(w http.ResponseWriter, r *http.Request) {
		if i.challenge == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", i.challenge)
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, r *http.Request) {
		if i.about == nil {
			http.NotFound(w, r)
			return
		}
		write(w, map[string]any{"resource": i.URL + "/mcp", "authorization_servers": []string{i.URL}}, i.about)
	})
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		write(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "registration_endpoint": i.URL + "/register",
			"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
			"token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic"},
		}, i.meta)
	})
	mux.HandleFunc("POST /register", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		i.mu.Lock()
		i.registrations = append(i.registrations, body)
		n := len(i.registrations)
		i.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		write(w, map[string]any{"client_id": fmt.Sprintf("registered-%d at %s", n, i.URL), "client_secret": "synthetic-of-" + i.URL}, i.registered)
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
	if i.unrenewable {
		fmt.Fprintf(w, `{"access_token":"synthetic-%d","token_type":"Bearer","expires_in":3600}`, i.count)
		return
	}
	fmt.Fprintf(w, `{"access_token":"synthetic-%d","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-%d"}`, i.count, i.count)
}

func (i *issuer) options() Options {
	return Options{Server: "s", Grant: ClientCredentials, Issuer: i.URL, ClientID: "gw:1", ClientSecret: "s&cret", URL: i.URL + "/mcp", Scopes: []string{"a", "b"}}
}

// login are options of an upstream that says itself who its server is.
func (i *issuer) login(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	return Options{Server: "s", Grant: AuthorizationCode, URL: i.URL + "/mcp", Vault: NewVault(filepath.Join(dir, "logins"), filepath.Join(dir, "logins.key"))}
}

// browser does what a person's browser does, after what the test changes.
func (i *issuer) browser(t *testing.T, change func(back url.Values)) func(Consent) {
	return func(c Consent) {
		u, err := url.Parse(c.Address)
		if err != nil {
			t.Error(err)
			return
		}
		q := u.Query()
		i.mu.Lock()
		i.code, i.verifier = "code-1", q.Get("code_challenge")
		i.authorized = append(i.authorized, q)
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

// agree is a browser whose person agrees.
func (i *issuer) agree(t *testing.T) func(Consent) { return i.browser(t, func(url.Values) {}) }

func (i *issuer) asked() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]url.Values(nil), i.forms...)
}

// nobody is a browser that must not be opened.
func (i *issuer) nobody(t *testing.T) func(Consent) {
	return i.browser(t, func(url.Values) { t.Error("the person was sent there") })
}
