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
//   - A token of the local issuer that has a name is good only as long as the
//     record holds it ([Held]): it is asked at each use.
//   - Every refusal of a token that was sent reads the same, but for one that was
//     good and has expired or was revoked. What was wrong is in the refusal's
//     cause, which never holds any part of the token.
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
	"hash/maphash"
	"log/slog"
	"maps"
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
	// Transport fetches key sets; nil means one of its own with TLS 1.2 at least.
	Transport http.RoundTripper
	// Log gets key sets that could not be loaded and keys that were left out;
	// nil means [slog.Default].
	Log *slog.Logger
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Failures hears how each attempt went; nil tells nobody.
	Failures *Failures
	// Held knows what tokens of the local issuer rest on; nil refuses all that rest on
	// something.
	Held Held
}

// Held knows which grants hold ([gateway.Grant]), and which named tokens
// ([MintOptions].Name) are in use.
type Held interface {
	// Holds reports whether what an agent's token is of still does, and takes it that it
	// is used now. It is asked for each request with such a token.
	Holds(*gateway.Agent) bool
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	issuers  map[string]*issuer
	cache    *cache
	refusals refusals
	failures *Failures
	held     Held
	another  string // how people get a token, where the gateway makes them; else ""
	now      func() time.Time

	stop context.CancelFunc
	wg   sync.WaitGroup
}

var _ gateway.Authenticator = (*Verifier)(nil)

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
		issuers:  make(map[string]*issuer, len(o.Issuers)),
		cache:    newCache(o.Cache),
		refusals: refusals{seed: maphash.MakeSeed()},
		failures: o.Failures,
		held:     o.Held,
		now:      o.Now,
		stop:     stop,
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
		if is.local != nil {
			v.another = getAnother
		}
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

// Known returns the agent of a token that was verified before for the same
// resource, is still in its time, and whose issuer's keys have not changed
// since, and which was not revoked. It takes about 100 ns and allocates nothing.
func (v *Verifier) Known(c gateway.Credentials) *gateway.Agent {
	e := v.cache.find(c.Token, c.Resource)
	if e == nil || !e.valid(v.now().UnixNano()) || !v.holds(e.agent) {
		return nil
	}
	return e.agent
}

// holds reports whether a token stands by itself, or what it rests on is on record: a
// grant that holds, a named token in use.
func (v *Verifier) holds(a *gateway.Agent) bool {
	return a.Grant == "" && a.Named == "" || v.held != nil && v.held.Holds(a)
}

// Tried implements [gateway.Authenticator].
func (v *Verifier) Tried(a gateway.Attempt) {
	if v.failures != nil {
		v.failures.Tried(a)
	}
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

// Issuers are the names of the issuers, sorted.
func (v *Verifier) Issuers() []string { return slices.Sorted(maps.Keys(v.issuers)) }

// KeysFresh is when an issuer's keys were loaded or found unchanged, the zero time
// if they never were or are fixed.
func (v *Verifier) KeysFresh(issuer string) time.Time {
	is := v.issuers[issuer]
	if is == nil || is.keys.src == nil {
		return time.Time{}
	}
	if s := is.keys.set.Load(); s != nil {
		return time.Unix(0, s.until.Load()).Add(-is.keys.refresh - is.keys.stale)
	}
	return time.Time{}
}

// Close ends the fetching of keys and waits for it. The verifier must not be
// used afterwards.
func (v *Verifier) Close() error {
	v.stop()
	v.wg.Wait()
	return nil
}
