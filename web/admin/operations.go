package admin

import (
	"net/http"

	"toolward/gateway"
)

// operation is one entry of the table.
type operation struct {
	id      string // in the record and in the description: "approvals.approve"
	method  string
	path    string // below [Prefix], with {names}
	role    Role   // the least that it takes
	summary string
	query   []query
	body    any      // pointer to a zero value of what is sent; nil for nothing
	answer  any      // zero value of what comes back, or of one line
	media   []string // of an answer that is a text and no JSON document; nil for all others
	tails   bool     // with ?watch=true it goes on, a JSON document a line
	local   bool     // for the local operator only, whatever the role

	run func(*request) (any, error) // nil: there is no such operation
}

// query is a parameter of an operation's query.
type query struct {
	name, about string
	values      []string // nil for any text
}

var watch = query{"watch", "go on with what changes, as JSON lines, until the client leaves or its token expires", []string{"true", "false"}}

// operations is the table. What a gateway has no room for is not in it.
func (h *Handler) operations() []operation {
	ops := []operation{
		{id: "me", method: http.MethodGet, path: "me", role: Viewer, summary: "Who asks, and what they may do", answer: Me{}, run: h.me},
		{id: "describe", method: http.MethodGet, path: "openapi.json", role: Viewer, summary: "This document", answer: map[string]any{}, run: h.describe},
	}
	if h.opt.Health != nil {
		ops = append(ops, operation{
			id: "health", method: http.MethodGet, path: "health", role: Viewer,
			summary: "The parts of the gateway, what is wrong with them, and what is in force", answer: Health{}, run: h.health})
	}
	if h.opt.Approvals != nil {
		ops = append(ops, h.approvalOperations()...)
	}
	if h.opt.Tools != nil {
		ops = append(ops, h.toolOperations()...)
	}
	if h.opt.Blocks != nil {
		ops = append(ops, h.blockOperations()...)
	}
	if h.opt.Note != nil {
		ops = append(ops, h.noteOperations()...)
	}
	if h.opt.Sessions != nil {
		ops = append(ops, h.sessionOperations()...)
	}
	if h.opt.Meters != nil {
		ops = append(ops, h.meterOperations()...)
	}
	if h.opt.Reload != nil {
		ops = append(ops, h.configOperations()...)
	}
	if h.opt.Tokens != nil {
		ops = append(ops, h.tokenOperations()...)
	}
	if h.opt.Verify != nil {
		ops = append(ops, h.verifyOperations()...)
	}
	return append(ops, h.questionOperations()...)
}

func (h *Handler) approvalOperations() []operation {
	decide := func(verb, summary string, state gateway.ApprovalState) operation {
		return operation{
			id: "approvals." + verb, method: http.MethodPost, path: "approvals/{id}/" + verb, role: Approver, summary: summary,
			body: &Decision{}, answer: gateway.Approval{},
			run: func(r *request) (any, error) { return h.decide(r, state) },
		}
	}
	return []operation{
		{
			id: "approvals.list", method: http.MethodGet, path: "approvals", role: Viewer, tails: true,
			summary: "Calls that wait, or waited, for a person; newest first",
			query: []query{
				{"state", "only those in this state; pending by default", append([]string{"all"}, states...)},
				{"agent", "only those of this agent", nil}, {"tool", "only those of this tool, by its name on /mcp", nil}, watch,
			},
			answer: ApprovalList{}, run: h.listApprovals,
		},
		{
			id: "approvals.show", method: http.MethodGet, path: "approvals/{id}", role: Viewer,
			summary: "All that a call would send, why a person is asked, and what the session that asks has read", answer: gateway.Approval{}, run: h.showApproval,
		},
		decide("approve", "Let exactly this call run, once", gateway.ApprovalGiven),
		decide("deny", "Refuse this call", gateway.ApprovalRefused),
		decide("revoke", "Take back a consent that is not used up", gateway.ApprovalRevoked),
	}
}

func (h *Handler) toolOperations() []operation {
	server := query{"server", "only those of this upstream", nil}
	return []operation{
		{id: "tools.list", method: http.MethodGet, path: "tools", role: Viewer,
			query:   []query{server, {"definitions", "with the definitions as the upstreams wrote them", []string{"true", "false"}}},
			summary: "Every tool, prompt and resource, quarantined ones included", answer: ToolList{}, run: h.listTools},
		{id: "tools.show", method: http.MethodGet, path: "tools/{name}", role: Viewer,
			summary: "The definition of a tool or prompt as its upstream wrote it", answer: Definition{}, run: h.showTool},
		{id: "changes.list", method: http.MethodGet, path: "changes", role: Viewer,
			query: []query{server, {"all", "also what was pinned on first use and is in use", []string{"true", "false"}},
				{"fresh", "ask the upstreams first, instead of showing what they listed last", []string{"true", "false"}}},
			summary: "Definitions that nobody accepted: what changed, also where it only narrows what was accepted and is in use, and what guard objects to", answer: ChangeList{}, run: h.listChanges},
		{id: "changes.accept", method: http.MethodPost, path: "changes/accept", role: Admin, body: &Accept{},
			summary: "Accept a definition as it was shown, and no other", answer: Accepted{}, run: h.accept},
	}
}

// Me is who asks.
type Me struct {
	gateway.Operator
	Name  string `json:"name"` // as decisions show it
	Role  string `json:"role"` // viewer, approver or admin
	Local bool   `json:"local"`
}

func (h *Handler) me(r *request) (any, error) {
	return Me{Operator: r.who.Operator, Name: r.who.String(), Role: r.who.role.String(), Local: r.who.token == ""}, nil
}

func (h *Handler) describe(*request) (any, error) { return h.openAPI, nil }

// Health is the state of the gateway as operators may see it.
type Health struct {
	Version   string            `json:"version"`
	Ready     bool              `json:"ready"`
	Parts     map[string]string `json:"parts"`    // "ok", or what is wrong
	Revision  string            `json:"revision"` // of the policy in force
	Upstreams []UpstreamHealth  `json:"upstreams"`
}

// UpstreamHealth is how an upstream is.
type UpstreamHealth struct {
	Name     string `json:"name"`
	Up       bool   `json:"up"`
	Reason   string `json:"reason,omitempty"`   // why it is not up
	Revision string `json:"revision,omitempty"` // of MCP, that is spoken with it
}

func (h *Handler) health(*request) (any, error) { return h.opt.Health(), nil }
