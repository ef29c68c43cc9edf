package gateway

import (
	"context"
	"encoding/json"
)

// Authenticator turns credentials into an agent.
type Authenticator interface {
	// Known returns the agent of a token that was verified before and is still
	// valid, without any cryptography; nil if there is none.
	Known(Credentials) *Agent
	// Refused returns the refusal that the same credentials were given a moment
	// ago, nil if they were not.
	Refused(Credentials) *Refusal
	// Tried is told how each attempt went that was not [Authenticator.Known].
	Tried(Attempt)
	// Verify verifies a token. It returns a *Refusal (Unauthenticated,
	// InsufficientScope) or a fault.
	Verify(context.Context, Credentials) (*Agent, error)
}

// Attempt is how somebody tried to be let in. Exactly one of Agent and Refusal is set.
type Attempt struct {
	Credentials
	Agent    *Agent
	Refusal  *Refusal
	Repeated bool // the refusal is one that was given a moment ago
	Recorded bool // the refusal has an event of its own
}

// State is what calls leave behind: buckets, counts, labels, blocks. The road
// asks it when a call begins and when it ends. A failure of either refuses the call.
type State interface {
	// Begin is asked before a call is judged. It checks blocks, takes a token from
	// every bucket that applies, for which it may wait a moment, and a place among calls in progress, all or none,
	// counts the call for as long as it may yet reach an upstream, and writes
	// c.Session: what is known of the principal, without this call. Else it returns a *Refusal (Blocked, RateLimited, Overloaded) or a
	// fault; c.Session.ID is written then too. The call goes on under the context that it returns, which
	// ends with a *Refusal (Blocked) as its cause if somebody stops the call.
	// Calls of a reverse kind take from no bucket: their cause did.
	Begin(ctx context.Context, c *Call) (context.Context, Reservation, error)
	// Admit returns a *Refusal (Blocked) if nothing that the agent asks is answered,
	// or nothing of a server reaches it. server is "" for no server in particular.
	Admit(a *Agent, server string) error
	// AdmitPerson is Admit for who runs the gateway: [BlockAll] is not for them.
	AdmitPerson(*Agent) error
	// Offer keeps, in order, what no block stops.
	Offer(*Agent, []*Tool) []*Tool
	// Strangers returns a *Refusal once too many failures came from a peer.
	Strangers(peer string) error
	// Failed counts a failed authentication of a peer.
	Failed(peer string)
}

// Reservation is what a call holds of the state while it is under way.
type Reservation interface {
	// Count reserves what c.Tally adds, instead of what was reserved before, and in
	// the same step writes what meters and history said before it into c.Session. It
	// returns a *Refusal (RateLimited, Overloaded) if there is no place for it.
	Count(ctx context.Context, c *Call) error
	// Again writes c.Session once more, after a person was asked, and returns a
	// *Refusal (Blocked) if the call is stopped by now.
	Again(ctx context.Context, c *Call) error
	// Label adds labels of what is about to reach the agent before the call is
	// over. When it returns nil, they hold whatever becomes of the call. Why is what
	// guard suspects in it, "" if nothing.
	Label(ctx context.Context, labels []string, why string) error
	// Finish ends the reservation, once. What the call leaves behind holds before
	// its agent hears of it; a call that was not attempted leaves nothing.
	Finish(ctx context.Context, c *Call) error
}

// Catalog knows what upstreams offer.
type Catalog interface {
	// Find returns what a call names, or a *Refusal (UnknownTool, UpstreamDown).
	// server is "" on /mcp, where name is a wire name; with a server, name is
	// the upstream's own. It does no I/O.
	Find(kind Kind, server, name string) (*Tool, error)
	// Task returns a task of the agent's, and the tool whose call made it as it
	// stands now: one that is quarantined since is quarantined. A task of somebody
	// else is answered as if there were none.
	Task(a *Agent, server, id string) (*Task, *Tool, error)
	// List returns what is offered, upstreams in the order of the configuration
	// and entries in each upstream's own order. Quarantined ones are left out.
	List(kind Kind, server string) []*Tool
}

// Guard says what is in a call. For calls of a reverse kind, args come from
// the upstream and the result from the agent.
type Guard interface {
	Request(context.Context, *Call) (Report, error)
	Result(context.Context, *Call) (Report, error)
}

// Policy says whether a call may be made and its result be seen.
type Policy interface {
	// Revision names the policy in force. A call is judged by the one that was when it
	// was looked up ([Tally].Revision), as long as that is known.
	Revision() string
	// CountRequest says what the call adds to meters and history, from what was
	// asked alone, and which meters the rules about it look at. State reserves it. An
	// error refuses the call.
	CountRequest(context.Context, *Call) (Tally, error)
	// CountResult says what the result adds, by the policy that judged the request.
	CountResult(context.Context, *Call) (Tally, error)
	// DecideRequest judges what is asked, by the policy that said what it adds.
	DecideRequest(context.Context, *Call) (Decision, error)
	// DecideResult judges what came back, by the policy that judged the request.
	DecideResult(context.Context, *Call) (Decision, error)
	// Visible keeps, in order, what some arguments could be allowed for.
	Visible(context.Context, *Agent, []*Tool) ([]*Tool, error)
}

// Shapes knows what is checked of a message where it is read. What does not fit
// would be an exception there, of which neither model nor person learns.
type Shapes interface {
	// Fit returns a part of a message as it fits MCP of a revision, the very
	// bytes if nothing has to change. The part is the method of a notification or
	// a question for its params, with ":result" for what answers the question, or
	// [PartError]. The error says what is wrong, and where.
	Fit(revision, part string, value json.RawMessage) (json.RawMessage, error)
}

// PartError is the error object of a response.
const PartError = "Error"

// Approvals asks people.
type Approvals interface {
	// Wait returns nil if a person consented to exactly this call, which uses
	// the consent up, or a *Refusal (ApprovalPending, ApprovalDenied).
	Wait(context.Context, *Call) error
}

// Phase says which record of a call is written.
type Phase string

// The phases. A call has either an attempt and then an outcome, or a refusal.
const (
	PhaseAttempt Phase = "attempt"
	PhaseOutcome Phase = "outcome"
	PhaseRefusal Phase = "refusal"
)

// Recorder writes the audit record.
type Recorder interface {
	// Record returns when the record is durable.
	Record(context.Context, Phase, *Call) error
}

// Upstream performs calls. It returns a *Refusal (UpstreamDown,
// UpstreamTimeout, UpstreamInvalid, Cancelled) or a fault. An error answered by
// the upstream itself is a Result.
type Upstream interface {
	Do(context.Context, *Call) (*Result, error)
}

// Origin is the agent's side of an MCP session or request: where what an
// upstream sends unasked goes. Cause is the call it belongs to, nil if none.
// Implementations are safe for concurrent use.
type Origin interface {
	Session() string      // the MCP session's ID; "" for stateless requests
	Protocol() string     // MCP revision the agent speaks
	ClientInfo() []byte   // raw JSON of what the agent said of itself, nil if nothing
	Capabilities() []byte // raw JSON of the capabilities it declared, nil if none
	LogLevel() string     // the least severe log level it asked for, "" if none
	Notify(ctx context.Context, cause *Call, method string, params []byte) error
	// Request asks the agent and waits for its answer. It returns a *Refusal if
	// the agent cannot be asked.
	Request(ctx context.Context, cause *Call, method string, params []byte) (*Result, error)
}

// Observer sees every call start and end, for metrics and traces.
type Observer interface {
	Begin(context.Context, *Call) context.Context
	End(context.Context, *Call)
}
