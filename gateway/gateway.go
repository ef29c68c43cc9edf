// Package gateway is the vocabulary of toolward and the road of a call.
//
// A surface (MCP, REST) turns a request into one [Call] and hands it to a
// [Road]. The road asks each room in a fixed order (auth, catalog, state,
// guard, policy, audit, upstream, and the same rooms again for the result)
// and answers once: with a [Result], or with a [Refusal].
//
// The guarantees that the rest of the program relies on:
//
//   - What was judged is what is sent. [Args] come from one strict parse,
//     never change, and reach the upstream byte for byte, or as the redaction
//     that guard and policy asked for ([Call.Sent]).
//   - Fail closed. An error in any room is a refusal with code [Internal];
//     its detail goes to the record and the log, never to the agent.
//   - Recorded before it happens. The attempt is durable before the upstream
//     is touched, and the outcome before the agent is answered.
//
// This package imports none of the rooms. It declares the small interfaces
// that it calls; rooms satisfy them, and cmd/toolward joins them.
package gateway

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Kind says what a call asks for. Every kind walks the same road.
type Kind string

// The kinds of calls. The first group goes from agent to upstream, the second
// is asked by an upstream of the agent whose call caused it, and Lifecycle is
// what the gateway answers itself (initialize, ping, subscriptions).
const (
	KindTool       Kind = "tool"       // tools/call
	KindPrompt     Kind = "prompt"     // prompts/get
	KindResource   Kind = "resource"   // resources/read, subscribe, unsubscribe
	KindCompletion Kind = "completion" // completion/complete
	KindTask       Kind = "task"       // tasks/*
	KindList       Kind = "list"       // */list

	KindSampling     Kind = "sampling"     // sampling/createMessage
	KindElicitation  Kind = "elicitation"  // elicitation/create
	KindRoots        Kind = "roots"        // roots/list
	KindNotification Kind = "notification" // text an upstream sends unasked: log messages, progress

	KindLifecycle Kind = "lifecycle"
)

// Reverse reports whether a call of this kind travels from an upstream to an
// agent.
func (k Kind) Reverse() bool {
	switch k {
	case KindSampling, KindElicitation, KindRoots, KindNotification:
		return true
	}
	return false
}

// Surface names the door that a call came through.
type Surface string

// The surfaces. They differ in framing only.
const (
	SurfaceMCP   Surface = "mcp"   // MCP over Streamable HTTP
	SurfaceSSE   Surface = "sse"   // MCP 2024-11-05 over HTTP with SSE
	SurfaceStdio Surface = "stdio" // MCP on standard input and output
	SurfaceREST  Surface = "rest"  // function calling over HTTP
	SurfaceCLI   Surface = "cli"   // toolward tools call
)

// Credentials are what a request presents. They are never recorded or logged.
type Credentials struct {
	Token    string  // the bearer token, without its scheme; empty if none was sent
	Resource string  // canonical URI of the endpoint asked for (RFC 8707), "" where there is none
	Peer     string  // the peer's address, host only
	Surface  Surface // where the request came in
}

// Agent is an authenticated caller. It is shared between calls and immutable.
type Agent struct {
	ID      string         // from the claim that the issuer's configuration names; never empty
	Issuer  string         // exact iss of the token
	Roles   []string       // may be empty
	Scopes  []string       // may be empty
	Claims  map[string]any // the token's claims, numbers as json.Number
	Session string         // sid of the token, "" if it has none
	Grant   string         // [Grant.ID] that the token is of, which the record has to hold; "" for all others
	Named   string         // [NamedToken.Digest] of a token that the record has to hold; "" for all others
	Expires time.Time      // when the token stops being valid
}

// Principal identifies the agent across tokens: issuer and ID, which nobody
// but that issuer can mint. Limits, labels and sessions are kept by it.
func (a *Agent) Principal() string { return a.Issuer + "\x1f" + a.ID }

// PrincipalID is the public name of [Agent.Principal]: a digest, no secret.
func (a *Agent) PrincipalID() string { return publicID(a.Principal()) }

// LabelKey is what labels accumulate by: the token's session if it names one,
// else the principal, so that reconnecting does not shed them.
func (a *Agent) LabelKey() string { return a.Principal() + "\x1f" + a.Session }

// SessionID is the public name of what labels accumulate by: a digest of
// [Agent.LabelKey], no secret.
func (a *Agent) SessionID() string { return publicID(a.LabelKey()) }

// publicID is 80 bits, which stand in each event of the record and in an index over
// them: whoever wants another's has to try 2 to the power of 80 keys.
//
//	"https://id.example\x1fann\x1f"  ->  "siu2bpk3xlzkrb2b"
func publicID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return publicEncoding.EncodeToString(sum[:10])
}

var publicEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567")

// Tool is something a call can name: a tool, and likewise a prompt, a resource
// or a resource template. The catalog owns it; it is immutable, and a changed
// definition is a new Tool.
type Tool struct {
	Kind        Kind            // KindTool, KindPrompt, KindResource
	Server      string          // name of the upstream in toolward.yaml
	Name        string          // the upstream's own name (a URI for resources)
	Wire        string          // the name on /mcp: server__name, unambiguous and at most 64 of [a-zA-Z0-9_-] for tools and prompts
	Labels      []string        // private, untrusted, external and the operator's own
	Scopes      []string        // that a token needs for a call of it
	Definition  json.RawMessage // the listing entry exactly as the upstream wrote it
	Modern      json.RawMessage // Definition, made to fit what clients of 2026-07-28 check; nil where it fits as it is
	Legacy      json.RawMessage // the same for clients of earlier revisions
	Annotations json.RawMessage // the annotations member of what is offered, nil if absent
	Fingerprint string          // SHA-256, hex, of the canonical definition (RFC 8785)
	Pinned      bool            // a person accepted this fingerprint
	Narrower    bool            // another was accepted, than which this one is no more: it is in use, and not Pinned
	Quarantined string          // why it may not be called; "" if it may
	Template    bool            // a resource template: Name is a URI template (RFC 6570)

	// Forms are what this definition looks like to models of providers. Nil
	// keeps none.
	Forms *Forms
	// Form is what Modern and Legacy are in, if they are not in the upstream's own.
	Form Form
	// Check validates arguments against the tool's input schema, and returns them
	// as the tool takes them: integers that came as text, because their writer
	// cannot hold them, are numbers. An error is one that an agent can act on. Nil
	// if there is no schema.
	Check func(Args) (Args, error)
	// Upstream performs calls of this tool.
	Upstream Upstream
}

// Offer is the definition as agents get it: those of revisions before 2026-07-28
// if legacy is set, else all others, REST included.
func (t *Tool) Offer(legacy bool) json.RawMessage {
	switch {
	case legacy && t.Legacy != nil:
		return t.Legacy
	case !legacy && t.Modern != nil:
		return t.Modern
	}
	return t.Definition
}

// Call is one request on the road. Each field names the one step that writes
// it; nobody else does.
type Call struct {
	// Written by the surface.
	ID       string    // UUIDv7, made by [NewCall]
	Time     time.Time // when the request was read
	Surface  Surface   //
	Protocol string    // MCP revision spoken by the agent, "" on REST
	Peer     string    // the peer's address, host only
	Agent    *Agent    // who [Road.Admit] let in; nil only in records of refusals before that
	Kind     Kind      //
	Method   string    // the MCP method, "tools/call"
	Server   string    // the endpoint's server on /mcp/{server}, "" on /mcp
	Name     string    // as the agent wrote it: the wire name on /mcp, the upstream's own name on /mcp/{server}
	Args     Args      // what guard and policy judge: a tool's (as its Check returns them) or prompt's arguments, else the params that the method has
	Extra    []Member  // what is sent beside the arguments, judged as well: see [MemberMeta] and the others; the road takes out what a consent cannot be bound to
	Dropped  []string  // names of members of params that the method does not have: they are not sent
	Round    *Round    // what this request answers (MCP 2026-07-28 basic/patterns/mrtr); nil if it begins
	Origin   Origin    // the agent's side: where what the upstream sends during the call goes; nil if nothing can be sent
	Trace    string    // written by an observer: the W3C trace that the call is part of, 32 hexadecimal digits; "" if nobody traces
	Parent   *Call     // for reverse kinds: the agent's call that caused this one; nil if none did

	Tool    *Tool   // written by catalog
	Task    *Task   // written by catalog: the task that a call of KindTask is about; nil if it is about all
	Tally   Tally   // written by policy: what the call adds to meters and history
	Session Session // written by state: the principal's, before this call

	Restored []Restored // written by the road: values that stand in Args as placeholders, and in Sent as themselves

	Findings []Finding // written by guard, request first, then result
	Score    float64   // written by guard: highest injection probability in what was scanned last, 0 to 1
	Scanned  Stage     // written by the road: how far guard has read, the request first; "" if not at all. The record shows no more than that

	Decision       Decision // written by policy, on the request
	ResultDecision Decision // written by policy, on the result
	ResultTally    Tally    // written by policy: what the result adds to meters and history
	Sent           Args     // written by the road: what the upstream gets; Args unless something was redacted or put back

	Result  *Result // written by upstream; rewritten only by a redaction
	Asks    *Round  // written by the road: what an input_required result asks; the surface seals it
	Refusal *Refusal
	Stages  Stages // written by the road: where the time went

	unfit bool        // written by the road: the arguments do not fit the tool's schema as long as placeholders stand in them
	notes *notes      // written by the road: what the upstream said during the call; nil if the agent cannot be told
	held  Reservation // written by the road: what state holds for the call while it is under way
	guard Guard       // written by the road: who judges it; nil before that is asked
	holds Holder      // written by the road: its upstream, while that must not go
}

// Size is how many bytes an agent sent to be judged: arguments, and what stands
// beside them.
func (c *Call) Size() int {
	n := len(c.Args.Raw())
	for i := range c.Extra {
		n += len(c.Extra[i].Value)
	}
	return n
}

// Member is one member of a JSON object, its value as written.
type Member struct {
	Name  string
	Value json.RawMessage
}

// NewCall starts a call on a surface: it has an ID and a time, and nothing else.
func NewCall(s Surface, k Kind, method string) *Call {
	return &Call{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Surface: s, Kind: k, Method: method}
}

// ToolName is the name a person knows the call's target by: the wire name once
// the catalog found it, else what the agent asked for.
func (c *Call) ToolName() string {
	switch {
	case c.Tool != nil:
		return c.Tool.Wire
	case c.Server != "":
		return c.Server + "__" + c.Name
	}
	return c.Name
}

// Outcome is what became of a call that was made: ok or error, as its result says;
// withheld, timeout, cancelled or failed if it has none for the agent.
func (c *Call) Outcome() string {
	switch {
	case c.Refusal == nil && c.Result != nil && c.Result.IsError:
		return "error"
	case c.Refusal == nil:
		return "ok"
	}
	switch c.Refusal.Code {
	case Withheld:
		return "withheld"
	case UpstreamTimeout:
		return "timeout"
	case Cancelled:
		return "cancelled"
	}
	return "failed"
}

// Result is what an upstream answered. Exactly one of Raw and Error is set.
type Result struct {
	Raw     json.RawMessage // the JSON-RPC result as written by the upstream
	Error   json.RawMessage // the JSON-RPC error object as written by the upstream
	IsError bool            // a tool result with isError: true, or Error is set
	Labels  []string        // written by the road: labels of the tool and of policy
	Fitted  []string        // places (RFC 6901) that were made to fit what the agent's client checks, the first of them
	Mended  int             // places where U+FFFD stands instead of half a surrogate pair or bytes that are not UTF-8

	// Original is what the upstream wrote, if a redaction rewrote it. It is for
	// the record, whose own redaction needs the text that findings point into.
	Original json.RawMessage

	split *Object // Raw, by [NewResult]
}

// NewResult is a result that was split already; split may be nil.
func NewResult(raw json.RawMessage, split *Object) *Result {
	return &Result{Raw: raw, split: split}
}

// Member is a member of Raw, false if it has none of the name.
func (r *Result) Member(name string) (json.RawMessage, bool) {
	if r.isSplit() {
		return r.split.Get(name)
	}
	return Find(r.Raw, name)
}

// isSplit reports whether Raw was not written anew.
func (r *Result) isSplit() bool {
	s := r.split
	return s != nil && len(s.raw) == len(r.Raw) && &s.raw[0] == &r.Raw[0]
}

// Checked reports whether Raw stands as [CheckObject] or [ParseObject] took it, with
// nothing wrong inside: it need not be looked at again to be taken for JSON of at most
// [MaxDepth] levels.
func (r *Result) Checked() bool { return r.isSplit() && r.split.checked }

// Bytes is the answer's JSON, whichever member it is.
func (r *Result) Bytes() json.RawMessage {
	if r.Error != nil {
		return r.Error
	}
	return r.Raw
}

// Session is what a principal has seen and done, as policy sees it.
type Session struct {
	ID     string   // stable digest of the label key; not a secret
	Calls  int      // calls so far that reached an upstream
	Labels []string // accumulated, sorted
	Recent []Recent // newest last, at most 16
	Since  []Since  // what brought the labels, for people; not all of them may be known

	Meters  []Used   // of the call's Tally, in its order
	History []Memory // that hold, newest last
}

// Since is what brought a label to a session.
type Since struct {
	Label string `json:"label"`
	Call  string `json:"call"`           // its ID
	Tool  string `json:"tool,omitempty"` // wire name
	Why   string `json:"why,omitempty"`  // what guard found, where: "injection.classifier 0.96 at /content/0/text"
}

// What a session has read, by [Tool.Labels] and policy. LabelFrom is put before the name of
// each server that private data came from: "private:crm".
const (
	LabelPrivate   = "private"
	LabelUntrusted = "untrusted"
	LabelExternal  = "external" // of tools: what is sent to them leaves the house
	LabelFrom      = "private:"
)

// Recent is one earlier call of a session.
type Recent struct {
	Tool   string `json:"tool"`
	Effect Effect `json:"effect"`
}

// Stages is the time each step took. Waiting for a person counts as Approve.
type Stages struct {
	Limit, Guard, Policy, Approve, Record, Upstream time.Duration
}
