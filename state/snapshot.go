package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"toolward/gateway"
)

// snapshot is the state after some event of the record.
type snapshot struct {
	Sessions  []snapshotSession    `json:"sessions,omitempty"`
	Shed      []string             `json:"shed,omitempty"` // labels of sessions that had to go
	ShedAt    time.Time            `json:"shed_at,omitzero"`
	Approvals []gateway.Approval   `json:"approvals,omitempty"`
	Pins      []gateway.Pin        `json:"pins,omitempty"`
	Blocks    []gateway.Block      `json:"blocks,omitempty"`
	Tokens    []gateway.NamedToken `json:"tokens,omitempty"`
	Grants    []gateway.Grant      `json:"grants,omitempty"`
	Counters  []snapshotCounter    `json:"counters,omitempty"`
	Histories []snapshotHistory    `json:"histories,omitempty"`
}

type snapshotSession struct {
	ID     string           `json:"id"`
	Agent  string           `json:"agent,omitempty"`
	Issuer string           `json:"issuer,omitempty"`
	Calls  int              `json:"calls,omitempty"`
	Labels []string         `json:"labels,omitempty"`
	Since  []gateway.Since  `json:"since,omitempty"`
	Recent []gateway.Recent `json:"recent,omitempty"`
	Seen   time.Time        `json:"seen"`
}

// Snapshot is the state as the events that were folded so far made it, for the
// record to keep. Reservations are not in it. It must not run beside [Room.Fold].
func (r *Room) Snapshot() (json.RawMessage, error) {
	now := time.Now()
	s := snapshot{}
	for i := range r.sessions.shards {
		r.sessions.shards[i].snapshot(now, &s)
	}
	slices.SortFunc(s.Sessions, func(a, b snapshotSession) int { return a.Seen.Compare(b.Seen) })
	r.tallies.snapshot(now, &s)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.consents.byID {
		s.Approvals = append(s.Approvals, *a)
	}
	slices.SortFunc(s.Approvals, func(a, b gateway.Approval) int { return a.Created.Compare(b.Created) })
	for _, p := range r.pins.byKey {
		s.Pins = append(s.Pins, p)
	}
	s.Blocks = slices.DeleteFunc(slices.Clone(r.blocks.Load().all), func(b gateway.Block) bool { return !b.Holds(now) })
	held := r.held.Load()
	s.Tokens, s.Grants = held.listed(now), held.lasting(now)
	return json.Marshal(s)
}

func (sh *shard) snapshot(now time.Time, s *snapshot) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.expire(now)
	for st := sh.list.prev; st != &sh.list; st = st.prev {
		if st.calls == 0 && len(st.labels) == 0 {
			continue // only reserved in
		}
		s.Sessions = append(s.Sessions, snapshotSession{ID: st.id, Agent: st.agent, Issuer: st.issuer, Calls: st.calls, Labels: st.labels, Since: st.since, Recent: st.last(), Seen: st.seen.Round(0)})
	}
	if shed := sh.residue(now); shed != nil {
		s.Shed = merge(s.Shed, shed)
		if sh.shedAt.After(s.ShedAt) {
			s.ShedAt = sh.shedAt.Round(0)
		}
	}
}

// Restore makes the state that of a snapshot, or empty if there is none. It is
// for a room that nothing was folded into.
func (r *Room) Restore(text json.RawMessage) error {
	if text == nil {
		return nil
	}
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("the snapshot of the state: %w", err)
	}
	for _, in := range s.Sessions {
		sh := r.sessions.shard(in.ID)
		sh.mu.Lock()
		st := sh.touch(in.Seen, in.ID)
		st.agent, st.issuer, st.calls, st.labels, st.since, st.recent = in.Agent, in.Issuer, in.Calls, in.Labels, in.Since, in.Recent
		sh.mu.Unlock()
	}
	for i := range r.sessions.shards {
		sh := &r.sessions.shards[i]
		sh.mu.Lock()
		sh.shed, sh.shedAt = s.Shed, s.ShedAt
		sh.mu.Unlock()
	}
	r.tallies.restore(&s)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range s.Approvals {
		r.consents.byID[a.ID] = &a
		if !runs(&a) && a.State != gateway.ApprovalRefused {
			r.consents.over = append(r.consents.over, a.ID)
		}
	}
	for _, p := range s.Pins {
		r.pins.put(p)
	}
	for _, b := range s.Blocks {
		r.putBlock(b)
	}
	return r.holding(func(h *heldSet) {
		for _, g := range s.Grants {
			h.give(g)
		}
		for _, t := range s.Tokens {
			h.name(t.Created, t)
		}
	})
}
