//go:build e2e

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// Account is an upstream that wants a person's account, with the authorization
// server in front of it. Spent makes it refuse every refresh token from then on.
type Account struct {
	Spent atomic.Bool

	srv    *httptest.Server
	tokens atomic.Int32
}

// NewAccount starts one that closes with the test.
func NewAccount(t testing.TB) *Account {
	a := &Account{}
	mux := http.NewServeMux()
	a.srv = httptest.NewServer(mux)
	t.Cleanup(a.srv.Close)
	say := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(path, "/register") {
				w.WriteHeader(http.StatusCreated)
			}
			fmt.Fprint(w, strings.ReplaceAll(text, "$", a.srv.URL))
		})
	}
	say("/.well-known/oauth-protected-resource/mcp", `{"resource":"$/mcp","authorization_servers":["$"],"scopes_supported":["read"]}`)
	say("/.well-known/oauth-authorization-server", `{"issuer":"$","authorization_endpoint":"$/authorize","token_endpoint":"$/token","registration_endpoint":"$/register",`+
		`"code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["none"]}`)
	say("/register", `{"client_id":"registered"}`)
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": {q.Get("state")}, "code": {"synthetic-code"}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("grant_type") == "refresh_token" && a.Spent.Load() {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		n := a.tokens.Add(1)
		fmt.Fprintf(w, `{"access_token":"synthetic-access-%d","token_type":"Bearer","expires_in":3600,"refresh_token":"synthetic-refresh-%d"}`, n, n)
	})
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if good := fmt.Sprintf("Bearer synthetic-access-%d", a.tokens.Load()); r.Header.Get("Authorization") != good || a.Spent.Load() {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+a.srv.URL+`/.well-known/oauth-protected-resource/mcp"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		write(w, "application/json", answer(m, ""))
	})
	return a
}

// Config is the upstream's entry in toolward.yaml.
func (a *Account) Config() map[string]any {
	return map[string]any{"url": a.srv.URL + "/mcp", "oauth": map[string]any{"grant": "authorization_code"}}
}

// Login runs `toolward login`, and is the person who opens the address and agrees.
func (g *Gateway) Login(t testing.TB, server string) {
	t.Helper()
	cmd := g.Command("login", server, "--config", "toolward.yaml")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &Log{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if address := bufio.NewScanner(out); address.Scan() {
		resp, err := http.Get(address.Text())
		if err != nil {
			t.Errorf("the browser: %v", err)
		} else {
			resp.Body.Close()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("login: %v\n%s", err, said)
	}
}
