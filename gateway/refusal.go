package gateway

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Code says why a call was refused. The list is closed: each surface
// translates every code in one table.
type Code string

// The codes, in the order of the road.
const (
	Malformed         Code = "malformed"          // the request is not unambiguous JSON of the expected shape
	TooLarge          Code = "too_large"          // body, header or nesting over the limit
	Unsupported       Code = "unsupported"        // a method, revision or media type that is not offered
	UnsupportedMedia  Code = "unsupported_media"  // a content type or encoding that is not taken
	Unauthenticated   Code = "unauthenticated"    // no token, or one that does not verify
	InsufficientScope Code = "insufficient_scope" // RFC 6750 §3.1
	Forbidden         Code = "forbidden"          // host, origin, or an endpoint that is not for this principal
	Blocked           Code = "blocked"            // a person stopped the agent, token, session, tool, upstream, or everything
	RateLimited       Code = "rate_limited"       // over a rate or concurrency limit; see RetryAfter
	UnknownTool       Code = "unknown_tool"       // no such name, or none this agent may know of
	Quarantined       Code = "quarantined"        // the definition changed or is suspicious; a person must accept it
	InvalidArguments  Code = "invalid_arguments"  // the tool's schema does not hold
	Misplaced         Code = "placeholder"        // what was taken out of a result, and is not put back here
	GuardBlocked      Code = "guard"              // guard's configuration says block
	PolicyDenied      Code = "policy"             // policy denied, or no rule allowed
	ApprovalPending   Code = "approval_pending"   // a person has not decided yet; send the call again afterwards
	ApprovalDenied    Code = "approval_denied"    // a person said no
	UpstreamDown      Code = "upstream_down"      // cannot be reached, breaker open, died in the call
	UpstreamTimeout   Code = "upstream_timeout"   // no answer in time
	UpstreamInvalid   Code = "upstream_invalid"   // the answer is not valid, or over the limit
	Withheld          Code = "withheld"           // executed; guard or policy keeps the result back
	Cancelled         Code = "cancelled"          // the agent went away or cancelled
	Overloaded        Code = "overloaded"         // the gateway is full or draining; see RetryAfter
	Unrecorded        Code = "unrecorded"         // the audit store cannot write
	Internal          Code = "internal"           // a fault of the gateway; detail is in its log
)

// Codes lists every code, for tables that must be total.
var Codes = []Code{
	Malformed, TooLarge, Unsupported, UnsupportedMedia, Unauthenticated, InsufficientScope, Forbidden, Blocked, RateLimited,
	UnknownTool, Quarantined, InvalidArguments, Misplaced, GuardBlocked, PolicyDenied, ApprovalPending,
	ApprovalDenied, UpstreamDown, UpstreamTimeout, UpstreamInvalid, Withheld, Cancelled,
	Overloaded, Unrecorded, Internal,
}

// Refusal is a decision not to go on. It is an error, so that rooms can return
// it as one; everything else that a room returns is a fault.
type Refusal struct {
	Code       Code
	Step       string        // "auth", "block", "limit", "catalog", "placeholder", "guard", "policy", "approval", "audit", "state", "upstream", "surface"
	Reasons    []string      // for the agent: what refused and what would help; never empty
	Remedy     string        // for the person who runs the gateway; "" if the reasons say it all
	RetryAfter time.Duration // for RateLimited, Overloaded and ApprovalPending; 0 if unknown
	Scope      string        // for InsufficientScope: all scopes the operation needs, space separated
	Approval   string        // for ApprovalPending: ID of the approval
	Rule       LimitRule     // for RateLimited and Overloaded: which limit; "" if none of these

	cause error
	in    func(shown func(string) string) string // the reason in other names of properties; see [RefuseArgs]
}

// LimitRule names a kind of limit.
type LimitRule string

// The limits.
const (
	LimitAgent       LimitRule = "agent"       // an agent's rate
	LimitAgentTool   LimitRule = "agent_tool"  // an agent's rate on a tool
	LimitTool        LimitRule = "tool"        // a tool's rate, of all agents
	LimitLists       LimitRule = "lists"       // the rate of an agent's lists
	LimitConcurrency LimitRule = "concurrency" // an agent's calls in progress
	LimitTotal       LimitRule = "total"       // all calls in progress
	LimitBodies      LimitRule = "bodies"      // large requests that are being sent
)

// LimitRules lists every rule.
var LimitRules = []LimitRule{LimitAgent, LimitAgentTool, LimitTool, LimitLists, LimitConcurrency, LimitTotal, LimitBodies}

// Refuse makes a refusal with one reason.
func Refuse(step string, code Code, reason string) *Refusal {
	return &Refusal{Step: step, Code: code, Reasons: []string{reason}}
}

// Because attaches the fault behind a refusal: it goes to record and log,
// never to the agent.
func (r *Refusal) Because(err error) *Refusal { r.cause = err; return r }

// Error is the refusal for logs. Unlike what an agent sees, it includes the cause.
func (r *Refusal) Error() string {
	s := string(r.Code) + ": " + strings.Join(r.Reasons, "; ")
	if r.cause != nil {
		s += ": " + r.cause.Error()
	}
	return s
}

// Unwrap returns the fault behind the refusal, or nil.
func (r *Refusal) Unwrap() error { return r.cause }

// AsRefusal returns the refusal in err, or wraps a fault as one with code
// [Internal]. That a call was cancelled is no fault of the step that noticed.
func AsRefusal(step string, err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	if errors.Is(err, context.Canceled) {
		return Refuse(step, Cancelled, "the agent cancelled the call or went away").Because(err)
	}
	return Refuse(step, Internal, "the gateway could not decide; the call was not made").Because(err)
}
