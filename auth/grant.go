package auth

import (
	"errors"
	"fmt"
	"strings"

	"toolward/gateway"
)

// claimGrant is the claim that says which grant a token is of.
const claimGrant = "grant"

// GrantOf is the grant of a token that this issuer signed, whether or not it has
// expired.
func (l *Local) GrantOf(raw string) (id string, ok bool) {
	t, err := parseToken(raw)
	if err != nil || t.issuer != l.issuer || t.alg != l.alg {
		return "", false
	}
	if algorithms[l.alg].method.Verify(t.signed, t.signature, l.set.keys[0].public) != nil {
		return "", false
	}
	id, ok = gateway.Decode(t.claims).(map[string]any)[claimGrant].(string)
	return id, ok
}

// CheckAgent says what is wrong with an agent's name, or with its roles, that a token is
// to be minted for.
func CheckAgent(name string, roles []string) error {
	c := claims{m: map[string]any{"sub": name}}
	if _, err := c.identifier(claimPath{name: "sub"}); err != nil {
		return fmt.Errorf("the agent's name: %w", err)
	}
	if len(roles) > maxWords {
		return errors.New("too many roles")
	}
	for _, role := range roles {
		if strings.ContainsFunc(role, Unseen) {
			return errors.New("a role has characters that nobody sees")
		}
	}
	return nil
}
