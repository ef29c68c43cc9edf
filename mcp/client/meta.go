package client

import (
	"context"
	"encoding/json"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"toolward/gateway"
	"toolward/mcp"
)

// params are the params of a call as this upstream gets them. The values are
// those that were judged, byte for byte; only the target's name and members of
// _meta that belong to a connection are written anew.
type params struct {
	members []gateway.Member // but _meta
	meta    []gateway.Member // but progressToken
	token   json.RawMessage  // the agent's progress token; nil if it wants no progress
}

// request writes the whole request. The progress token is the request's own
// ID: agents choose theirs as they like, and on a shared connection two may
// choose the same.
func (p *params) request(id, method string) []byte {
	n := 96 + len(method)
	for _, m := range p.members {
		n += len(m.Name) + len(m.Value) + 4
	}
	for _, m := range p.meta {
		n += len(m.Name) + len(m.Value) + 4
	}
	dst := append(make([]byte, 0, n), `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"method":`...)
	dst = mcp.AppendString(dst, method)
	dst = append(dst, `,"params":{`...)
	for i, m := range p.members {
		dst = appendMember(dst, i == 0, m)
	}
	if len(p.meta) > 0 || p.token != nil {
		if len(p.members) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"_meta":{`...)
		for i, m := range p.meta {
			dst = appendMember(dst, i == 0, m)
		}
		if p.token != nil {
			dst = appendMember(dst, len(p.meta) == 0, gateway.Member{Name: mcp.MetaProgressToken, Value: json.RawMessage(id)})
		}
		dst = append(dst, '}')
	}
	return append(dst, '}', '}')
}

func appendMember(dst []byte, first bool, m gateway.Member) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = mcp.AppendString(dst, m.Name)
	dst = append(dst, ':')
	return append(dst, m.Value...)
}

// paramsOf makes the params of a call.
func (c *Conn) paramsOf(ctx context.Context, call *gateway.Call) (params, error) {
	p := params{members: make([]gateway.Member, 0, 2+len(call.Extra))}
	var agentMeta json.RawMessage
	var extra []gateway.Member
	for _, m := range call.Extra {
		if m.Name == "_meta" {
			agentMeta = m.Value
			continue
		}
		extra = append(extra, m)
	}
	if call.Kind == gateway.KindTool || call.Kind == gateway.KindPrompt {
		p.members = append(p.members, gateway.Member{Name: "name", Value: mcp.Quote(call.Tool.Name)}, gateway.Member{Name: "arguments", Value: call.Sent.Raw()})
	} else {
		own, err := gateway.Split(call.Sent.Raw()) // the surface put the upstream's own names there
		if err != nil {
			return params{}, err
		}
		p.members = append(p.members, own.Members()...)
	}
	p.members = append(p.members, extra...)
	if call.Round != nil && call.Round.State != nil {
		p.members = append(p.members, gateway.Member{Name: "requestState", Value: call.Round.State})
	}
	return p, c.metaOf(ctx, call, agentMeta, &p)
}

// ownURI is the upstream's own URI of the resource that a call names.
func ownURI(call *gateway.Call) string {
	if call.Server == "" {
		if _, uri, ok := gateway.SplitURI(call.Name); ok {
			return uri
		}
	}
	return call.Name
}

// metaOf edits the agent's _meta for this upstream: what belongs to the
// agent's side of the gateway is taken out, what the upstream's revision needs
// is put in, the rest stays.
func (c *Conn) metaOf(ctx context.Context, call *gateway.Call, raw json.RawMessage, p *params) error {
	var given gateway.Object
	if raw != nil {
		var err error
		if given, err = gateway.Split(raw); err != nil {
			return err
		}
	}
	for _, m := range given.Members() {
		switch {
		case m.Name == mcp.MetaProgressToken:
			if call.Origin != nil {
				p.token = m.Value
			}
		case strings.HasPrefix(m.Name, mcp.MetaOwnPrefix), m.Name == mcp.MetaRevision:
		case !c.modern && (m.Name == mcp.MetaClientInfo || m.Name == mcp.MetaCapabilities || m.Name == mcp.MetaLogLevel):
		default:
			p.meta = append(p.meta, m)
		}
	}
	if c.modern {
		c.modernMeta(call, given, p)
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		p.meta = traced(ctx, p.meta)
	}
	return nil
}

// modernMeta adds what 2026-07-28 wants on each request and a legacy agent has
// said once, in its handshake.
func (c *Conn) modernMeta(call *gateway.Call, given gateway.Object, p *params) {
	p.meta = append(p.meta, gateway.Member{Name: mcp.MetaRevision, Value: mcp.Quote(c.revision)})
	if _, ok := given.Get(mcp.MetaClientInfo); !ok {
		info := c.client.info
		if call.Origin != nil && call.Origin.ClientInfo() != nil {
			info = call.Origin.ClientInfo()
		}
		p.meta = append(p.meta, gateway.Member{Name: mcp.MetaClientInfo, Value: info})
	}
	if _, ok := given.Get(mcp.MetaCapabilities); !ok {
		caps := json.RawMessage("{}")
		if call.Origin != nil {
			caps = c.capabilities(call.Origin)
		}
		p.meta = append(p.meta, gateway.Member{Name: mcp.MetaCapabilities, Value: caps})
	}
	if _, ok := given.Get(mcp.MetaLogLevel); !ok && call.Origin != nil && call.Origin.LogLevel() != "" {
		p.meta = append(p.meta, gateway.Member{Name: mcp.MetaLogLevel, Value: mcp.Quote(call.Origin.LogLevel())})
	}
}

// ownMeta is the _meta of a modern request that no agent caused.
func (c *Conn) ownMeta() json.RawMessage {
	return gateway.JoinMembers([]gateway.Member{
		{Name: mcp.MetaRevision, Value: mcp.Quote(c.revision)},
		{Name: mcp.MetaClientInfo, Value: c.client.info},
		{Name: mcp.MetaCapabilities, Value: json.RawMessage("{}")},
	})
}

// traced puts the trace context of ctx in place of what the agent sent (MCP
// SEP-414): the upstream's spans are children of the gateway's.
func traced(ctx context.Context, meta []gateway.Member) []gateway.Member {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	var kept []gateway.Member
	for _, m := range meta {
		if m.Name != "traceparent" && m.Name != "tracestate" {
			kept = append(kept, m)
		}
	}
	for _, key := range []string{"traceparent", "tracestate"} {
		if v := carrier[key]; v != "" {
			kept = append(kept, gateway.Member{Name: key, Value: mcp.Quote(v)})
		}
	}
	return kept
}

// nameHeader is the value of Mcp-Name for a call, "" where there is none (MCP
// 2026-07-28 basic/transports/streamable-http).
func nameHeader(call *gateway.Call, p params) string {
	switch call.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet:
		return call.Tool.Name
	case mcp.MethodResourcesRead:
		for _, m := range p.members {
			if m.Name == "uri" {
				return mcp.Unquote(m.Value)
			}
		}
	}
	return ""
}
