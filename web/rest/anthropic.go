package rest

import (
	"encoding/json"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// Anthropic Messages: tools with input_schema, tool_use blocks in an assistant
// message's content, answered by one user message of tool_result blocks.

func anthropicDefinition(f *dialect.Form) json.RawMessage {
	return marshal(map[string]any{"name": f.Name, "description": f.Description, "input_schema": f.Schema})
}

// anthropicCut are the stop reasons of a message that is not whole (API,
// handling stop reasons).
var anthropicCut = map[string]bool{"max_tokens": true, "model_context_window_exceeded": true, "refusal": true}

func parseAnthropic(o gateway.Object) turn {
	blocks := append(list(o, "content"), list(o, "calls")...)
	if text(o, "type") == "tool_use" {
		blocks = append(blocks, o)
	}
	var t turn
	for _, b := range blocks {
		if text(b, "type") != "tool_use" { // server_tool_use and mcp_tool_use are the provider's own
			continue
		}
		e := emitted{id: text(b, "id"), name: text(b, "name")}
		e.args, e.bad = argsOf(b, "input")
		t.calls = append(t.calls, e)
	}
	t.cutIf(anthropicCut, text(o, "stop_reason"))
	return t
}

// anthropicMedia are what image and document blocks take (API, vision and PDF
// support).
var anthropicMedia = types("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")

func anthropicMessages(calls []emitted, outcomes []outcome) any {
	results := make([]map[string]any, len(calls))
	for i, e := range calls {
		c := contentOf(outcomes[i])
		takes := anthropicMedia
		results[i] = map[string]any{"type": "tool_result", "tool_use_id": e.id}
		if c.failed {
			results[i]["is_error"] = true
			takes = nil // "all content must be type text if is_error is true"
		}
		if parts := anthropicContent(c.as(takes)); len(parts) > 0 { // no content is fine, an empty text is not
			results[i]["content"] = parts
		}
	}
	return []map[string]any{{"role": "user", "content": results}}
}

func anthropicContent(parts []part) []map[string]any {
	out := make([]map[string]any, len(parts))
	for i, p := range parts {
		if p.data == "" {
			out[i] = map[string]any{"type": "text", "text": p.text}
			continue
		}
		kind := "image"
		if p.mime == "application/pdf" {
			kind = "document"
		}
		out[i] = map[string]any{"type": kind, "source": map[string]any{"type": "base64", "media_type": p.mime, "data": p.data}}
	}
	return out
}
