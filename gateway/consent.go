package gateway

import (
	"encoding/json"
	"errors"
	"time"
)

// Approval is a request for a person's consent to one call: approval asks for
// it and uses it up, audit stores it, and commands and console decide it.
type Approval struct {
	ID          string          // short, for people to type
	Binding     string          // SHA-256, hex, of what was consented to: agent, tool, definition, canonical arguments
	Call        string          // ID of the call that asked
	Agent       string          // the agent's ID
	Issuer      string          // and who vouches for it
	Tool        string          // wire name
	Fingerprint string          // of the tool's definition
	Args        json.RawMessage // for the person who decides; secrets are taken out when it is stored
	Reasons     []string        // why policy asks
	Revision    string          // of the policy that asked
	Created     time.Time       //
	Expires     time.Time       // neither decided nor used at or after this
	State       ApprovalState   //
	By          string          // who decided; "" while pending
	Note        string          // what they said about it
	Decided     time.Time       // zero while pending
	UsedBy      string          // ID of the call that ran on it
}

// ApprovalState is how far an approval has come.
type ApprovalState string

// The states. Approvals go from pending to approved or denied, and from
// approved to used; each of these once. Expired is what a pending or approved
// one becomes by time alone.
const (
	ApprovalOpen    ApprovalState = "pending"
	ApprovalGiven   ApprovalState = "approved"
	ApprovalRefused ApprovalState = "denied"
	ApprovalUsed    ApprovalState = "used"
	ApprovalExpired ApprovalState = "expired"
)

// Errors about approvals, which rooms and commands tell apart.
var (
	ErrNoApproval    = errors.New("there is no such approval")
	ErrDecided       = errors.New("the approval is not pending any more")
	ErrManyApprovals = errors.New("too many approvals of this agent are pending")
)
