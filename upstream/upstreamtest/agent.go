package upstreamtest

import (
	"context"
	"sync"

	"toolward/gateway"
)

// Agent is the agent's side of a session: it keeps what it is told, and
// answers what it is asked.
type Agent struct {
	ID       string // of the session
	Revision string // "" is 2025-11-25
	Level    string // of log messages it asked for
	Caps     string // its capabilities as JSON
	// Answer answers requests; without it they get {"from":"<ID>"}.
	Answer func(ctx context.Context, method string, params []byte) (*gateway.Result, error)

	mu    sync.Mutex
	notes []Note
}

// Note is a notification that an agent got.
type Note struct {
	Method, Params string
	Cause          *gateway.Call
}

// Session implements [gateway.Origin].
func (a *Agent) Session() string { return a.ID }

// Protocol implements [gateway.Origin].
func (a *Agent) Protocol() string {
	if a.Revision == "" {
		return "2025-11-25"
	}
	return a.Revision
}

// ClientInfo implements [gateway.Origin].
func (a *Agent) ClientInfo() []byte { return []byte(`{"name":"agent-` + a.ID + `","version":"1"}`) }

// Capabilities implements [gateway.Origin].
func (a *Agent) Capabilities() []byte {
	if a.Caps == "" {
		return nil
	}
	return []byte(a.Caps)
}

// LogLevel implements [gateway.Origin].
func (a *Agent) LogLevel() string { return a.Level }

// Notify implements [gateway.Origin].
func (a *Agent) Notify(_ context.Context, cause *gateway.Call, method string, params []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notes = append(a.notes, Note{method, string(params), cause})
	return nil
}

// Request implements [gateway.Origin].
func (a *Agent) Request(ctx context.Context, _ *gateway.Call, method string, params []byte) (*gateway.Result, error) {
	if a.Answer != nil {
		return a.Answer(ctx, method, params)
	}
	return &gateway.Result{Raw: []byte(`{"from":"` + a.ID + `"}`)}, nil
}

// Notes are the notifications so far, in order.
func (a *Agent) Notes() []Note {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Note(nil), a.notes...)
}

// Call makes a tool call as a surface would, for an agent that may be nil.
func Call(a *Agent, tool, args string, extra ...gateway.Member) *gateway.Call {
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Tool = &gateway.Tool{Kind: gateway.KindTool, Name: tool, Wire: "s__" + tool, Server: "s"}
	c.Name, c.Extra = tool, extra
	c.Agent = &gateway.Agent{ID: "agent", Issuer: "test"}
	c.Args, _ = gateway.ParseArgs([]byte(args)) // a test's own literal
	c.Sent = c.Args
	if a != nil {
		c.Origin, c.Protocol = a, a.Protocol()
	}
	return c
}
