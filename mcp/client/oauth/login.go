package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The events that say that a person logged in to an upstream, and that their login
// does not work any more.
const (
	EventLogin = "upstream.login"
	EventLost  = "upstream.login_lost"
)

// Consent is what a person is asked to agree to, in a browser.
type Consent struct {
	Issuer  string   // the authorization server, which the upstream or the configuration names
	Scopes  []string // that are asked for; none leaves it to the server
	Address string   // to open. It comes from a server: show it, and hand it to no shell and no program
}

// Login gets a token for a person's account and stores it in the vault, with
// the client that was registered for it if there was none. More are scopes
// that are asked for beyond those of the last login, as a server wants them
// that answered 403 (step-up). Login waits on a loopback port for the browser
// to come back (RFC 8252 §7.3), until ctx ends. It reports whether the token
// can be renewed without the person.
func Login(ctx context.Context, o Options, more []string, show func(Consent)) (renewable bool, err error) {
	if o.Grant != AuthorizationCode {
		return false, fmt.Errorf("upstream %s: only the authorization_code grant has a login", o.Server)
	}
	if _, err := New(o); err != nil {
		return false, err
	}
	kept, err := o.Vault.Load(o.Server)
	if err != nil && !errors.Is(err, ErrNoLogin) {
		return false, err
	}
	f, err := discover(ctx, o)
	if err != nil {
		return false, err
	}
	if f.server.AuthorizationEndpoint == "" {
		return false, errors.New("the authorization server has no page to log in")
	}
	if !f.server.pkce() {
		return false, errors.New("the authorization server does not do PKCE with S256")
	}
	l, err := listen(ctx, o, kept)
	if err != nil {
		return false, err
	}
	a := attempt{opts: o, found: f, state: rand.Text(), verifier: rand.Text() + rand.Text(), redirect: "http://" + l.Addr().String() + "/callback", code: make(chan answer, 1)}
	server := &http.Server{Handler: &a, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	defer func() {
		// The person's browser gets its answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}()

	if a.client, err = identify(ctx, o, f, kept, a.redirect); err != nil {
		return false, err
	}
	a.scopes = scopes(o, f, kept, more)
	show(Consent{Issuer: f.server.Issuer, Scopes: a.scopes, Address: a.address()})
	select {
	case got := <-a.code:
		if got.err != nil {
			return false, got.err
		}
		return a.redeem(ctx, got.code)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// scopes are those to ask for: the configured ones, or else what the upstream
// wants (MCP's scope selection). A step-up keeps what the last login had.
func scopes(o Options, f found, kept Kept, more []string) []string {
	want := o.Scopes
	if len(want) == 0 {
		want = f.scopes
		if slices.Contains(f.server.Scopes, offline) {
			want = union(want, []string{offline})
		}
	}
	if len(more) > 0 && kept.URL == o.URL && kept.Issuer == f.server.Issuer {
		want = union(kept.Scopes, want)
	}
	return union(want, more)
}

// offline is the scope for a refresh token (OpenID Connect Core §11).
const offline = "offline_access"

// listen opens the port for the browser: the configured one, or the one that an
// earlier registration names if it is free, or any.
func listen(ctx context.Context, o Options, kept Kept) (net.Listener, error) {
	var config net.ListenConfig
	if o.CallbackPort != 0 {
		return config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.CallbackPort)))
	}
	if u, err := url.Parse(kept.Client.Redirect); err == nil && u.Hostname() == "127.0.0.1" {
		if l, err := config.Listen(ctx, "tcp", u.Host); err == nil {
			return l, nil
		}
	}
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

// attempt is one login, and where the browser comes back to.
type attempt struct {
	opts            Options
	found           found
	client          identity
	scopes          []string
	state, verifier string
	redirect        string
	code            chan answer
}

type answer struct {
	code string
	err  error
}

// address is where the person agrees.
func (a *attempt) address() string {
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.client.ID}, "redirect_uri": {a.redirect}, "state": {a.state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
		"resource": {a.found.resource},
	}
	if len(a.scopes) > 0 {
		q.Set("scope", strings.Join(a.scopes, " "))
	}
	if slices.Contains(a.scopes, offline) {
		q.Set("prompt", "consent") // without it a server may leave the scope out
	}
	sep := "?"
	if strings.Contains(a.found.server.AuthorizationEndpoint, "?") {
		sep = "&"
	}
	return a.found.server.AuthorizationEndpoint + sep + q.Encode()
}

// redeem turns the code into tokens and stores what is to be kept.
func (a *attempt) redeem(ctx context.Context, code string) (renewable bool, err error) {
	e := endpoint{url: a.found.server.TokenEndpoint, audience: a.found.server.Issuer, as: a.client}
	client := a.found.client
	if a.opts.TokenURL != "" { // trusted: it is the configuration's
		e.url, client = a.opts.TokenURL, httpClient(a.opts.HTTP)
	}
	t, err := ask(ctx, client, e, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {a.verifier},
		"redirect_uri": {a.redirect}, "resource": {a.found.resource},
	})
	if err != nil {
		return false, err
	}
	k := Kept{
		Login: rand.Text(), URL: a.opts.URL, Resource: a.found.resource, Issuer: a.found.server.Issuer, TokenURL: e.url,
		Client: a.client, Scopes: a.scopes, RefreshToken: t.RefreshToken,
	}
	if !k.Client.Registered {
		k.Client.Secret = "" // the configuration has it
	}
	if t.RefreshToken == "" {
		k.AccessToken = t.AccessToken
		if t.ExpiresIn > 0 {
			k.Expires = time.Now().Add(time.Duration(min(t.ExpiresIn, 10*365*24*3600) * float64(time.Second)))
		}
	}
	renewable = t.RefreshToken != ""
	if a.opts.LoggedIn != nil {
		if err := a.opts.LoggedIn(ctx, renewable); err != nil {
			return false, err
		}
	}
	return renewable, a.opts.Vault.Store(a.opts.Server, k)
}

// ServeHTTP takes the first answer that carries our state, and no other: any
// page that the person has open can send requests here.
func (a *attempt) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/callback" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.state)) != 1 {
		http.Error(w, "this is not the answer that is waited for", http.StatusBadRequest)
		return
	}
	got := answer{code: q.Get("code")}
	switch iss := q.Get("iss"); {
	case iss != "" && iss != a.found.server.Issuer, a.found.server.IssInResponse && iss == "":
		got = answer{err: errors.New("the answer comes from another authorization server (RFC 9207)")}
	case q.Get("error") != "":
		got = answer{err: errors.New("the authorization server refused the login")}
	case got.code == "":
		got = answer{err: errors.New("the authorization server sent no code")}
	}
	select {
	case a.code <- got:
	default:
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if got.err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(w, got.err)
		return
	}
	fmt.Fprintln(w, "Done. You can close this page and go back to the terminal.")
}
