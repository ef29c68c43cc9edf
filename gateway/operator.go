package gateway

import "errors"

// Operator is a person who decides about calls and tools, by an identity that
// was verified and not by what they say of themselves.
type Operator struct {
	Issuer  string   `json:"issuer"`          // who vouches: the exact iss of the token, or [LocalOperators]
	Subject string   `json:"subject"`         // whom it names: sub of the token, or the Unix user
	Roles   []string `json:"roles,omitempty"` // of the token, as verified; none of a local operator's
}

// LocalOperators is the issuer of the credential that lies beside the record.
// No issuer of tokens may be named so.
const LocalOperators = "local"

// None reports whether it is nobody: what no person decided.
func (o Operator) None() bool { return o.Subject == "" }

// ErrCredential is behind the refusal of who shows something like the local operator's
// credential that is not it, or shows it from elsewhere: no agent does.
var ErrCredential = errors.New("not the operator's credential, or not from this machine")

// String names the operator for people: "local:ann", "rita of https://id.example.com".
func (o Operator) String() string {
	if o.Issuer == LocalOperators {
		return LocalOperators + ":" + o.Subject
	}
	return o.Subject + " of " + o.Issuer
}
