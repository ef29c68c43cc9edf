package server

import (
	"context"
	"encoding/json"

	"toolward/gateway"
	"toolward/mcp"
)

// hello is what an agent said of itself when it connected, and what was agreed.
type hello struct {
	revision string
	client   json.RawMessage // clientInfo, nil if none
	caps     json.RawMessage // capabilities, nil if none
}

// greet reads the params of initialize.
func (x *exchange) greet() hello {
	asked, _, _ := x.params.String("protocolVersion")
	h := hello{revision: mcp.Negotiate(asked)}
	h.client, _ = x.params.Get("clientInfo")
	h.caps, _ = x.params.Get("capabilities")
	return h
}

// welcome is the result of initialize.
func (x *exchange) welcome(ctx context.Context, h hello) json.RawMessage {
	info, caps, instructions := x.about(ctx)
	members := []gateway.Member{
		{Name: "protocolVersion", Value: mcp.Quote(h.revision)},
		{Name: "capabilities", Value: caps},
		{Name: "serverInfo", Value: info},
	}
	if instructions != "" {
		members = append(members, gateway.Member{Name: "instructions", Value: mcp.Quote(instructions)})
	}
	return gateway.JoinMembers(members)
}

// discover answers server/discover (MCP 2026-07-28 server/discover).
func (x *exchange) discover(ctx context.Context) outcome {
	info, caps, instructions := x.about(ctx)
	var revisions []byte
	for _, r := range mcp.Revisions() {
		revisions = append(revisions, ',')
		revisions = mcp.AppendString(revisions, r)
	}
	revisions[0] = '['
	members := []gateway.Member{
		{Name: "supportedVersions", Value: append(revisions, ']')},
		{Name: "capabilities", Value: caps},
	}
	if instructions != "" {
		members = append(members, gateway.Member{Name: "instructions", Value: mcp.Quote(instructions)})
	}
	members = append(members, gateway.Member{Name: "_meta", Value: gateway.JoinMembers([]gateway.Member{{Name: mcp.MetaServerInfo, Value: info}})})
	return outcome{result: x.era.complete(x.msg.Method, gateway.JoinMembers(members))}
}

// severities are the levels of RFC 5424, least severe first.
var severities = map[string]int{
	"debug": 1, "info": 2, "notice": 3, "warning": 4, "error": 5, "critical": 6, "alert": 7, "emergency": 8,
}

// setLevel answers logging/setLevel. Upstreams learn the level with the next
// call, from [gateway.Origin].
func (x *exchange) setLevel(ctx context.Context) outcome {
	level, _, err := x.params.String("level")
	if err != nil || severities[level] == 0 {
		return x.refuseParams(ctx, `"level" must be one of debug, info, notice, warning, error, critical, alert, emergency`)
	}
	x.bond.setLevel(level)
	return outcome{result: json.RawMessage("{}")}
}
