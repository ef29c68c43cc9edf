package mcp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"toolward/gateway"
)

// HeaderField is one HTTP header field.
type HeaderField struct{ Name, Value string }

// ParamHeaders are the Mcp-Param-* fields that a tool's definition binds to
// arguments by `x-mcp-header` (MCP 2026-07-28 basic/transports/streamable-http).
// It is immutable and safe for concurrent use. The nil value binds nothing.
type ParamHeaders struct {
	tool *mcpgo.Tool
}

var annotation = []byte("x-mcp-header")

// CompileParamHeaders reads the bindings of a tool definition as the upstream
// wrote it. It returns nil if there are none, and an error if they break the
// rules (not a primitive type, no valid field name, bound twice): a client on
// HTTP must leave such a tool out of its list.
func CompileParamHeaders(definition json.RawMessage) (*ParamHeaders, error) {
	if !bytes.Contains(definition, annotation) {
		return nil, nil
	}
	o, err := gateway.Split(definition)
	if err != nil {
		return nil, err
	}
	schema, ok := o.Get("inputSchema")
	if !ok {
		return nil, nil
	}
	tool := &mcpgo.Tool{RawInputSchema: schema}
	if err := mcpgo.ValidateParamHeaderAnnotations(tool); err != nil {
		return nil, err
	}
	if len(mcpgo.ExtractParamHeaderBindings(tool)) == 0 {
		return nil, nil
	}
	return &ParamHeaders{tool: tool}, nil
}

// Generate returns the fields for a call's arguments.
func (p *ParamHeaders) Generate(args json.RawMessage) []HeaderField {
	if p == nil {
		return nil
	}
	var fields []HeaderField
	for name, value := range mcpgo.GenerateParamHeaders(p.tool, withArguments(args)) {
		fields = append(fields, HeaderField{Name: name, Value: value})
	}
	return fields
}

// Validate checks the fields of a request against the arguments in its body.
// The error says which one differs; it is answered with [CodeHeaderMismatch].
func (p *ParamHeaders) Validate(h http.Header, args json.RawMessage) error {
	if p == nil {
		return nil
	}
	return mcpgo.ValidateParamHeadersLookup(func(name string) (string, bool) {
		v := h.Values(name)
		if len(v) == 0 {
			return "", false
		}
		return v[0], true
	}, p.tool, withArguments(args))
}

// ParamHeadersCache compiles the bindings of each definition once. The zero
// value is ready, and it is safe for concurrent use.
type ParamHeadersCache struct {
	mu            sync.RWMutex
	byFingerprint map[string]*ParamHeaders
}

// maxBindings bounds what is remembered of definitions that came and went.
const maxBindings = 20_000

// Of returns the bindings of a tool, nil if it has none or they break the rules.
func (c *ParamHeadersCache) Of(tool *gateway.Tool) *ParamHeaders {
	if !bytes.Contains(tool.Definition, annotation) {
		return nil
	}
	c.mu.RLock()
	bound, known := c.byFingerprint[tool.Fingerprint]
	c.mu.RUnlock()
	if known {
		return bound
	}
	bound, _ = CompileParamHeaders(tool.Definition) // broken bindings bind nothing
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byFingerprint == nil || len(c.byFingerprint) >= maxBindings {
		c.byFingerprint = map[string]*ParamHeaders{}
	}
	c.byFingerprint[tool.Fingerprint] = bound
	return bound
}

func withArguments(args json.RawMessage) json.RawMessage {
	return gateway.JoinMembers([]gateway.Member{{Name: "arguments", Value: args}})
}

// EncodeHeader is text as a header field's value: itself where that is safe,
// else wrapped in `=?base64?…?=`.
func EncodeHeader(s string) string {
	v, _ := mcpgo.EncodeHeaderValue(s) // strings always encode
	return v
}
