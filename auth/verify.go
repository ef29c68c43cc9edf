package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// retryNoKeys is what a caller is told while an issuer's keys are missing.
const retryNoKeys = 5 * time.Second

// Verify verifies the token for the endpoint, and remembers it. It returns a
// [gateway.Refusal] with code [gateway.Unauthenticated],
// [gateway.InsufficientScope], or, while the issuer's keys cannot be had at
// all, [gateway.Overloaded]; or ctx's error. It may wait for one fetch of a key
// set, at most ten seconds.
func (v *Verifier) Verify(ctx context.Context, c gateway.Credentials) (*gateway.Agent, error) {
	if c.Token == "" {
		return nil, gateway.Refuse("auth", gateway.Unauthenticated, "no token was sent: send `Authorization: Bearer TOKEN`"+v.another).Because(errNone)
	}
	if gateway.StandsIn(c.Token) {
		return nil, gateway.Refuse("auth", gateway.Unauthenticated, "what was sent is a placeholder where a token belongs: put a token there"+v.another).Because(errStandIn)
	}
	if name, ok := unexpanded(c.Token); ok {
		return nil, gateway.Refuse("auth", gateway.Unauthenticated,
			"the token is the text of a variable ("+name+"), which the client did not replace: set it where the client runs").Because(errVariable)
	}
	e, err := v.verify(ctx, c)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errNoKeys):
		r := gateway.Refuse("auth", gateway.Overloaded, "the keys of the token's issuer are not available at the moment").Because(err)
		r.Remedy = "see whether the gateway can reach the issuer's jwks_url"
		r.RetryAfter = retryNoKeys
		return nil, r
	default:
		r := gateway.Refuse("auth", gateway.Unauthenticated,
			"the token is not valid here: it must be of an accepted issuer, meant for this endpoint, and not expired").Because(err)
		switch Reason(r) { // its signature holds: no secret for whoever has it
		case "expired":
			r.Reasons = []string{"the token has expired; get a new one" + v.another}
		case "revoked":
			r.Reasons = []string{"the token was revoked; get a new one" + v.another}
		}
		v.refusals.add(c, r, v.now())
		return nil, r
	}
	if r := gateway.RequireScopes(e.agent, v.issuers[e.agent.Issuer].RequiredScopes...); r != nil {
		return nil, r
	}
	v.cache.add(e)
	return e.agent, nil
}

// getAnother is how a token of the local issuer is had.
const getAnother = " (`toolward token create NAME` makes one)"

// Why there is nothing to verify.
var (
	errNone     = failed{"none", errors.New("no token was sent")}
	errVariable = failed{"malformed", errors.New("the token is the name of a variable")}
	errStandIn  = failed{"malformed", errors.New("the token is a placeholder")}
)

// verify does the work. Its errors hold nothing of the token.
func (v *Verifier) verify(ctx context.Context, c gateway.Credentials) (*entry, error) {
	t, err := parseToken(c.Token)
	if err != nil {
		return nil, because("malformed", err)
	}
	is := v.issuers[t.issuer]
	if is == nil {
		return nil, because("issuer", errors.New("the token's issuer is not configured"))
	}
	if err := is.checkType(t.typ); err != nil {
		return nil, because("type", err)
	}
	set, err := is.checkSignature(ctx, t)
	if err != nil {
		return nil, because("key", err)
	}
	e := &entry{token: c.Token, resource: c.Resource, keys: is.keys, set: set}
	e.agent, err = is.accept(t, c.Resource, v.now(), e)
	if err == nil && !v.holds(e.agent) {
		err = because("revoked", errors.New("the record does not have this named token, or the grant that the token is of: it was revoked or has ended, or is of another gateway"))
	}
	return e, because("claims", err)
}

// checkSignature establishes who made the token, and returns the keys that say
// so. The algorithm must be one of the issuer's and go with the key, whatever
// the header says.
func (is *issuer) checkSignature(ctx context.Context, t *token) (*keySet, error) {
	if !slices.Contains(is.Algorithms, t.alg) {
		return nil, because("algorithm", errors.New("the token's algorithm is not one of its issuer's"))
	}
	k, set, err := is.keys.find(ctx, t)
	if err != nil {
		return nil, err
	}
	if !k.fits(t.alg) {
		return nil, because("algorithm", errors.New("the token's algorithm does not go with its key"))
	}
	if err := algorithms[t.alg].method.Verify(t.signed, t.signature, k.public); err != nil {
		return nil, because("signature", errors.New("the signature is not valid"))
	}
	return set, nil
}

var errTyp = errors.New("the token's typ is not that of an access token")

// checkType tells access tokens from other JWTs of the same issuer (RFC 8725
// §3.11, RFC 9068 §4). Media types are compared without case.
func (is *issuer) checkType(typ string) error {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "at+jwt":
		return nil
	case "jwt", "":
		if !is.AccessTokens {
			return nil
		}
	}
	return errTyp
}

// accept judges the claims of a token whose signature holds.
func (is *issuer) accept(t *token, resource string, now time.Time, e *entry) (*gateway.Agent, error) {
	c := claims{m: gateway.Decode(t.claims).(map[string]any)}
	exp, err := c.times(is, now, e)
	if err != nil {
		return nil, because("time", err)
	}
	if err := is.checkAudience(c, resource); err != nil {
		return nil, because("audience", err)
	}
	a := &gateway.Agent{Issuer: t.issuer, Claims: c.m, Expires: time.Unix(exp, 0)}
	if a.ID, err = c.identifier(is.agent); err != nil {
		return nil, fmt.Errorf("the agent's claim: %w", err)
	}
	if _, ok := c.m["sub"]; ok && is.Agent != "sub" {
		if _, err := c.identifier(claimPath{name: "sub"}); err != nil {
			return nil, fmt.Errorf("sub: %w", err)
		}
	}
	if _, ok := c.m["sid"]; ok {
		if a.Session, err = c.identifier(claimPath{name: "sid"}); err != nil {
			return nil, fmt.Errorf("sid: %w", err)
		}
	}
	if _, ok := c.m[claimGrant]; ok && is.local != nil {
		if a.Grant, err = c.identifier(claimPath{name: claimGrant}); err != nil {
			return nil, fmt.Errorf("grant: %w", err)
		}
	}
	if _, ok := c.m[claimNamed]; ok && is.local != nil {
		id, err := c.identifier(claimPath{name: "jti"})
		if err != nil {
			return nil, fmt.Errorf("jti: %w", err)
		}
		a.Named = digestOf(id)
	}
	if a.Roles, err = c.words(is.roles); err != nil {
		return nil, fmt.Errorf("the roles' claim: %w", err)
	}
	if a.Scopes, err = c.words(is.scopes); err != nil {
		return nil, fmt.Errorf("the scopes' claim: %w", err)
	}
	return a, nil
}

// checkAudience applies what [Issuer.Audience] promises.
func (is *issuer) checkAudience(c claims, resource string) error {
	aud, err := c.strings("aud")
	if err != nil {
		return fmt.Errorf("aud: %w", err)
	}
	for _, a := range aud {
		if slices.Contains(is.Audience, a) {
			return nil
		}
		if resource == "" {
			continue
		}
		uri, ok := canonicalURI(a)
		if ok && (uri == resource || len(is.Audience) == 0 && uri == origin(resource)) {
			return nil
		}
	}
	if resource == "" {
		return errors.New("aud names no audience that is configured for the issuer")
	}
	return errors.New("aud names neither this endpoint, " + resource + ", nor an audience that is configured for the issuer")
}

// unexpanded recognises ${VAR} and its kin, which clients send as they are
// when the variable is not set. Their text is no secret.
func unexpanded(token string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(token, "$")
	if !ok || len(rest) > 80 {
		return "", false
	}
	for _, r := range rest {
		if !(r == '_' || r == '{' || r == '}' || r == ':' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') {
			return "", false
		}
	}
	return token, true
}
