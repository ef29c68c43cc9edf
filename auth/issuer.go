package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

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

// issuer is an Issuer made ready.
type issuer struct {
	Issuer
	keys   *keyring
	agent  claimPath
	roles  claimPath
	scopes claimPath
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
