package server

import (
	"context"
	"encoding/json"
	"errors"

	"toolward/gateway"
	"toolward/mcp"
)

// origin is the agent's side of one exchange. It is wrapped by
// [gateway.Road.Judge] before an upstream gets to see it.
type origin struct{ x *exchange }

var (
	_ gateway.Origin   = (*origin)(nil)
	_ gateway.Awaiting = (*origin)(nil)
)

func (o *origin) Session() string      { return o.x.bond.sessionID() }
func (o *origin) Protocol() string     { return o.x.revision }
func (o *origin) ClientInfo() []byte   { return o.x.era.said(o.x).client }
func (o *origin) Capabilities() []byte { return o.x.era.said(o.x).caps }
func (o *origin) LogLevel() string     { return o.x.era.logLevel(o.x) }

// Notify sends a notification on the stream of the request, or on the
// session's own once the request is answered. What the agent did not ask for
// or has cancelled, is dropped without an error.
func (o *origin) Notify(_ context.Context, _ *gateway.Call, method string, params []byte) error {
	if !o.wants(method, params) || o.x.speaker().cancelled.Load() {
		return nil
	}
	if o.x.park != nil {
		return o.x.park.notify(method, params)
	}
	return o.x.emit(mcp.AppendNotification(nil, method, params), false)
}

// wants applies the log level, and the rule of 2026-07-28 that list changes
// and updates come on subscriptions/listen only.
func (o *origin) wants(method string, params []byte) bool {
	switch method {
	case mcp.NoteMessage:
		wanted := o.LogLevel()
		if wanted == "" {
			return o.x.era.unasked()
		}
		p, err := gateway.Split(params)
		if err != nil {
			return false
		}
		level, _, _ := p.String("level")
		return severities[level] == 0 || severities[level] >= severities[wanted]
	case mcp.NoteToolsChanged, mcp.NotePromptsChanged, mcp.NoteResourcesChanged, mcp.NoteResourceUpdated:
		return o.x.era.unasked()
	}
	return true
}

// Await implements [gateway.Awaiting].
func (o *origin) Await() (over func()) {
	p := o.x.park
	if p == nil {
		return func() {}
	}
	p.coming.Add(1)
	return func() { p.coming.Add(-1) }
}

// emit sends a message on the stream that is open for it.
func (x *exchange) emit(msg []byte, must bool) error {
	err := errClosed
	if x.out != nil {
		if err = x.out.send(msg, must, false); !errors.Is(err, errClosed) && !errors.Is(err, errNoStream) {
			return err
		}
	}
	if other := x.bond.aside(); other != nil {
		err = other.send(msg, must, false)
	}
	return err
}

// Request asks the agent. It returns a *gateway.Refusal with code Unsupported
// if the agent did not declare that it answers such requests or has no stream
// to be asked on, and ctx.Err() if the call ends first.
func (o *origin) Request(ctx context.Context, _ *gateway.Call, method string, params []byte) (*gateway.Result, error) {
	if !o.declares(method, params) {
		return nil, gateway.Refuse("surface", gateway.Unsupported, "the agent did not declare that it answers "+clip(method))
	}
	return o.x.era.ask(ctx, o.x, method, params)
}

// declares reports whether the agent's capabilities cover a request.
func (o *origin) declares(method string, params json.RawMessage) bool {
	caps := o.x.era.said(o.x).caps
	if caps == nil {
		return false
	}
	all, err := gateway.Split(caps)
	if err != nil {
		return false
	}
	switch method {
	case mcp.MethodSampling:
		_, has := all.Get("sampling")
		return has
	case mcp.MethodRoots:
		_, has := all.Get("roots")
		return has
	case mcp.MethodElicitation:
		mode, has := all.Get("elicitation")
		return has && declaresMode(mode, params)
	}
	return false
}

// declaresMode checks form and URL elicitation apart (MCP 2025-11-25
// client/elicitation): an empty capability means form.
func declaresMode(capability, params json.RawMessage) bool {
	c, err := gateway.Split(capability)
	if err != nil {
		return false
	}
	mode := "form"
	if p, err := gateway.Split(params); err == nil {
		if m, ok, _ := p.String("mode"); ok {
			mode = m
		}
	}
	_, has := c.Get(mode)
	_, url := c.Get("url")
	return has || mode == "form" && !url
}
