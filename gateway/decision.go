package gateway

// Effect is what policy decides.
type Effect string

// The effects. Deny overrides approve, approve overrides allow.
const (
	EffectAllow   Effect = "allow"
	EffectApprove Effect = "approve" // a person has to consent first
	EffectDeny    Effect = "deny"    // on a result: withhold it
)

// Decision is the outcome of policy for one stage of a call.
type Decision struct {
	Effect   Effect   `json:"effect,omitempty"`
	Reasons  []string `json:"reasons,omitempty"`  // for the agent and the reviewer; sorted
	Rules    []Rule   `json:"rules,omitempty"`    // which rules fired
	Redact   []string `json:"redact,omitempty"`   // RFC 6901 pointers into args (request) or result; "" is all of it
	Reveal   []string `json:"reveal,omitempty"`   // RFC 6901 pointers into args: what the agent carries there is put back, whatever the tool
	Labels   []string `json:"labels,omitempty"`   // to add to the session; sorted
	Revision string   `json:"revision,omitempty"` // of the policy that decided, a short digest
	Shadow   Effect   `json:"shadow,omitempty"`   // what the shadow policy would have decided; "" without one
}

// Rule names a policy rule that took part in a decision.
type Rule struct {
	Package string `json:"package"` // "tools.files.read_file"
	Name    string `json:"name"`    // "allow", "deny"
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}
