package rest

import (
	"encoding/json"

	"toolward/gateway"
)

// OpenAI Chat Completions: tools of type function, an assistant message with
// tool_calls whose arguments are a string of JSON, answered by messages with
// role tool.

func openAIDefinition(t *gateway.Tool) json.RawMessage {
	d := describe(t)
	return marshal(map[string]any{"type": "function", "function": map[string]any{"name": t.Wire, "description": d.description, "parameters": d.schema}})
}

// parseOpenAI takes {"tool_calls": […]}, a message or a whole completion, or a
// bare array of calls.
func parseOpenAI(o gateway.Object) ([]emitted, *gateway.Refusal) {
	items := append(list(o, "tool_calls"), list(o, "calls")...)
	if m, err := o.Object("message"); err == nil {
		items = append(items, list(m, "tool_calls")...)
	}
	for _, choice := range list(o, "choices") {
		if m, err := choice.Object("message"); err == nil {
			items = append(items, list(m, "tool_calls")...)
		}
	}
	var calls []emitted
	for _, item := range items {
		fn, err := item.Object("function")
		if err != nil || text(fn, "name") == "" {
			continue
		}
		e := emitted{id: text(item, "id"), name: text(fn, "name")}
		e.args, e.bad = quotedArgs(fn, "arguments")
		calls = append(calls, e)
	}
	return calls, nil
}

func openAIMessages(calls []emitted, outcomes []outcome) any {
	messages := make([]map[string]any, len(calls))
	for i, e := range calls {
		messages[i] = map[string]any{"role": "tool", "tool_call_id": e.id, "content": contentOf(outcomes[i]).joined()}
	}
	return messages
}

// OpenAI Responses: flat function tools, function_call items in output,
// answered by function_call_output items.

func responsesDefinition(t *gateway.Tool) json.RawMessage {
	d := describe(t)
	return marshal(map[string]any{"type": "function", "name": t.Wire, "description": d.description, "parameters": d.schema, "strict": false})
}

func parseResponses(o gateway.Object) ([]emitted, *gateway.Refusal) {
	items := append(list(o, "output"), list(o, "calls")...)
	if text(o, "type") == "function_call" {
		items = append(items, o)
	}
	var calls []emitted
	for _, item := range items {
		if text(item, "type") != "function_call" {
			continue
		}
		e := emitted{id: text(item, "call_id"), name: text(item, "name")}
		e.args, e.bad = quotedArgs(item, "arguments")
		calls = append(calls, e)
	}
	return calls, nil
}

func responsesItems(calls []emitted, outcomes []outcome) any {
	items := make([]map[string]any, len(calls))
	for i, e := range calls {
		items[i] = map[string]any{"type": "function_call_output", "call_id": e.id, "output": responsesOutput(contentOf(outcomes[i]))}
	}
	return items
}

// responsesOutput is a string, or a list of parts where there are images.
func responsesOutput(c content) any {
	var parts []map[string]any
	images := false
	for _, b := range c.blocks {
		if mime, data, ok := image(b); ok {
			images = true
			parts = append(parts, map[string]any{"type": "input_image", "image_url": "data:" + mime + ";base64," + data})
			continue
		}
		parts = append(parts, map[string]any{"type": "input_text", "text": plain(b)})
	}
	if !images {
		return c.joined()
	}
	return parts
}
