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
	"strings"
	"time"
)

// Login gets a refresh token for a person's account and stores it in the
// vault. Show is given the address that the person opens in a browser; it is
// only shown, never handed to a shell or another program: it comes from a
// server. Login waits on a loopback port for the browser to come back (RFC
// 8252 §7.3), until ctx ends.
func Login(ctx context.Context, o Options, show func(address string)) error {
	if o.Grant != AuthorizationCode {
		return fmt.Errorf("upstream %s: only the authorization_code grant has a login", o.Server)
	}
	s, err := New(o)
	if err != nil {
		return err
	}
	m, err := discover(ctx, s.http, o.Resource)
	if err != nil {
		return err
	}
	if err := secure(m.AuthorizationEndpoint); err != nil {
		return fmt.Errorf("authorization endpoint: %w", err)
	}
	if !m.pkce() {
		return errors.New("the authorization server does not do PKCE with S256")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w := &waiter{state: rand.Text(), meta: m, code: make(chan answer, 1)}
	verifier := rand.Text() + rand.Text()
	redirect := "http://" + l.Addr().String() + "/callback"
	server := &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	defer server.Close()

	show(authorizeURL(m, o, w.state, verifier, redirect))
	var a answer
	select {
	case a = <-w.code:
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.err != nil {
		return a.err
	}
	return s.redeem(ctx, m, a.code, verifier, redirect)
}

func authorizeURL(m metadata, o Options, state, verifier, redirect string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {o.ClientID}, "redirect_uri": {redirect}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
		"resource": {o.Resource},
	}
	if len(o.Scopes) > 0 {
		q.Set("scope", strings.Join(o.Scopes, " "))
	}
	sep := "?"
	if strings.Contains(m.AuthorizationEndpoint, "?") {
		sep = "&"
	}
	return m.AuthorizationEndpoint + sep + q.Encode()
}

// redeem turns the code into tokens and stores what is to be kept.
func (s *Source) redeem(ctx context.Context, m metadata, code, verifier, redirect string) error {
	endpoint := s.opts.TokenURL
	if endpoint == "" {
		endpoint = m.TokenEndpoint
	}
	t, err := s.ask(ctx, endpoint, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {redirect}, "resource": {s.opts.Resource},
	})
	if err != nil {
		return err
	}
	if t.RefreshToken == "" {
		return errors.New("the authorization server gave no refresh token: ask for the scope that it wants for one, often offline_access")
	}
	return s.opts.Vault.Store(s.opts.Server, Kept{RefreshToken: t.RefreshToken, Resource: s.opts.Resource, ClientID: s.opts.ClientID})
}

// waiter is where the browser comes back to.
type waiter struct {
	state string
	meta  metadata
	code  chan answer
}

type answer struct {
	code string
	err  error
}

// ServeHTTP takes the first answer that carries our state, and no other: any
// page that the person has open can send requests here.
func (w *waiter) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/callback" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(w.state)) != 1 {
		http.Error(rw, "this is not the answer that is waited for", http.StatusBadRequest)
		return
	}
	a := answer{code: q.Get("code")}
	switch {
	case q.Get("iss") != "" && q.Get("iss") != w.meta.Issuer, w.meta.IssInResponse && q.Get("iss") == "":
		a = answer{err: errors.New("the answer comes from another authorization server (RFC 9207)")}
	case q.Get("error") != "":
		a = answer{err: errors.New("the authorization server refused the login")}
	case a.code == "":
		a = answer{err: errors.New("the authorization server sent no code")}
	}
	select {
	case w.code <- a:
	default:
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if a.err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(rw, a.err)
		return
	}
	fmt.Fprintln(rw, "Done. You can close this page and go back to the terminal.")
}
