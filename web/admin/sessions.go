package admin

import (
	"context"
	"net/http"
	"slices"

	"toolward/gateway"
)

// Sessions is what principals have seen and done.
type Sessions interface {
	// Sessions lists those that are remembered, latest first.
	Sessions() []gateway.SessionSeen
	// SessionSeen returns one, or [gateway.ErrNoSession].
	SessionSeen(id string) (gateway.SessionSeen, error)
	// Clear takes labels away, all of them if none are named. It returns
	// [gateway.ErrNoSession].
	Clear(ctx context.Context, id string, labels []string, by gateway.Operator, reason string) (gateway.SessionSeen, error)
}

// SessionList is what a list of sessions answers with.
type SessionList struct {
	Sessions []gateway.SessionSeen `json:"sessions"`
}

// ClearLabels is what is to be forgotten.
type ClearLabels struct {
	Labels []string `json:"labels,omitempty"` // left out: all of them
	Reason string   `json:"reason"`
}

const mostSessions = 1000 // in a list

func (h *Handler) sessionOperations() []operation {
	return []operation{
		{id: "sessions.list", method: http.MethodGet, path: "sessions", role: Viewer, answer: SessionList{}, run: h.listSessions,
			query:   []query{{"agent", "only those of this agent", nil}, {"label", "only those that hold this label", nil}},
			summary: "What agents have seen and done that is remembered; latest first"},
		{id: "sessions.show", method: http.MethodGet, path: "sessions/{id}", role: Viewer, answer: gateway.SessionSeen{}, summary: "One session",
			run: func(r *request) (any, error) { return h.opt.Sessions.SessionSeen(r.PathValue("id")) }},
		{id: "sessions.clear", method: http.MethodPost, path: "sessions/{id}/clear", role: Admin, body: &ClearLabels{}, answer: gateway.SessionSeen{}, run: h.clear,
			summary: "Take labels away from a session, with a reason"},
	}
}

func (h *Handler) listSessions(r *request) (any, error) {
	agent, label := r.URL.Query().Get("agent"), r.URL.Query().Get("label")
	list := []gateway.SessionSeen{}
	for _, s := range h.opt.Sessions.Sessions() {
		if (agent == "" || s.Agent == agent) && (label == "" || slices.Contains(s.Labels, label)) && len(list) < mostSessions {
			list = append(list, s)
		}
	}
	return SessionList{list}, nil
}

func (h *Handler) clear(r *request) (any, error) {
	b := r.body.(*ClearLabels)
	switch {
	case b.Reason == "":
		return nil, malformed("a reason is needed, for the record")
	case len(b.Reason) > mostNote:
		return nil, malformed("a reason is at most 2000 bytes")
	}
	return h.opt.Sessions.Clear(r.Context(), r.PathValue("id"), b.Labels, r.who.Operator, b.Reason)
}
