// Package oauth gets the gateway's own access tokens for upstream servers, as
// an OAuth 2.1 client. The token that an agent presented is never sent to an
// upstream; with token exchange it is shown to the authorization server only,
// which gives another one for it.
//
// Three grants:
//
//   - client_credentials (RFC 6749 §4.4): the gateway as itself.
//   - token_exchange (RFC 8693): the gateway on behalf of the agent. The
//     surface puts the agent's token into the context ([gateway.WithToken]).
//     What no agent caused, such as reading lists, uses client_credentials.
//   - authorization_code with PKCE (RFC 6749 §4.1, RFC 7636): for a person's
//     account. [Login] runs once from the command line and leaves a refresh
//     token in a [Vault]; the gateway uses it from there.
//
// Every token request names the upstream it is for (RFC 8707). Token endpoints
// are https, except on loopback; redirects are not followed; answers are
// bounded; errors name the OAuth error code and nothing else of the answer.
package oauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	AuthorizationCode Grant = "authorization_code"
)

// Options configures the credentials of one upstream.
type Options struct {
	Server       string   // name of the upstream, for messages and the vault
	Grant        Grant    //
	TokenURL     string   // "" finds it from the upstream's metadata (RFC 9728, RFC 8414)
	ClientID     string   // as registered at the authorization server
	ClientSecret string   // "" for a public client
	Scopes       []string //
	Resource     string   // canonical URI of the upstream (RFC 8707); required
	Vault        *Vault   // where the refresh token is; required for AuthorizationCode
	HTTP         *http.Client
}

// Source gives tokens for one upstream. It keeps them until shortly before
// they expire, and asks for one at a time. It is safe for concurrent use.
type Source struct {
	opts Options
	http *http.Client

	mu     sync.Mutex
	tokens map[[32]byte]*slot
	found  string // token endpoint that was discovered
}

// slot is one token: the gateway's own, or one of an agent's.
type slot struct {
	mu      sync.Mutex // held while the token is asked for
	value   string
	expires time.Time
}

// maxTokens bounds the agents whose exchanged tokens are kept.
const maxTokens = 10_000

// early is how long before its end a token is not used any more.
const early = 30 * time.Second

// New checks the options. It does not connect.
func New(o Options) (*Source, error) {
	switch o.Grant {
	case ClientCredentials, TokenExchange:
	case AuthorizationCode:
		if o.Vault == nil {
			return nil, fmt.Errorf("upstream %s: the authorization_code grant needs a place for its refresh token", o.Server)
		}
	default:
		return nil, fmt.Errorf("upstream %s: grant %q is not known", o.Server, o.Grant)
	}
	if err := secure(o.Resource); err != nil {
		return nil, fmt.Errorf("upstream %s: resource: %w", o.Server, err)
	}
	if o.TokenURL != "" {
		if err := secure(o.TokenURL); err != nil {
			return nil, fmt.Errorf("upstream %s: token_url: %w", o.Server, err)
		}
	}
	return &Source{opts: o, http: httpClient(o.HTTP), tokens: map[[32]byte]*slot{}}, nil
}

// httpClient follows no redirect: secrets are sent to the address that was
// configured or vouched for, and nowhere else.
func httpClient(given *http.Client) *http.Client {
	c := &http.Client{Timeout: 15 * time.Second}
	if given != nil {
		*c = *given
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// secure accepts https, and http on loopback.
func secure(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("it is no URL")
	}
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("it must name a host, and have no user and no fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u)) {
		return errors.New("it must be https")
	}
	return nil
}

// Authorization returns the value of the Authorization field for a request to
// the upstream. With token exchange the context says on whose behalf it is.
func (s *Source) Authorization(ctx context.Context) (string, error) {
	subject := ""
	if s.opts.Grant == TokenExchange {
		subject = gateway.Token(ctx)
	}
	sl := s.slot(subject)
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.value != "" && time.Now().Before(sl.expires.Add(-early)) {
		return sl.value, nil
	}
	t, err := s.get(ctx, subject)
	if err != nil {
		return "", err
	}
	sl.value, sl.expires = "Bearer "+t.AccessToken, time.Now().Add(t.lifetime())
	return sl.value, nil
}

// Rejected drops a token that the upstream did not accept, so that the next
// request asks for another.
func (s *Source) Rejected(value string) {
	s.mu.Lock()
	slots := make([]*slot, 0, len(s.tokens))
	for _, sl := range s.tokens {
		slots = append(slots, sl)
	}
	s.mu.Unlock()
	for _, sl := range slots {
		sl.mu.Lock()
		if sl.value == value {
			sl.value = ""
		}
		sl.mu.Unlock()
	}
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
		sl = &slot{}
		s.tokens[key] = sl
	}
	return sl
}

// get asks for a token by the configured grant.
func (s *Source) get(ctx context.Context, subject string) (token, error) {
	endpoint, err := s.endpoint(ctx)
	if err != nil {
		return token{}, err
	}
	form := url.Values{"resource": {s.opts.Resource}}
	if len(s.opts.Scopes) > 0 {
		form.Set("scope", strings.Join(s.opts.Scopes, " "))
	}
	switch {
	case s.opts.Grant == AuthorizationCode:
		return s.refresh(ctx, endpoint, form)
	case s.opts.Grant == ClientCredentials || subject == "":
		form.Set("grant_type", "client_credentials")
	default:
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
		form.Set("subject_token", subject)
		form.Set("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
		form.Set("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
	}
	return s.ask(ctx, endpoint, form)
}

// refresh uses the refresh token of the vault. A server that rotates it gives
// the next one with the answer; that is stored before the access token is used,
// since the old one is spent.
func (s *Source) refresh(ctx context.Context, endpoint string, form url.Values) (token, error) {
	kept, err := s.opts.Vault.Load(s.opts.Server)
	if err != nil {
		return token{}, err
	}
	if kept.Resource != s.opts.Resource || kept.ClientID != s.opts.ClientID {
		return token{}, fmt.Errorf("the stored login of upstream %s is for another resource or client: run `toolward login %s` again", s.opts.Server, s.opts.Server)
	}
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", kept.RefreshToken)
	t, err := s.ask(ctx, endpoint, form)
	if err != nil {
		return token{}, err
	}
	if t.RefreshToken != "" && t.RefreshToken != kept.RefreshToken {
		kept.RefreshToken = t.RefreshToken
		if err := s.opts.Vault.Store(s.opts.Server, kept); err != nil {
			return token{}, fmt.Errorf("store the new refresh token of upstream %s: %w", s.opts.Server, err)
		}
	}
	return t, nil
}

// endpoint is the token endpoint: configured, or found once.
func (s *Source) endpoint(ctx context.Context) (string, error) {
	if s.opts.TokenURL != "" {
		return s.opts.TokenURL, nil
	}
	s.mu.Lock()
	found := s.found
	s.mu.Unlock()
	if found != "" {
		return found, nil
	}
	m, err := discover(ctx, s.http, s.opts.Resource)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.found = m.TokenEndpoint
	s.mu.Unlock()
	return m.TokenEndpoint, nil
}
