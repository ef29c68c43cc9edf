package rest

import (
	"encoding/json"

	"toolward/gateway"
)

// Anthropic Messages: tools with input_schema, tool_use blocks in an assistant
// message's content, answered by one user message of tool_result blocks.

func anthropicDefinition(t *gateway.Tool) json.RawMessage {
	d := describe(t)
	return marshal(map[string]any{"name": t.Wire, "description": d.description, "input_schema": d.schema})
}

func parseAnthropic(o gateway.Object) ([]emitted, *gateway.Refusal) {
	blocks := append(list(o, "content"), list(o, "calls")...)
	if text(o, "type") == "tool_use" {
		blocks = append(blocks, o)
	}
	var calls []emitted
	for _, b := range blocks {
		if text(b, "type") != "tool_use" {
			continue
		}
		e := emitted{id: text(b, "id"), name: text(b, "name")}
		e.args, e.bad = objectArgs(b, "input")
		calls = append(calls, e)
	}
	return calls, nil
}

func anthropicMessages(calls []emitted, outcomes []outcome) any {
	results := make([]map[string]any, len(calls))
	for i, e := range calls {
		c := contentOf(outcomes[i])
		results[i] = map[string]any{"type": "tool_result", "tool_use_id": e.id, "content": anthropicContent(c)}
		if c.failed {
			results[i]["is_error"] = true
		}
	}
	return []map[string]any{{"role": "user", "content": results}}
}

func anthropicContent(c content) []map[string]any {
	parts := make([]map[string]any, 0, len(c.blocks))
	for _, b := range c.blocks {
		if mime, data, ok := image(b); ok {
			parts = append(parts, map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": mime, "data": data}})
			continue
		}
		parts = append(parts, map[string]any{"type": "text", "text": plain(b)})
	}
	if len(parts) == 0 {
		parts = append(parts, map[string]any{"type": "text", "text": c.joined()})
	}
	return parts
}
