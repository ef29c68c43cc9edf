package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// blockSet is what people stopped. Each call asks whether a block stops it, so a set
// is replaced and never changed, and an empty one costs a load.
type blockSet struct {
	all []gateway.Block
	by  map[blockKey][]int // index in all
}

type blockKey struct {
	kind gateway.BlockKind
	name string
}

func newBlockSet(all []gateway.Block) *blockSet {
	s := &blockSet{all: all, by: map[blockKey][]int{}}
	for i := range all {
		k := blockKey{all[i].Kind, all[i].Name}
		s.by[k] = append(s.by[k], i)
	}
	return s
}

// stops is the refusal of a block that stops a call, nil if there is none. Tool
// may be nil, and server "".
func (s *blockSet) stops(a *gateway.Agent, session string, t *gateway.Tool, server string) *gateway.Refusal {
	if len(s.all) == 0 {
		return nil
	}
	if t != nil {
		server = t.Server
	}
	keys := [...]blockKey{
		{gateway.BlockAll, ""}, {gateway.BlockAgent, a.ID}, {gateway.BlockToken, tokenID(a)},
		{gateway.BlockSession, session}, {gateway.BlockSession, a.Session}, {gateway.BlockServer, server}, {gateway.BlockTool, wire(t)},
	}
	now := time.Now()
	for i, k := range keys {
		if k.name == "" && i > 0 {
			continue
		}
		for _, n := range s.by[k] {
			if block := &s.all[n]; block.Holds(now) && (block.Issuer == "" || block.Issuer == a.Issuer) {
				return stopped(block)
			}
		}
	}
	return nil
}

func wire(t *gateway.Tool) string {
	if t == nil {
		return ""
	}
	return t.Wire
}

// tokenID is the jti of the agent's token (RFC 7519 §4.1.7), "" if it has none.
func tokenID(a *gateway.Agent) string {
	id, _ := a.Claims["jti"].(string)
	return id
}

func stopped(b *gateway.Block) *gateway.Refusal {
	what := string(b.Kind) + " " + b.Name
	if b.Kind == gateway.BlockAll {
		what = "every call"
	}
	reason := what + " is blocked"
	if !b.Until.IsZero() {
		reason += " until " + b.Until.UTC().Format(time.RFC3339)
	}
	if b.Reason != "" {
		reason += ": " + b.Reason
	}
	refusal := gateway.Refuse("block", gateway.Blocked, reason)
	refusal.Remedy = "see `toolward block list`; it is lifted with `toolward block lift " + b.ID + "`"
	return refusal
}

// Admit implements [gateway.State].
func (r *Room) Admit(a *gateway.Agent, server string) error {
	if refusal := r.revoked(a); refusal != nil {
		return refusal
	}
	if len(r.blocks.Load().all) == 0 {
		return nil
	}
	if refusal := r.blocks.Load().stops(a, a.SessionID(), nil, server); refusal != nil {
		return refusal
	}
	return nil
}

// AdmitPerson implements [gateway.State].
func (r *Room) AdmitPerson(a *gateway.Agent) error {
	if refusal := r.revoked(a); refusal != nil {
		return refusal
	}
	for _, b := range r.Blocks() {
		if b.Kind == gateway.BlockAll {
			continue
		}
		if refusal := newBlockSet([]gateway.Block{b}).stops(a, a.SessionID(), nil, ""); refusal != nil {
			return refusal
		}
	}
	return nil
}

// Offer implements [gateway.State].
func (r *Room) Offer(a *gateway.Agent, tools []*gateway.Tool) []*gateway.Tool {
	if len(r.blocks.Load().all) == 0 {
		return tools
	}
	id := a.SessionID()
	return slices.DeleteFunc(slices.Clone(tools), func(t *gateway.Tool) bool { return r.blocks.Load().stops(a, id, t, "") != nil })
}

// Blocks lists the blocks that hold now, oldest first.
func (r *Room) Blocks() []gateway.Block {
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(r.blocks.Load().all), func(b gateway.Block) bool { return !b.Holds(now) })
}

// Block stops what a block names. When it returns, no new call gets past it, and
// calls under way that it stops are being cancelled. It fails on a block that is
// not valid.
func (r *Room) Block(ctx context.Context, b gateway.Block) (gateway.Block, error) {
	b.ID, b.Time = rand.Text()[:12], time.Now().UTC()
	if err := b.Check(b.Time); err != nil {
		return b, err
	}
	r.deciding.Lock()
	defer r.deciding.Unlock()
	return b, r.opts.Journal.Note(ctx, EventBlocked, b)
}

// Lift ends a block. It returns [gateway.ErrNoBlock] if there is none of that ID.
func (r *Room) Lift(ctx context.Context, id string, by gateway.Operator, reason string) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if !slices.ContainsFunc(r.Blocks(), func(b gateway.Block) bool { return b.ID == id }) {
		return fmt.Errorf("%w: %s", gateway.ErrNoBlock, id)
	}
	return r.opts.Journal.Note(ctx, EventLifted, lifted{ID: id, By: by, Reason: reason})
}

// putBlock adds a block and cancels what it stops. The caller holds r.mu.
func (r *Room) putBlock(block gateway.Block) {
	all := slices.Clone(r.blocks.Load().all)
	all = slices.DeleteFunc(all, func(old gateway.Block) bool { return old.ID == block.ID || !old.Holds(block.Time) })
	all = append(all, block)
	slices.SortFunc(all, func(x, y gateway.Block) int { return cmp.Or(x.Time.Compare(y.Time), strings.Compare(x.ID, y.ID)) })
	r.blocks.Store(newBlockSet(all))
	wake(r.stopped)
	r.stop()
}

// stop cancels the calls that are stopped by now, and tells who has streams open.
func (r *Room) stop() {
	for i := range r.sessions.shards {
		r.sessions.shards[i].stop()
	}
	r.tellBlocks()
}

func (r *Room) tellBlocks() {
	if r.opts.Blocks != nil {
		r.opts.Blocks()
	}
}

// stop cancels the calls under way that a block stops, or whose token was revoked.
func (sh *shard) stop() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for v := range sh.live {
		if refusal := v.stops(); refusal != nil {
			v.cancel(refusal)
		}
	}
}

// takeBlock ends a block. The caller holds r.mu.
func (r *Room) takeBlock(id string) {
	r.blocks.Store(newBlockSet(slices.DeleteFunc(slices.Clone(r.blocks.Load().all), func(old gateway.Block) bool { return old.ID == id })))
	r.tellBlocks()
}
