package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"toolward/gateway"
	"toolward/mcp"
)

// wire is how a refusal is written.
type wire struct {
	status int    // HTTP status of a JSON answer
	code   int    // JSON-RPC error code
	http   bool   // an error of HTTP in sessions too; see statusOf
	tool   bool   // a refused tools/call is a result with isError, so that the model reads it; if http, in sessions only
	advice string // for the model: what to do now
}

// codeRefused is the JSON-RPC code of refusals that no specification names. It
// is in the range that implementations may use.
const codeRefused = -32000

// codeNoSession is what the official servers answer, with status 404, id null and the
// words "Session not found", for a session that they do not know. No revision
// of MCP names it, but there are clients that begin anew only when they see it.
const codeNoSession = -32001

// wires is the one table from refusal codes to MCP.
var wires = map[gateway.Code]wire{
	gateway.Malformed:         {status: http.StatusBadRequest, code: mcp.CodeInvalidRequest},
	gateway.TooLarge:          {status: http.StatusRequestEntityTooLarge, code: mcp.CodeInvalidRequest},
	gateway.Unsupported:       {status: http.StatusNotFound, code: mcp.CodeMethodNotFound},
	gateway.UnsupportedMedia:  {status: http.StatusUnsupportedMediaType, code: mcp.CodeInvalidRequest, http: true},
	gateway.Unauthenticated:   {status: http.StatusUnauthorized, code: codeRefused, http: true},
	gateway.InsufficientScope: {status: http.StatusForbidden, code: codeRefused, http: true},
	gateway.Forbidden:         {status: http.StatusForbidden, code: codeRefused, http: true},
	gateway.Blocked:           {status: http.StatusForbidden, code: codeRefused, tool: true, advice: "A person stopped this. Do without it, and tell the user."},
	gateway.RateLimited:       {status: http.StatusTooManyRequests, code: codeRefused, http: true, tool: true, advice: "The call was not made. Wait as long as it says above and send it again, with fewer calls at once."},
	gateway.UnknownTool:       {status: http.StatusOK, code: mcp.CodeInvalidParams},
	gateway.Quarantined:       {status: http.StatusOK, code: codeRefused, tool: true, advice: "A person who runs the gateway has to accept the tool's definition first. Do without it, or tell the user."},
	gateway.InvalidArguments:  {status: http.StatusOK, code: mcp.CodeInvalidParams, tool: true, advice: "Correct the arguments and call again."},
	gateway.Misplaced:         {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was not made. What stands between brackets was taken out on the way to you, and is put back where it came from; edit in place, so that it stays where it is."},
	gateway.GuardBlocked:      {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was not made. Leave out what is named above before you call again."},
	gateway.PolicyDenied:      {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was not made, and the same call will be refused again. Use other arguments or another tool, or tell the user what is not allowed."},
	gateway.ApprovalPending:   {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was not made yet: a person has to approve it. Tell the user, and send exactly the same call again once it is approved."},
	gateway.ApprovalDenied:    {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was not made: a person declined it. Do not send it again; ask the user how to go on."},
	gateway.UpstreamDown:      {status: http.StatusOK, code: codeRefused, tool: true, advice: "The tool cannot be reached now. If the call changes something, check whether it took effect before you repeat it."},
	gateway.UpstreamTimeout:   {status: http.StatusOK, code: codeRefused, tool: true, advice: "The tool did not answer in time and may still be at work. Check whether the call took effect before you repeat it."},
	gateway.UpstreamInvalid:   {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was made, but its answer cannot be used. Do not repeat it if it changes something."},
	gateway.Withheld:          {status: http.StatusOK, code: codeRefused, tool: true, advice: "The call was made, but its result is kept back. Do not repeat it; go on without the result, or tell the user."},
	gateway.Cancelled:         {status: http.StatusOK, code: mcp.CodeInterrupted},
	gateway.Overloaded:        {status: http.StatusServiceUnavailable, code: codeRefused, http: true, tool: true, advice: "The call was not made: the gateway has too much to do. Send it again in a while."},
	gateway.Unrecorded:        {status: http.StatusServiceUnavailable, code: codeRefused, http: true},
	gateway.Internal:          {status: http.StatusInternalServerError, code: mcp.CodeInternal},
}

// decision is the member "toolward/decision": in _meta of a refused tool call,
// in data of a JSON-RPC error.
type decision struct {
	Call       string   `json:"call"`
	Effect     string   `json:"effect"`
	Code       string   `json:"code"`
	Reasons    []string `json:"reasons"`
	Approval   string   `json:"approval,omitempty"`
	RetryAfter int      `json:"retryAfter,omitempty"` // seconds
}

// refusedMeta is {"toolward/decision": …}.
func refusedMeta(r *gateway.Refusal, call string) json.RawMessage {
	d := decision{Call: call, Effect: "deny", Code: string(r.Code), Reasons: r.Reasons, Approval: r.Approval, RetryAfter: seconds(r)}
	if r.Code == gateway.ApprovalPending {
		d.Effect = "approve"
	}
	raw, _ := json.Marshal(map[string]decision{mcp.MetaOwnPrefix + "decision": d}) // strings only: cannot fail
	return raw
}

// refusedTool is the result of a tools/call that was refused.
func refusedTool(r *gateway.Refusal, call string) json.RawMessage {
	var text strings.Builder
	text.WriteString("Refused by the gateway: ")
	text.WriteString(strings.Join(r.Reasons, "; "))
	text.WriteString(".\n")
	text.WriteString(wires[r.Code].advice)
	if r.Approval != "" {
		text.WriteString("\nApproval: " + r.Approval)
	}
	text.WriteString("\nCall: " + call)
	out := append(make([]byte, 0, 256+text.Len()), `{"content":[{"type":"text","text":`...)
	out = mcp.AppendString(out, text.String())
	out = append(out, `}],"isError":true,"_meta":`...)
	out = append(out, refusedMeta(r, call)...)
	return append(out, '}')
}

// refusedError is the JSON-RPC error object of a refusal.
func refusedError(r *gateway.Refusal, call string) json.RawMessage {
	return mcp.ErrorObject(wireOf(r).code, strings.Join(r.Reasons, "; "), refusedMeta(r, call))
}

// wireOf is the table's entry; a code outside it is a fault.
func wireOf(r *gateway.Refusal) wire {
	w, ok := wires[r.Code]
	if !ok {
		return wires[gateway.Internal]
	}
	return w
}

// seconds is the refusal's Retry-After, rounded up; 0 if it has none.
func seconds(r *gateway.Refusal) int {
	return int((r.RetryAfter + 999_999_999) / 1_000_000_000)
}
