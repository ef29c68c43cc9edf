package gateway

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// BlockKind says what a [Block] stops.
type BlockKind string

// The kinds of blocks.
const (
	BlockAgent   BlockKind = "agent"   // an agent's ID
	BlockToken   BlockKind = "token"   // one token, by its jti
	BlockSession BlockKind = "session" // a token session: its sid, or its ID in the record
	BlockTool    BlockKind = "tool"    // a wire name
	BlockServer  BlockKind = "server"  // an upstream
	BlockAll     BlockKind = "all"     // every call of everybody
)

// BlockKinds lists every kind.
var BlockKinds = []BlockKind{BlockAgent, BlockToken, BlockSession, BlockTool, BlockServer, BlockAll}

// Block stops something until it is lifted or ends.
type Block struct {
	ID     string    `json:"id"`
	Kind   BlockKind `json:"kind"`
	Name   string    `json:"name,omitempty"`   // what is stopped; "" for BlockAll
	Issuer string    `json:"issuer,omitempty"` // of agents, tokens and sessions: only those of this issuer; "" for all
	Reason string    `json:"reason"`           // for agents and people
	By     Operator  `json:"by"`
	Time   time.Time `json:"time"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is lifted
}

// Holds reports whether the block has not ended.
func (b *Block) Holds(now time.Time) bool { return b.Until.IsZero() || now.Before(b.Until) }

// Check says what is wrong with a block that somebody asks for.
func (b *Block) Check(now time.Time) error {
	known := false
	for _, k := range BlockKinds {
		known = known || k == b.Kind
	}
	switch {
	case !known:
		return fmt.Errorf("%w: %q is none of agent, token, session, tool, server, all", ErrBadBlock, b.Kind)
	case (b.Kind == BlockAll) != (b.Name == ""):
		return fmt.Errorf("%w: a block of kind %s %s", ErrBadBlock, b.Kind, map[bool]string{true: "has no name", false: "needs a name"}[b.Kind == BlockAll])
	case b.Reason == "":
		return fmt.Errorf("%w: it has no reason", ErrBadBlock)
	case b.Kind == BlockToken && looksSigned(b.Name):
		return fmt.Errorf("%w: this is a token itself; its jti is asked for, which `toolward token inspect` shows", ErrBadBlock)
	case !b.Holds(now):
		return fmt.Errorf("%w: it has ended already", ErrBadBlock)
	}
	return nil
}

// looksSigned reports whether a text is a JWT (RFC 7519 §3) and not its name. Names of
// what is stopped stand on record as they are, for everybody who may look.
func looksSigned(name string) bool {
	return strings.HasPrefix(name, "eyJ") && strings.Count(name, ".") >= 2
}

// SessionSeen is a session, for people.
type SessionSeen struct {
	ID     string    `json:"id"`
	Agent  string    `json:"agent,omitempty"`
	Issuer string    `json:"issuer,omitempty"`
	Calls  int       `json:"calls"`
	Labels []string  `json:"labels,omitempty"`
	Since  []Since   `json:"since,omitempty"`  // what brought the labels
	Recent []Recent  `json:"recent,omitempty"` // oldest first, at most 16
	Last   time.Time `json:"last"`             // when it made its last call
}

// Errors about blocks and sessions, which rooms and commands tell apart.
var (
	ErrNoBlock   = errors.New("there is no such block")
	ErrBadBlock  = errors.New("not a block")
	ErrNoSession = errors.New("there is no such session")
)

// Entry is an event of the record, as far as state is folded from it.
type Entry struct {
	Seq     int64     // 0 while it is not chained yet
	Time    time.Time //
	Type    string    // call.attempt, call.outcome, …
	Call    string    // ID of the call, "" in the gateway's own events
	Agent   string    // ID of its agent
	Issuer  string    // who vouches for it
	Session string    // [Session.ID] of the call
	Kind    Kind      //
	Tool    string    // wire name
	Effect  Effect    // what policy decided on the request
	Code    Code      // why it was refused; "" if it was not
	Labels  []string  // of call.outcome: what the session has seen by it
	Why     string    // of call.outcome: what guard suspects in it; see [Since]
	Tally   *Tally    // what the call adds to meters and history; nil if nothing
	Body    []byte    // of the gateway's own events: JSON
	Text    []byte    // of the same: JSON that may go before the event does; nil if there is none, or it is gone
}
