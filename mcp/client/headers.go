package client

import (
	"encoding/json"
	"log/slog"

	"toolward/gateway"
	"toolward/mcp"
)

// headers are the fields for a call: those of the arguments that are sent, so
// that a redaction is in the headers too.
func (c *Conn) headers(call *gateway.Call) []mcp.HeaderField {
	if call.Method != mcp.MethodToolsCall {
		return nil
	}
	return c.bindings.Of(call.Tool).Generate(call.Sent.Raw())
}

// withoutInvalid leaves tools out of a list whose x-mcp-header annotations
// break the rules, as a client on HTTP must. A list without such is unchanged.
func withoutInvalid(log *slog.Logger, result json.RawMessage) (json.RawMessage, error) {
	o, err := gateway.Split(result)
	if err != nil {
		return nil, err
	}
	raw, _ := o.Get("tools")
	var tools, good []json.RawMessage
	if err := json.Unmarshal(raw, &tools); err != nil {
		return result, nil // not a list: the catalog says so
	}
	for _, t := range tools {
		if _, err := mcp.CompileParamHeaders(t); err != nil {
			log.Warn("tool with invalid x-mcp-header annotations is left out", "err", err)
			continue
		}
		good = append(good, t)
	}
	if len(good) == len(tools) {
		return result, nil
	}
	members := append([]gateway.Member(nil), o.Members()...)
	for i := range members {
		if members[i].Name == "tools" {
			members[i].Value = joinArray(good)
		}
	}
	return gateway.JoinMembers(members), nil
}

func joinArray(values []json.RawMessage) json.RawMessage {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
