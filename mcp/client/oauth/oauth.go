// Package oauth gets the gateway's own access tokens for upstream servers, as
// an OAuth 2.1 client. The token that an agent presented is never sent to an
// upstream; with token exchange it is shown to the authorization server only,
// which gives another one for it.
//
// Five grants:
//
//   - client_credentials (RFC 6749 §4.4): the gateway as itself.
//   - token_exchange (RFC 8693): the gateway on behalf of the agent. The
//     surface puts the agent's token into the context ([gateway.WithToken]).
//     What no agent caused, such as reading lists, uses client_credentials.
//   - jwt_bearer (RFC 7523 §2.1): a JWT from a file, such as a workload's, is
//     exchanged for a token. The file is read each time, since platforms
//     replace it.
//   - id_jag (cross-app access, enterprise-managed authorization): the company's
//     identity provider turns an identity token, the agent's or one from a file,
//     into a grant for the upstream's authorization server, which turns that
//     into a token. Nobody is asked at each upstream; the identity provider
//     decides. What no agent caused uses client_credentials, without a file.
//   - authorization_code with PKCE (RFC 6749 §4.1, RFC 7636): for a person's
//     account. [Login] runs from the command line, finds the authorization
//     server, registers the gateway there if need be (client ID metadata
//     documents, RFC 7591), and leaves a login in a [Vault]; the gateway uses
//     it from there.
//
// # What a hostile upstream cannot do
//
// An upstream says who its authorization server is. So secrets of the
// configuration go only to a server that the configuration names. What a login
// got is bound to the server that gave it, and goes nowhere else when the
// upstream names another one later. Each metadata document must be about what
// it was asked for. Addresses are https, except on loopback, and an upstream on
// the internet cannot name one on this machine or in a private network.
// Redirects are not followed, answers are bounded, and errors name the OAuth
// error code and nothing else of the answer.
//
// Every token request names the upstream it is for (RFC 8707).
package oauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"toolward/gateway"
)

// Grant is how a token is got.
type Grant string

// The grants.
const (
	ClientCredentials Grant = "client_credentials"
	TokenExchange     Grant = "token_exchange"
	JWTBearer         Grant = "jwt_bearer"
	IDJAG             Grant = "id_jag"
	AuthorizationCode Grant = "authorization_code"
)

// Options configures the credentials of one upstream.
type Options struct {
	Server   string // name of the upstream, for messages and the vault
	Grant    Grant  //
	URL      string // of the upstream; required
	Resource string // canonical URI of the upstream (RFC 8707); "" is what it calls itself at a login, else URL

	// Issuer names the authorization server, and TokenURL its token endpoint.
	// One of them is required where there is a secret to protect; else a login
	// takes the server that the upstream names.
	Issuer   string
	TokenURL string

	ClientID     string // as registered at the authorization server; "" registers at a login
	ClientSecret string // "" for a public client
	ClientKey    *Key   // instead of a secret (private_key_jwt); optional
	// ClientMetadataURL is the https address of a client ID metadata document,
	// for servers that take it as a client ID. Optional.
	ClientMetadataURL string
	CallbackPort      int    // of logins, on 127.0.0.1; 0 is any
	AssertionFile     string // for JWTBearer; for IDJAG, whose identity it is, "" is each agent's

	// Where identity tokens become grants, and who the gateway is there. For IDJAG.
	IdentityTokenURL, IdentityClientID, IdentityClientSecret string

	Scopes []string // none is those that the upstream wants
	Vault  *Vault   // where the login is; required for AuthorizationCode
	// Lost is told, once for each login, that a person's login does not work any
	// more, and why. Optional.
	Lost func(ctx context.Context, why string)
	// LoggedIn is told of a login before it is stored, and whether it can be renewed
	// without the person. If it fails, the login is not stored. Optional.
	LoggedIn func(ctx context.Context, renewable bool) error
	// HTTP replaces the client for all requests; whoever sets it decides what can
	// be reached. Optional.
	HTTP *http.Client
}

// Source gives tokens for one upstream. It keeps them until shortly before
// they expire, and asks for one at a time. It is safe for concurrent use.
type Source struct {
	opts Options
	http *http.Client

	mu     sync.Mutex
	tokens map[[32]byte]*slot
	found  *endpoint // that was discovered
	lost   string    // the login of which [Options.Lost] was told
}

// slot is one token: the gateway's own, or one of an agent's.
type slot struct {
	asking chan struct{} // full while the token is asked for, by one caller; others wait, or leave

	mu      sync.Mutex // for moments; nothing is asked for while it is held
	value   string
	expires time.Time
	login   string   // that it came from, of an authorization_code grant
	dead    string   // an access token of the vault that was not accepted
	more    []string // scopes that the upstream wants beyond the configured ones
}

// maxTokens bounds the agents whose exchanged tokens are kept.
const maxTokens = 10_000

// early is how long before its end a token is not used any more.
const early = 30 * time.Second

// New checks the options. It does not connect.
func New(o Options) (*Source, error) {
	for _, a := range []struct{ name, value string }{{"url", o.URL}, {"resource", o.Resource}, {"issuer", o.Issuer}, {"token_url", o.TokenURL}, {"client_metadata_url", o.ClientMetadataURL}, {"identity token_url", o.IdentityTokenURL}} {
		if a.value == "" && a.name != "url" {
			continue
		}
		if err := secure(a.value); err != nil {
			return nil, fmt.Errorf("upstream %s: %s: %w", o.Server, a.name, err)
		}
	}
	var missing string
	switch named := o.Issuer != "" || o.TokenURL != ""; {
	case !slices.Contains([]Grant{ClientCredentials, TokenExchange, JWTBearer, IDJAG, AuthorizationCode}, o.Grant):
		return nil, fmt.Errorf("upstream %s: grant %q is not known", o.Server, o.Grant)
	case o.Grant == AuthorizationCode && o.Vault == nil:
		missing = "a place for its login"
	case !named && (o.Grant != AuthorizationCode || o.ClientSecret != "" || o.ClientKey != nil):
		missing = "an issuer or a token_url"
	case o.Grant == IDJAG && (o.Issuer == "" || o.IdentityTokenURL == ""):
		missing = "an issuer, and a token endpoint of the identity provider"
	case o.Grant == JWTBearer && o.AssertionFile == "":
		missing = "an assertion_file"
	case o.Grant != AuthorizationCode && o.Grant != JWTBearer && o.ClientID == "":
		missing = "a client_id"
	}
	if missing != "" {
		return nil, fmt.Errorf("upstream %s: the %s grant needs %s", o.Server, o.Grant, missing)
	}
	return &Source{opts: o, http: httpClient(o.HTTP), tokens: map[[32]byte]*slot{}}, nil
}

// Authorization returns the value of the Authorization field for a request to
// the upstream. With token exchange the context says on whose behalf it is.
func (s *Source) Authorization(ctx context.Context) (string, error) {
	subject := ""
	if s.opts.Grant == TokenExchange || s.opts.Grant == IDJAG && s.opts.AssertionFile == "" {
		subject = gateway.Token(ctx)
	}
	sl := s.slot(subject)
	if value := sl.good(); value != "" {
		return value, nil
	}
	select {
	case sl.asking <- struct{}{}:
		defer func() { <-sl.asking }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if value := sl.good(); value != "" { // whoever asked before got it
		return value, nil
	}
	t, err := s.get(ctx, sl, subject)
	if err != nil {
		s.tellLost(ctx, err)
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if err != nil {
		sl.more = nil // perhaps they were too much to ask for
		return "", err
	}
	sl.value, sl.expires = "Bearer "+t.AccessToken, time.Now().Add(t.lifetime())
	return sl.value, nil
}

// tellLost says that a login is of no use any more, if that is what an error means.
func (s *Source) tellLost(ctx context.Context, err error) {
	var gone *LoginError
	if s.opts.Lost == nil || !errors.As(err, &gone) || errors.Is(err, ErrNoLogin) {
		return
	}
	k, err := s.opts.Vault.Load(s.opts.Server)
	if err != nil {
		return // somebody changes it just now
	}
	s.mu.Lock()
	told := s.lost == k.Login
	s.lost = k.Login
	s.mu.Unlock()
	if !told {
		s.opts.Lost(ctx, gone.Why.Error())
	}
}

// good is the token if it can be used for a while yet, else "".
func (sl *slot) good() string {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if time.Now().Before(sl.expires.Add(-early)) {
		return sl.value
	}
	return ""
}

// Denied is told that the upstream answered 401 or 403 to a value, with these
// WWW-Authenticate fields. It reports whether another token is worth one more
// try, and what a person can do if that does not help.
func (s *Source) Denied(value string, status int, challenges []string) (again bool, remedy string) {
	wants := readChallenges(challenges)
	s.mu.Lock()
	slots := make([]*slot, 0, len(s.tokens))
	for _, sl := range s.tokens {
		slots = append(slots, sl)
	}
	s.mu.Unlock()
	again = true // another call may have got another token already
	for _, sl := range slots {
		sl.mu.Lock()
		if sl.value == value {
			if again = status == http.StatusUnauthorized || s.widen(sl, wants); again {
				sl.value, sl.dead = "", strings.TrimPrefix(value, "Bearer ")
			}
		}
		sl.mu.Unlock()
	}
	return again, s.remedy(status, wants)
}

// widen reports whether a token with more scopes can be had without a person.
// Configured scopes are a limit: an upstream must not get a token for more than
// the configuration gives it, which could be good elsewhere.
func (s *Source) widen(sl *slot, wants challenge) bool {
	if s.opts.Grant == AuthorizationCode {
		kept, err := s.opts.Vault.Load(s.opts.Server)
		return err == nil && kept.Login != sl.login // somebody logged in meanwhile
	}
	if wants.code != insufficientScope || len(s.opts.Scopes) > 0 {
		return false
	}
	more := union(sl.more, wants.scopes)
	if len(more) == len(sl.more) || len(more) > maxScopes {
		return false
	}
	sl.more = more
	return true
}

// insufficientScope is RFC 6750 §3.1.
const insufficientScope = "insufficient_scope"

func (s *Source) remedy(status int, wants challenge) string {
	name := s.opts.Server
	short := status == http.StatusForbidden && wants.code == insufficientScope
	switch {
	case s.opts.Grant == AuthorizationCode && short && pasteable(wants.scopes):
		return "run `toolward login " + name + " --scope " + strings.Join(wants.scopes, " --scope ") + "`"
	case s.opts.Grant == AuthorizationCode && short:
		return "run `toolward login " + name + "` with a --scope for each scope that the upstream asks for"
	case s.opts.Grant == AuthorizationCode:
		return "run `toolward login " + name + "`"
	case short && pasteable(wants.scopes) && len(s.opts.Scopes) > 0:
		return "it asks for more scopes; if it should have them, put them into upstreams." + name + ".oauth.scopes: " + strings.Join(wants.scopes, ", ")
	case short:
		return "it asks for more scopes than upstreams." + name + ".oauth has at the authorization server"
	}
	return "check upstreams." + name + ".oauth in the configuration"
}

func (s *Source) slot(subject string) *slot {
	key := sha256.Sum256([]byte(subject))
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.tokens[key]
	if sl == nil {
		if len(s.tokens) >= maxTokens {
			clear(s.tokens) // they are got again when needed
		}
		sl = &slot{asking: make(chan struct{}, 1)}
		s.tokens[key] = sl
	}
	return sl
}

// get asks for a token by the configured grant. The caller is the one that asks.
func (s *Source) get(ctx context.Context, sl *slot, subject string) (token, error) {
	if s.opts.Grant == AuthorizationCode {
		return s.kept(ctx, sl)
	}
	e, err := s.endpoint(ctx)
	if err != nil {
		return token{}, err
	}
	form := url.Values{"resource": {s.opts.Resource}}
	if s.opts.Resource == "" {
		form.Set("resource", s.opts.URL)
	}
	sl.mu.Lock()
	more := sl.more
	sl.mu.Unlock()
	if scopes := union(s.opts.Scopes, more); len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	switch {
	case s.opts.Grant == JWTBearer:
		assertion, err := s.assertion()
		if err != nil {
			return token{}, err
		}
		form.Set("grant_type", grantJWT)
		form.Set("assertion", assertion)
	case s.opts.Grant == IDJAG && (subject != "" || s.opts.AssertionFile != ""):
		assertion, err := s.idJAG(ctx, subject, form)
		if err != nil {
			return token{}, err
		}
		form.Set("grant_type", grantJWT)
		form.Set("assertion", assertion)
	case s.opts.Grant == ClientCredentials || subject == "":
		form.Set("grant_type", "client_credentials")
	default:
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
		form.Set("subject_token", subject)
		form.Set("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
		form.Set("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
	}
	return ask(ctx, s.http, e, form)
}

// kept uses the login of the vault. Nothing is discovered for it: the refresh
// token goes to the server that gave it. A server that rotates it gives the
// next one with the answer; that is stored before the access token is used,
// since the old one is spent.
func (s *Source) kept(ctx context.Context, sl *slot) (token, error) {
	k, err := s.opts.Vault.Load(s.opts.Server)
	if err != nil {
		return token{}, err
	}
	as, ours := s.identity(k)
	if !ours {
		return token{}, &LoginError{s.opts.Server, errors.New("the stored login is for another address, resource, server or client than the configuration")}
	}
	sl.mu.Lock()
	sl.login = k.Login
	dead := sl.dead
	sl.mu.Unlock()
	if k.RefreshToken == "" {
		return unrenewable(s.opts.Server, k, dead)
	}
	t, err := ask(ctx, s.http, endpoint{k.TokenURL, k.Issuer, as}, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {k.RefreshToken}, "resource": {k.Resource},
	})
	if errors.Is(err, errSpent) {
		return token{}, &LoginError{s.opts.Server, err}
	}
	if err != nil {
		return token{}, err
	}
	if t.RefreshToken != "" && t.RefreshToken != k.RefreshToken {
		k.RefreshToken = t.RefreshToken
		if err := s.opts.Vault.Renew(s.opts.Server, k); err != nil {
			return token{}, fmt.Errorf("store the new refresh token of upstream %s: %w", s.opts.Server, err)
		}
	}
	return t, nil
}

// unrenewable is the access token of a login that came without a refresh token.
func unrenewable(server string, k Kept, dead string) (token, error) {
	left := time.Until(k.Expires)
	switch {
	case k.AccessToken == dead:
		return token{}, &LoginError{server, errors.New("the upstream does not accept the stored login any more")}
	case k.Expires.IsZero():
		return token{AccessToken: k.AccessToken}, nil
	case left <= early:
		return token{}, &LoginError{server, errors.New("the stored login has expired, and came with nothing to renew it")}
	}
	return token{AccessToken: k.AccessToken, ExpiresIn: left.Seconds()}, nil
}

// identity is the client of a login, and whether the login is what the
// configuration asks for.
func (s *Source) identity(k Kept) (as identity, ours bool) {
	o := s.opts
	switch {
	case k.URL != o.URL, o.Resource != "" && k.Resource != o.Resource,
		o.Issuer != "" && k.Issuer != o.Issuer, o.TokenURL != "" && k.TokenURL != o.TokenURL:
		return identity{}, false
	case o.ClientID != "":
		as = o.configured(nil)
		if k.Client.Method == authPost && as.Method == authBasic {
			as.Method = authPost // what the server offered at the login
		}
		return as, k.Client.ID == o.ClientID && !k.Client.Registered
	}
	return k.Client, k.Client.Registered || o.ClientMetadataURL != "" && k.Client.ID == o.ClientMetadataURL
}

// endpoint is the token endpoint of a grant that needs no person: configured,
// or in the metadata of the configured issuer.
func (s *Source) endpoint(ctx context.Context) (endpoint, error) {
	s.mu.Lock()
	found := s.found
	s.mu.Unlock()
	if found != nil {
		return *found, nil
	}
	e := endpoint{url: s.opts.TokenURL, audience: s.opts.Issuer, as: s.opts.configured(nil)}
	switch {
	case e.url == "":
		m, err := metadataOf(ctx, s.http, s.opts.Issuer)
		if err != nil {
			return endpoint{}, err
		}
		if err := m.within(s.opts.Issuer); err != nil {
			return endpoint{}, err
		}
		e.url, e.as = m.TokenEndpoint, s.opts.configured(m.AuthMethods)
	case e.audience == "":
		e.audience = e.url
	}
	s.mu.Lock()
	s.found = &e
	s.mu.Unlock()
	return e, nil
}
