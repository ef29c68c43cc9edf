package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"toolward/gateway"
)

// Blocks is what people stopped.
type Blocks interface {
	// Blocks lists those that hold now, oldest first.
	Blocks() []gateway.Block
	// Block stops what a block names: no new call gets past it when it returns. It
	// returns [gateway.ErrBadBlock].
	Block(ctx context.Context, b gateway.Block) (gateway.Block, error)
	// Lift ends a block. It returns [gateway.ErrNoBlock].
	Lift(ctx context.Context, id string, by gateway.Operator, reason string) error
}

// BlockList is what a list of blocks answers with.
type BlockList struct {
	Blocks []gateway.Block `json:"blocks"`
}

// NewBlock is what is to be stopped.
type NewBlock struct {
	Kind   gateway.BlockKind `json:"kind"`
	Name   string            `json:"name,omitempty"`   // left out for all
	Issuer string            `json:"issuer,omitempty"` // of agents, tokens and sessions: only those of this issuer
	Reason string            `json:"reason"`           // agents are told it
	Until  time.Time         `json:"until,omitzero"`   // left out: until it is lifted
}

// Lifted is why a block ends.
type Lifted struct {
	Reason string `json:"reason"`
}

func (h *Handler) blockOperations() []operation {
	return []operation{
		{id: "blocks.list", method: http.MethodGet, path: "blocks", role: Viewer, summary: "What people stopped, and until when", answer: BlockList{},
			run: func(*request) (any, error) {
				return BlockList{slices.Concat([]gateway.Block{}, h.opt.Blocks.Blocks())}, nil
			}},
		{id: "blocks.add", method: http.MethodPost, path: "blocks", role: Approver, body: &NewBlock{}, answer: gateway.Block{}, run: h.block,
			summary: "Stop an agent, a token, a session, a tool, an upstream, or everything, now: calls under way are cancelled"},
		{id: "blocks.lift", method: http.MethodPost, path: "blocks/{id}/lift", role: Admin, body: &Lifted{}, answer: BlockList{}, run: h.lift,
			summary: "End a block"},
	}
}

func (h *Handler) block(r *request) (any, error) {
	b := r.body.(*NewBlock)
	if len(b.Reason) > mostNote {
		return nil, malformed("a reason is at most 2000 bytes")
	}
	return h.opt.Blocks.Block(r.Context(), gateway.Block{Kind: b.Kind, Name: b.Name, Issuer: b.Issuer, Reason: b.Reason, Until: b.Until, By: r.who.Operator})
}

func (h *Handler) lift(r *request) (any, error) {
	reason := r.body.(*Lifted).Reason
	switch {
	case reason == "":
		return nil, malformed("a reason is needed, for the record")
	case len(reason) > mostNote:
		return nil, malformed("a reason is at most 2000 bytes")
	}
	if err := h.opt.Blocks.Lift(r.Context(), r.PathValue("id"), r.who.Operator, reason); err != nil {
		return nil, err
	}
	return BlockList{slices.Concat([]gateway.Block{}, h.opt.Blocks.Blocks())}, nil
}
