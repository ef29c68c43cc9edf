// Package auth turns a bearer token into a [gateway.Agent], or refuses it.
//
// A token is a JWT in JWS compact form (RFC 7519, RFC 7515) of one of the
// configured issuers. [Verifier] guarantees:
//
//   - The algorithm comes from the issuer's configuration and from the key,
//     never from the token (RFC 8725 §3.1). An issuer has either secrets or
//     public keys, never both.
//   - The token's exact iss selects the keys; a key of one issuer verifies no
//     token of another. jku, jwk, x5u and x5c are never read, crit is refused.
//   - Header and claims are strict JSON: a name that stands twice is refused.
//   - exp is required; nbf and iat are honoured, with at most a minute of skew.
//   - aud must name this gateway, see [Issuer.Audience].
//   - Every refusal of a token that was sent reads the same. What was wrong is
//     in the refusal's cause, which never holds any part of the token.
//
// A verified token is remembered until it expires, its issuer's keys change,
// or the cache needs its place, so the hot path does no cryptography.
//
// What it does not do: sender-constrained tokens (RFC 9449, RFC 8705), token
// introspection (RFC 7662), OpenID Connect discovery, encrypted tokens.
//
//	v, err := auth.New(auth.Options{Issuers: []auth.Issuer{{
//		Issuer:   "https://id.example.com",
//		Audience: []string{"https://gw.example.com/mcp"},
//		JWKSURL:  "https://id.example.com/jwks",
//	}}})
//	...
//	defer v.Close()
//	agent, err := v.Verify(ctx, gateway.Credentials{Token: token})
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

// Limits and defaults.
const (
	MaxToken       = 8 << 10          // longest token in bytes
	MaxLeeway      = time.Minute      // most clock skew that can be configured
	DefaultLeeway  = 30 * time.Second // clock skew that is tolerated
	DefaultCache   = 4096             // tokens remembered
	DefaultRefresh = 5 * time.Minute  // age at which a JWKS is fetched again
	DefaultRetry   = 10 * time.Second // shortest time between two fetches that tokens cause
	DefaultStale   = time.Hour        // how long a JWKS is used that cannot be fetched again
)

// Options configure a [Verifier]. Issuers is required.
type Options struct {
	Issuers []Issuer
	// Cache is how many verified tokens are remembered, rounded up to a power
	// of two; 0 means [DefaultCache]. Each takes its token's length and about
	// 1 KiB for its claims.
	Cache int
	// Revoked, if set, is asked about every agent on every request, remembered
	// or not. It must be fast and safe for concurrent use.
	Revoked func(*gateway.Agent) bool
	// Transport fetches key sets; nil means one of its own with TLS 1.2 at least.
	Transport http.RoundTripper
	// Log gets key sets that could not be loaded and keys that were left out;
	// nil means [slog.Default].
	Log *slog.Logger
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Issuer is one party whose tokens are accepted, and how. Exactly one of
// JWKSURL, PublicKeyFile, SecretFile and Secret is set.
type Issuer struct {
	// Issuer is the exact iss of its tokens: no folding of case or slashes.
	Issuer string
	// Audience lists what aud may contain; one match is enough. The canonical
	// URI of the endpoint asked for ([gateway.Credentials].Resource) is always
	// accepted too: who asked for a token for exactly this endpoint (RFC 8707)
	// gets in. With an empty list, the origin of that URI is accepted as well.
	// A token without aud is refused.
	Audience []string

	JWKSURL       string // https, or http on loopback (RFC 7517)
	PublicKeyFile string // PEM, JWK or JWKS; read again when it changes
	SecretFile    string // secret for HS*, its bytes without trailing line ends; read again when it changes
	Secret        []byte // the same, given directly

	// Algorithms that its tokens may use: HS256, HS384, HS512, RS256, RS384,
	// RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA. Empty means HS256
	// for a secret, and RS256, ES256 and EdDSA for public keys.
	Algorithms []string

	Agent  string // claim that names the agent, "sub" if empty; a dotted path reaches into objects
	Roles  string // claim with the roles, "roles" if empty: an array of strings, or one string split at blanks
	Scopes string // claim with the scopes, "scope" if empty; likewise (RFC 8693 §4.2)

	// RequiredScopes must all be in a token, else it is refused with
	// [gateway.InsufficientScope].
	RequiredScopes []string
	// AccessTokens demands typ at+jwt (RFC 9068 §4), which keeps ID tokens out.
	// Without it typ may also be JWT or missing.
	AccessTokens bool
	// Leeway is the clock skew that is tolerated: 0 means [DefaultLeeway],
	// negative none, at most [MaxLeeway].
	Leeway time.Duration
	// MaxLifetime refuses tokens that live longer from iat to exp; 0 means any.
	MaxLifetime time.Duration

	Refresh time.Duration // age at which a JWKS is fetched again; 0 means [DefaultRefresh]
	Retry   time.Duration // shortest time between two fetches that tokens with unknown keys cause, however many; 0 means [DefaultRetry]
	Stale   time.Duration // how long keys outlive the last good load; 0 means [DefaultStale]

	local *keySet // of a [Local] issuer
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*issuer
	cache   *cache
	revoked func(*gateway.Agent) bool
	now     func() time.Time

	stop context.CancelFunc
	wg   sync.WaitGroup
}

var _ gateway.Authenticator = (*Verifier)(nil)

// issuer is an Issuer made ready.
type issuer struct {
	Issuer
	keys   *keyring
	agent  claimPath
	roles  claimPath
	scopes claimPath
}

// New checks the options, reads key files, and starts to fetch key sets. A key
// set that cannot be fetched is no error here: tokens of its issuer are refused
// until it can ([Verifier.Ready] says so). The errors of all issuers are joined.
func New(o Options) (*Verifier, error) {
	if len(o.Issuers) == 0 {
		return nil, errors.New("no issuers: nobody could be let in")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &Verifier{
		issuers: make(map[string]*issuer, len(o.Issuers)),
		cache:   newCache(o.Cache),
		revoked: o.Revoked,
		now:     o.Now,
		stop:    stop,
	}
	client := newKeyClient(o.Transport)
	var errs []error
	for _, c := range o.Issuers {
		if _, twice := v.issuers[c.Issuer]; twice {
			errs = append(errs, fmt.Errorf("issuer %q stands twice", c.Issuer))
			continue
		}
		is, err := newIssuer(c, o, client)
		if err != nil {
			errs = append(errs, fmt.Errorf("issuer %q: %w", c.Issuer, err))
			continue
		}
		v.issuers[c.Issuer] = is
	}
	if err := errors.Join(errs...); err != nil {
		stop()
		return nil, err
	}
	for _, is := range v.issuers {
		is.keys.start(ctx, &v.wg)
	}
	return v, nil
}

func newIssuer(c Issuer, o Options, client *http.Client) (*issuer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	src, err := c.source(client)
	if err != nil {
		return nil, err
	}
	ring := &keyring{
		src: src, refresh: c.Refresh, retry: c.Retry, stale: c.Stale,
		now: o.Now, log: o.Log.With("issuer", c.Issuer),
	}
	switch {
	case src == nil:
		set, err := c.fixedKeys()
		if err != nil {
			return nil, err
		}
		ring.set.Store(set)
	case c.JWKSURL == "":
		if err := ring.loadOnce(); err != nil {
			return nil, err
		}
	}
	if set := ring.set.Load(); set != nil {
		if err := set.support(c.Algorithms); err != nil {
			return nil, err
		}
	}
	return &issuer{
		Issuer: c,
		keys:   ring,
		agent:  newClaimPath(c.Agent),
		roles:  newClaimPath(c.Roles),
		scopes: newClaimPath(c.Scopes),
	}, nil
}

// complete fills in defaults and refuses what contradicts itself.
func (c *Issuer) complete() error {
	if c.Issuer == "" {
		return errors.New("the issuer's name (iss) is empty")
	}
	sources := 0
	for _, set := range []bool{c.JWKSURL != "", c.PublicKeyFile != "", c.SecretFile != "", len(c.Secret) > 0, c.local != nil} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return fmt.Errorf("needs exactly one source of keys (JWKS URL, public key file, secret file, secret), has %d", sources)
	}
	secret := c.SecretFile != "" || len(c.Secret) > 0
	if len(c.Algorithms) == 0 {
		if secret {
			c.Algorithms = []string{"HS256"}
		} else {
			c.Algorithms = []string{"RS256", "ES256", "EdDSA"}
		}
	}
	for _, name := range c.Algorithms {
		alg, ok := algorithms[name]
		switch {
		case !ok:
			return fmt.Errorf("unknown algorithm %q", name)
		case c.local == nil && alg.secret() != secret:
			return fmt.Errorf("algorithm %s does not go with this kind of key: HS* needs a secret, all others public keys", name)
		}
	}
	if c.Leeway > MaxLeeway {
		return fmt.Errorf("a leeway of %s is over %s", c.Leeway, MaxLeeway)
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	c.Leeway = max(c.Leeway, 0)
	orString(&c.Agent, "sub")
	orString(&c.Roles, "roles")
	orString(&c.Scopes, "scope")
	if c.JWKSURL != "" {
		orDuration(&c.Refresh, DefaultRefresh)
		orDuration(&c.Retry, DefaultRetry)
	} else {
		c.Refresh, c.Retry = fileCheck, fileCheck
	}
	orDuration(&c.Stale, DefaultStale)
	return nil
}

func orString(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d <= 0 {
		*d = def
	}
}

// Known returns the agent of a token that was verified before for the same
// resource, is still in its time, and whose issuer's keys have not changed
// since. It takes about 100 ns and allocates nothing.
func (v *Verifier) Known(c gateway.Credentials) *gateway.Agent {
	e := v.cache.find(c.Token, c.Resource)
	if e == nil || !e.valid(v.now().UnixNano()) {
		return nil
	}
	if v.revoked != nil && v.revoked(e.agent) {
		return nil
	}
	return e.agent
}

// Ready returns an error that names the issuers whose keys are not available.
func (v *Verifier) Ready() error {
	var missing []string
	now := v.now().UnixNano()
	for name, is := range v.issuers {
		if is.keys.usable(now) == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("no usable keys of issuers %q", missing)
}

// Close ends the fetching of keys and waits for it. The verifier must not be
// used afterwards.
func (v *Verifier) Close() error {
	v.stop()
	v.wg.Wait()
	return nil
}
