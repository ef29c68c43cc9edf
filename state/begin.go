package state

import (
	"context"
	"errors"
	"time"

	"toolward/gateway"
)

// reservation is what a call holds of the state while it is under way.
type reservation struct {
	room    *Room
	call    string // its ID
	agent   *gateway.Agent
	tool    *gateway.Tool // nil if it names none
	server  string        // of its endpoint
	id      string        // of the session
	session *session      // nil if the call leaves nothing behind
	turn    uint64        // in the session: who has a higher one has counted this call
	release func()        // gives the place among calls in progress back; nil if it took none
	tally   held          // guarded by the tallies' lock
	counts  bool          // the tallies were asked
	cancel  context.CancelCauseFunc
}

// Begin implements [gateway.State]. Blocks come first, then buckets and places,
// all or none, then the session's answer. What is refused here has a session too.
func (r *Room) Begin(ctx context.Context, c *gateway.Call) (context.Context, gateway.Reservation, error) {
	if c.Agent == nil {
		return ctx, nil, errors.New("state: a call of nobody")
	}
	c.Session.ID = c.Agent.SessionID()
	v := &reservation{room: r, call: c.ID, agent: c.Agent, tool: c.Tool, server: c.Server, id: c.Session.ID}
	if refusal := v.stops(); refusal != nil {
		return ctx, nil, refusal
	}
	if c.Kind == gateway.KindNotification { // it is over at once, and there are thousands
		sh := r.sessions.shard(v.id)
		sh.mu.Lock()
		c.Session = sh.look(time.Now(), v.id)
		sh.mu.Unlock()
		return ctx, v, nil
	}
	if !c.Kind.Reverse() { // the call that caused it has been counted
		release, err := r.acquire(ctx, c)
		if err != nil {
			return ctx, nil, err
		}
		v.release = release
	}
	under, cancel := context.WithCancelCause(ctx)
	v.cancel = cancel
	v.enter(c)
	// A block that was added meanwhile has found the call, or is found by it.
	if refusal := v.stops(); refusal != nil {
		v.leave()
		return ctx, nil, refusal
	}
	return under, v, nil
}

// acquire takes from the buckets that apply, and a place. It may wait for them.
func (r *Room) acquire(ctx context.Context, c *gateway.Call) (release func(), err error) {
	if c.Kind == gateway.KindList {
		return r.limits.AcquireList(ctx, c.Agent)
	}
	return r.limits.Acquire(ctx, c.Agent, c.Tool)
}

// stops is the refusal of a block that stops the call, or of its token that was
// revoked, nil if there is none.
func (v *reservation) stops() *gateway.Refusal {
	if refusal := v.room.revoked(v.agent); refusal != nil {
		return refusal
	}
	return v.room.blocks.Load().stops(v.agent, v.id, v.tool, v.server)
}

// enter puts the call among those under way, and into its session.
func (v *reservation) enter(c *gateway.Call) {
	now := time.Now()
	sh := v.room.sessions.shard(v.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.live[v] = struct{}{}
	if !leaves(c.Kind) {
		c.Session = sh.look(now, v.id)
		return
	}
	st := sh.touch(now, v.id)
	st.live++
	v.session = st
	c.Session = st.answer()
	if !c.Kind.Reverse() {
		if st.pending == nil {
			st.pending = map[string]*reservation{}
		}
		st.turns++
		v.turn = st.turns
		st.pending[c.ID] = v
	}
}

// Count implements [gateway.Reservation].
func (v *reservation) Count(_ context.Context, c *gateway.Call) error {
	meters, history, refusal := v.room.tallies.begin(time.Now(), v, &c.Tally, v.room.opts.Journal.Token)
	if refusal != nil {
		return refusal
	}
	c.Session.Meters, c.Session.History = meters, history
	return nil
}

// leave undoes what enter did, but for what was folded since.
func (v *reservation) leave() {
	if v.cancel == nil {
		return
	}
	v.room.tallies.giveBack(v)
	sh := v.room.sessions.shard(v.id)
	sh.mu.Lock()
	delete(sh.live, v)
	if st := v.session; st != nil {
		st.live--
		if st.pending[v.call] == v {
			delete(st.pending, v.call)
		}
	}
	sh.mu.Unlock()
	if v.release != nil {
		v.release()
	}
	v.cancel(nil)
}

// leaves reports whether a call of a kind leaves something behind in its session.
func leaves(k gateway.Kind) bool { return k != gateway.KindList && k != gateway.KindLifecycle }

// Again implements [gateway.Reservation].
func (v *reservation) Again(_ context.Context, c *gateway.Call) error {
	if refusal := v.stops(); refusal != nil {
		return refusal
	}
	sh := v.room.sessions.shard(v.id)
	sh.mu.Lock()
	c.Session = sh.look(time.Now(), v.id)
	if v.session != nil {
		c.Session.Calls -= v.session.behind(v)
	}
	sh.mu.Unlock()
	return nil
}

// Label implements [gateway.Reservation].
func (v *reservation) Label(ctx context.Context, labels []string, why string) error {
	sh := v.room.sessions.shard(v.id)
	sh.mu.Lock()
	known := sh.look(time.Now(), v.id).Labels
	news := len(labels) > 0 && len(merge(known, labels)) != len(known)
	sh.mu.Unlock()
	if !news {
		return nil // an upstream may speak a thousand times in one call
	}
	return v.room.opts.Journal.Note(ctx, EventLabelled, labelled{Session: v.id, Agent: v.agent.ID, Issuer: v.agent.Issuer, Call: v.call, Labels: labels, Tool: v.wire(), Why: why})
}

// wire is the name of the call's tool, "" if it has none.
func (v *reservation) wire() string {
	if v.tool == nil {
		return ""
	}
	return v.tool.Wire
}

// Finish implements [gateway.Reservation]. Labels and counts of an attempt are
// folded from its events; here what was reserved and not used is given back.
func (v *reservation) Finish(context.Context, *gateway.Call) error {
	v.leave()
	return nil
}
