package client

import (
	"toolward/gateway"
	"toolward/mcp"
)

// headers are the fields for a call: those of the arguments that are sent, so
// that a redaction is in the headers too. Tools whose annotations break the
// rules are not in the catalog.
func (c *Conn) headers(call *gateway.Call) []mcp.HeaderField {
	if call.Method != mcp.MethodToolsCall {
		return nil
	}
	return c.bindings.Of(call.Tool).Generate(call.Sent.Raw())
}
