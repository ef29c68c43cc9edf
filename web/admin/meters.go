package admin

import (
	"context"
	"net/http"

	"toolward/gateway"
)

// Meters is what policy's meters have counted.
type Meters interface {
	// Counters lists those that count now, by name, the largest sum first.
	Counters(of gateway.MeterOf) []gateway.Counter
	// ResetMeter lets counters begin anew and returns how many had counted something.
	// It returns [gateway.ErrNoMeter] if none had.
	ResetMeter(ctx context.Context, of gateway.MeterOf, by gateway.Operator, reason string) (int, error)
}

// MeterList is what a list of meters answers with.
type MeterList struct {
	Meters []gateway.Counter `json:"meters"`
	More   int               `json:"more,omitempty"` // that are not in it
}

// ResetMeter says whose counters of a meter begin anew: one of Agent, Session, Tool
// and Everyone is set.
type ResetMeter struct {
	gateway.MeterOf
	Everyone bool   `json:"everyone,omitempty"`
	Reason   string `json:"reason"`
}

// MeterReset is how many counters began anew.
type MeterReset struct {
	Counters int `json:"counters"`
}

const mostMeters = 1000 // in a list

func (h *Handler) meterOperations() []operation {
	return []operation{
		{id: "meters.list", method: http.MethodGet, path: "meters", role: Viewer, answer: MeterList{}, run: h.listMeters,
			query: []query{{"name", "only this meter", nil}, {"agent", "only what counts for this agent, or for its sessions", nil}, {"issuer", "only agents of this issuer", nil},
				{"session", "only what counts for this session", nil}, {"tool", "only what counts for this tool", nil}, {"key", "only this key, as policy gave it or as its token", nil}},
			summary: "What policy's meters have counted within their windows, the largest sums first"},
		{id: "meters.reset", method: http.MethodPost, path: "meters/{name}/reset", role: Admin, body: &ResetMeter{}, answer: MeterReset{}, run: h.resetMeter,
			summary: "Let a meter count anew for an agent, a session, a tool, or everyone, with a reason"},
	}
}

func (h *Handler) listMeters(r *request) (any, error) {
	q := r.URL.Query()
	all := h.opt.Meters.Counters(gateway.MeterOf{
		Name: q.Get("name"), Agent: q.Get("agent"), Issuer: q.Get("issuer"), Session: q.Get("session"), Tool: q.Get("tool"), Key: q.Get("key"),
	})
	list := append([]gateway.Counter{}, all[:min(len(all), mostMeters)]...)
	return MeterList{list, len(all) - len(list)}, nil
}

func (h *Handler) resetMeter(r *request) (any, error) {
	b := r.body.(*ResetMeter)
	said := 0
	for _, set := range []bool{b.Agent != "", b.Session != "", b.Tool != "", b.Everyone} {
		if set {
			said++
		}
	}
	switch {
	case said != 1:
		return nil, malformed("say whose counters begin anew: one agent, session or tool, or everyone")
	case b.Name != "" && b.Name != r.PathValue("name"):
		return nil, malformed("the path names another meter")
	case b.Issuer != "" && b.Agent == "":
		return nil, malformed("an issuer goes with an agent")
	case b.Reason == "":
		return nil, malformed("a reason is needed, for the record")
	case len(b.Reason) > mostNote:
		return nil, malformed("a reason is at most 2000 bytes")
	}
	b.MeterOf.Name = r.PathValue("name")
	n, err := h.opt.Meters.ResetMeter(r.Context(), b.MeterOf, r.who.Operator, b.Reason)
	return MeterReset{n}, err
}
