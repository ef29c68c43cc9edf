package gateway

import (
	"errors"
	"time"
)

// Grant is what a person let a client have: access tokens for one endpoint, made
// anew by a chain of refresh tokens until it ends.
type Grant struct {
	ID     string   `json:"id"`
	Agent  string   `json:"agent"` // sub of its tokens
	Roles  []string `json:"roles,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
	// Endpoint is the path that its tokens are for, "/mcp"; "" for all of the gateway.
	Endpoint string    `json:"endpoint,omitempty"`
	Client   string    `json:"client"` // the client's ID if that is a URL, else a digest of it
	Name     string    `json:"name"`   // what the client calls itself
	Redirect string    `json:"redirect"`
	Key      string    `json:"key"` // of the issuer, when it was given: it ends with that
	By       Operator  `json:"by"`
	Given    time.Time `json:"given"`
	Ends     time.Time `json:"ends"` // however often it is used
	// Turn is how many refresh tokens it has had: only the last is good.
	Turn   int       `json:"turn"`
	Turned time.Time `json:"turned"` // when that was made
	Token  string    `json:"token"`  // jti of the last access token
}

// GrantIdle is how long a grant lasts that is not used.
const GrantIdle = 30 * 24 * time.Hour

// Until is when the grant ends if it is not used before.
func (g *Grant) Until() time.Time {
	if idle := g.Turned.Add(GrantIdle); idle.Before(g.Ends) {
		return idle
	}
	return g.Ends
}

// Holds reports whether the grant lasts at a time.
func (g *Grant) Holds(now time.Time) bool { return now.Before(g.Until()) }

// Why a grant is not renewed.
var (
	ErrNoGrant = errors.New("there is no such grant, or it has ended or was revoked")
	// ErrReplayed means that a refresh token was used that another had replaced, and
	// that the grant was revoked for it.
	ErrReplayed   = errors.New("a refresh token was used twice")
	ErrManyGrants = errors.New("there are as many grants as there may be")
)
