package gateway

import (
	"errors"
	"fmt"
	"time"
)

// NamedToken is a token of the gateway's own issuer that is held for long: it is good
// until its end, or until a person revokes it, as long as the record has it. The token
// itself is shown to whoever creates it, once, and is kept nowhere.
type NamedToken struct {
	Digest  string    `json:"digest"` // SHA-256 of its jti, in hex: finds it, and is no part of it
	Name    string    `json:"name"`   // for people; one of the name is in use at a time
	Subject string    `json:"subject"`
	Roles   []string  `json:"roles,omitempty"`
	Scopes  []string  `json:"scopes,omitempty"`
	Session string    `json:"session,omitempty"` // sid
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	By      Operator  `json:"by"`
	Used    time.Time `json:"used,omitzero"` // when it was last used, an hour more or less; zero: never
}

// Expired reports whether its time is over.
func (t *NamedToken) Expired(now time.Time) bool { return !now.Before(t.Expires) }

// Held is what tokens of the gateway's own issuer rest on.
type Held struct {
	Tokens []NamedToken `json:"tokens"` // in use, and those that ended a while ago, by name
	Grants []Grant      `json:"grants"` // that hold, oldest first
}

// Ended is what a person has ended of it: a named token, or a grant.
type Ended struct {
	Name    string `json:"name"` // of a grant: its ID
	Subject string `json:"subject"`
	Client  string `json:"client,omitempty"` // of a grant: what it calls itself
}

// Errors about named tokens, which rooms and commands tell apart.
var (
	ErrNoToken    = errors.New("there is no such named token")
	ErrBadToken   = errors.New("not a named token")
	ErrTokenTaken = errors.New("a token of this name is in use")
)

// maxTokenName is the longest name in bytes.
const maxTokenName = 64

// CheckTokenName says what is wrong with a name. It stands in paths, tables and logs.
func CheckTokenName(name string) error {
	if name == "" || len(name) > maxTokenName {
		return fmt.Errorf("%w: a name has 1 to %d characters", ErrBadToken, maxTokenName)
	}
	for i, c := range []byte(name) {
		letter := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("%w: a name is letters, digits, and behind the first of these also . _ -", ErrBadToken)
		}
	}
	return nil
}
