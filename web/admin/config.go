package admin

import (
	"context"
	"net/http"

	"toolward/gateway"
)

// Reloaded is what became of a configuration that was read again.
type Reloaded struct {
	Fields  []string `json:"fields,omitempty"`  // that are in force now, by their paths in toolward.yaml
	Restart []string `json:"restart,omitempty"` // that differ in the file, and that only a restart changes
	Added   []string `json:"added,omitempty"`   // upstreams
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"`
}

// Any reports whether something came into force.
func (r Reloaded) Any() bool {
	return len(r.Fields)+len(r.Added)+len(r.Removed)+len(r.Changed) > 0
}

// Reload reads the configuration again and takes over what a running gateway can, all
// of it or nothing.
type Reload func(ctx context.Context, by gateway.Operator) (Reloaded, error)

func (h *Handler) configOperations() []operation {
	return []operation{{
		id: "config.reload", method: http.MethodPost, path: "config/reload", role: Admin, answer: Reloaded{},
		summary: "Read toolward.yaml again, and put upstreams, limits and guard in force as it says: all of it, or nothing",
		run: func(r *request) (any, error) {
			done, err := h.opt.Reload(r.Context(), r.who.Operator)
			if err != nil {
				return nil, &Problem{
					Status: http.StatusUnprocessableEntity, Code: "bad_config", Detail: err.Error(),
					Remedy: "what was in force before stays; repair the file (toolward config check) and try again",
				}
			}
			return done, nil
		},
	}}
}
