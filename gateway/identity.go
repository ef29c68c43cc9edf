package gateway

import (
	"slices"
	"strings"
	"unicode"
)

// mostActors is how deep a chain of actors is followed. A token has room for few.
const mostActors = 16

// Identities are all whom a token stands for, as digests, sorted: the agent, the
// person (sub), who acts for them (act, RFC 8693 §4.1, the whole chain), and the
// person in a directory (tid and oid) whatever the issuer calls them.
// Two tokens that have one in common are of one identity. Digests, because they go
// where a person's data cannot be erased; without a key, so a guess can be checked.
//
//	{"iss":"I","azp":"bot","sub":"ann","act":{"sub":"proxy"}}  with agent: azp  ->  bot, ann and proxy of I
//
// Names that differ in case alone are one: a directory may take them for one, and to
// refuse a consent is the safe mistake.
func (a *Agent) Identities() []string {
	ids := []string{identity(a.Issuer, a.ID)}
	claims := a.Claims
	for range mostActors {
		issuer := a.Issuer
		if iss, ok := claims["iss"].(string); ok {
			issuer = iss
		}
		if sub, ok := claims["sub"].(string); ok {
			ids = append(ids, identity(issuer, sub))
		}
		if oid, ok := claims["oid"].(string); ok {
			tid, _ := claims["tid"].(string)
			ids = append(ids, identity("oid", tid, oid))
		}
		actor, ok := claims["act"].(map[string]any)
		if !ok {
			break
		}
		claims = actor
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Person is whom a token was given to, where the agent is the program that they
// use: sub of the token, else the agent's ID.
func (a *Agent) Person() string {
	if sub, ok := a.Claims["sub"].(string); ok && sub != "" {
		return sub
	}
	return a.ID
}

func identity(parts ...string) string {
	return publicID(strings.Map(folded, strings.Join(parts, "\x1f")))
}

// folded is the least of the characters that are one but for their case.
func folded(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
