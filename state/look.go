package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// Sessions lists the sessions that are remembered, latest first.
func (r *Room) Sessions() []gateway.SessionSeen {
	var all []gateway.SessionSeen
	now := time.Now()
	for i := range r.sessions.shards {
		sh := &r.sessions.shards[i]
		sh.mu.Lock()
		sh.expire(now)
		for _, st := range sh.sessions {
			all = append(all, st.seenBy())
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b gateway.SessionSeen) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) })
	return all
}

func (st *session) seenBy() gateway.SessionSeen {
	return gateway.SessionSeen{ID: st.id, Agent: st.agent, Issuer: st.issuer, Calls: st.calls, Labels: st.labels, Since: st.since, Recent: st.last(), Last: st.seen.Round(0).UTC()}
}

// Clear takes labels away from a session, all of them if none are named, in a
// person's name. It returns [gateway.ErrNoSession] if the session is not remembered.
func (r *Room) Clear(ctx context.Context, id string, labels []string, by gateway.Operator, reason string) (gateway.SessionSeen, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	before, err := r.SessionSeen(id)
	if err != nil {
		return before, err
	}
	if len(labels) == 0 {
		labels = before.Labels
	}
	if err := r.opts.Journal.Note(ctx, EventCleared, cleared{Session: id, Labels: labels, By: by, Reason: reason}); err != nil {
		return before, err
	}
	return r.SessionSeen(id)
}

// SessionSeen returns a session that is remembered, or [gateway.ErrNoSession].
func (r *Room) SessionSeen(id string) (gateway.SessionSeen, error) {
	sh := r.sessions.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.expire(time.Now())
	st := sh.sessions[id]
	if st == nil {
		return gateway.SessionSeen{}, fmt.Errorf("%w: %s", gateway.ErrNoSession, id)
	}
	return st.seenBy(), nil
}

func without(have, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(have), func(l string) bool {
		return slices.Contains(gone, l) || strings.HasPrefix(l, gateway.LabelFrom) && slices.Contains(gone, gateway.LabelPrivate)
	})
}
