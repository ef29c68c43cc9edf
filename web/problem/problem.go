// Package problem writes refusals as RFC 9457 problem details, the error form
// of everything that toolward serves over HTTP beside MCP.
package problem

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toolward/gateway"
)

// Details is the body of an error answer (RFC 9457 §3). Code, Call, Effect and
// Reasons are extension members: what a program acts on.
type Details struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitempty"`
	Code     string   `json:"code"`
	Call     string   `json:"call,omitempty"`
	Effect   string   `json:"effect,omitempty"`
	Reasons  []string `json:"reasons,omitempty"`
	Remedy   string   `json:"remedy,omitempty"`
	Approval string   `json:"approval,omitempty"`
}

// statuses is the one table from refusal codes to HTTP statuses.
var statuses = map[gateway.Code]int{
	gateway.Malformed:         http.StatusBadRequest,
	gateway.TooLarge:          http.StatusRequestEntityTooLarge,
	gateway.Unsupported:       http.StatusNotFound,
	gateway.UnsupportedMedia:  http.StatusUnsupportedMediaType,
	gateway.Unauthenticated:   http.StatusUnauthorized,
	gateway.InsufficientScope: http.StatusForbidden,
	gateway.Forbidden:         http.StatusForbidden,
	gateway.Blocked:           http.StatusForbidden,
	gateway.RateLimited:       http.StatusTooManyRequests,
	gateway.UnknownTool:       http.StatusNotFound,
	gateway.Quarantined:       http.StatusForbidden,
	gateway.InvalidArguments:  http.StatusUnprocessableEntity,
	gateway.Misplaced:         http.StatusForbidden,
	gateway.GuardBlocked:      http.StatusForbidden,
	gateway.PolicyDenied:      http.StatusForbidden,
	gateway.ApprovalPending:   http.StatusForbidden,
	gateway.ApprovalDenied:    http.StatusForbidden,
	gateway.UpstreamDown:      http.StatusBadGateway,
	gateway.UpstreamTimeout:   http.StatusGatewayTimeout,
	gateway.UpstreamInvalid:   http.StatusBadGateway,
	gateway.Withheld:          http.StatusForbidden,
	gateway.Cancelled:         499, // nobody reads it; the value nginx made known
	gateway.Overloaded:        http.StatusServiceUnavailable,
	gateway.Unrecorded:        http.StatusServiceUnavailable,
	gateway.Internal:          http.StatusInternalServerError,
}

// Status is the HTTP status of a refusal's code; 500 for a code that is not in
// [gateway.Codes].
func Status(c gateway.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Write answers with a refusal. call is the ID it is recorded under, "" if it
// is not. A 401 or a 403 for scope needs its WWW-Authenticate header set before.
func Write(w http.ResponseWriter, refusal *gateway.Refusal, call string) {
	status := Status(refusal.Code)
	d := Details{
		Type:     "about:blank",
		Title:    title(status),
		Status:   status,
		Detail:   strings.Join(refusal.Reasons, "; "),
		Code:     string(refusal.Code),
		Call:     call,
		Effect:   string(Effect(refusal.Code)),
		Reasons:  refusal.Reasons,
		Remedy:   refusal.Remedy,
		Approval: refusal.Approval,
	}
	RetryAfter(w.Header(), refusal.RetryAfter)
	Send(w, status, d)
}

// Send answers with [Details], or with a struct that embeds them and adds
// members.
func Send(w http.ResponseWriter, status int, details any) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(details) // the client may be gone; nothing is lost
}

// Effect is the effect that a refusal stands for, as clients see it.
func Effect(c gateway.Code) gateway.Effect {
	if c == gateway.ApprovalPending {
		return gateway.EffectApprove
	}
	return gateway.EffectDeny
}

// RetryAfter sets the header in whole seconds, rounded up (RFC 9110 §10.2.3).
// Zero sets nothing.
func RetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}

func title(status int) string {
	if status == 499 {
		return "Client Closed Request"
	}
	return http.StatusText(status)
}
