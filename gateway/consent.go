package gateway

import (
	"encoding/json"
	"errors"
	"time"
)

// Approval is a request for a person's consent to one call: approval asks for
// it and uses it up, audit stores it, and commands and console decide it.
type Approval struct {
	ID          string          `json:"id,omitempty"`          // short, for people to type
	Binding     string          `json:"binding,omitempty"`     // SHA-256, hex, of what was consented to: agent, tool, definition, all that is sent in canonical form
	Call        string          `json:"call,omitempty"`        // ID of the call that asked
	Agent       string          `json:"agent,omitempty"`       // the agent's ID
	Issuer      string          `json:"issuer,omitempty"`      // and who vouches for it
	Identities  []string        `json:"identities,omitempty"`  // who must not consent: [Agent.Identities] of the token that asked
	Tool        string          `json:"tool,omitempty"`        // wire name
	Fingerprint string          `json:"fingerprint,omitempty"` // of the tool's definition
	Args        json.RawMessage `json:"args,omitempty"`        // for the person who decides; secrets are taken out when it is stored
	Beside      json.RawMessage `json:"beside,omitempty"`      // likewise: what is sent beside the arguments, by member of params
	Restored    []Restored      `json:"restored,omitempty"`    // values that stand in the arguments as placeholders, and will be put back
	Reasons     []string        `json:"reasons,omitempty"`     // why policy asks
	Revision    string          `json:"revision,omitempty"`    // of the policy that asked
	Session     string          `json:"session,omitempty"`     // ID of the session that asked
	Labels      []string        `json:"labels,omitempty"`      // what that session had read by then
	Recent      []Recent        `json:"recent,omitempty"`      // and its latest calls, newest last
	Created     time.Time       `json:"created,omitzero"`      //
	Expires     time.Time       `json:"expires,omitzero"`      // neither decided nor used at or after this
	State       ApprovalState   `json:"state,omitempty"`       //
	By          string          `json:"by,omitempty"`          // who decided, for people; "" while pending
	Decider     Operator        `json:"decider,omitzero"`      // and as verified; zero while pending
	Note        string          `json:"note,omitempty"`        // what they said about it
	Decided     time.Time       `json:"decided,omitzero"`      // zero while pending
	UsedBy      string          `json:"used_by,omitempty"`     // ID of the call that ran on it
}

// ApprovalState is how far an approval has come.
type ApprovalState string

// The states. Approvals go from pending to approved or denied, and from
// approved to used or revoked; each of these once. Expired is what a pending or
// approved one becomes by time alone.
const (
	ApprovalOpen    ApprovalState = "pending"
	ApprovalGiven   ApprovalState = "approved"
	ApprovalRefused ApprovalState = "denied"
	ApprovalUsed    ApprovalState = "used"
	ApprovalRevoked ApprovalState = "revoked"
	ApprovalExpired ApprovalState = "expired"
)

// Errors about approvals, which rooms and commands tell apart.
var (
	ErrNoApproval    = errors.New("there is no such approval")
	ErrDecided       = errors.New("the approval is decided already")
	ErrManyApprovals = errors.New("too many approvals of this agent are pending")
)
