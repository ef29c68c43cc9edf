package main

import (
	"context"
	"time"

	"toolward/gateway"
)

const (
	reachWait       = 2 * time.Second // for all that is asked at a start
	reachPrincipals = 100             // roles and agents that are asked about
)

// unreachable reports whether policy lets nobody call any of these tools: none of the
// roles and agents that it names, and nobody by claims. Where that takes too long to
// find out it says no.
func (r *rooms) unreachable(ctx context.Context, tools []*gateway.Tool) bool {
	roles, ids := r.engine.Principals()
	if len(tools) == 0 || len(roles)+len(ids) > reachPrincipals {
		return false
	}
	for _, t := range tools {
		if len(r.engine.Otherwise(t)) > 0 {
			return false
		}
	}
	agents := []*gateway.Agent{{ID: "somebody", Issuer: "local"}}
	for _, role := range roles {
		agents = append(agents, &gateway.Agent{ID: "somebody", Issuer: "local", Roles: []string{role}})
	}
	for _, id := range ids {
		agents = append(agents, &gateway.Agent{ID: id, Issuer: "local"})
	}
	for _, a := range agents {
		if seen, err := r.engine.Visible(ctx, a, tools); err != nil || len(seen) > 0 {
			return false
		}
	}
	return true
}
