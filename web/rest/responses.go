package rest

import (
	"encoding/json"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// OpenAI Responses: flat function tools, function_call and custom_tool_call
// items in output, answered by items that carry the output, and the caller
// where a program of the model's made the call.

func responsesDefinition(f *dialect.Form) json.RawMessage {
	return marshal(map[string]any{"type": "function", "name": f.Name, "description": f.Description, "parameters": f.Schema, "strict": false})
}

// responsesCut are the states of a response, or of an item, that is not whole
// (API reference, response object).
var responsesCut = map[string]bool{"incomplete": true, "in_progress": true, "failed": true, "cancelled": true, "queued": true}

func parseResponses(o gateway.Object) turn {
	items := append(list(o, "output"), list(o, "calls")...)
	if kind := text(o, "type"); kind == "function_call" || kind == "custom_tool_call" {
		items = append(items, o)
	}
	var t turn
	for _, item := range items {
		e := emitted{id: text(item, "call_id"), name: text(item, "name"), kind: text(item, "type")}
		switch {
		case e.kind == "function_call" && e.id != "":
			e.args, e.bad = argsOf(item, "arguments")
		case e.kind == "custom_tool_call":
			e.args, e.bad = freeArgs(item, "input")
		default:
			continue
		}
		if status := text(item, "status"); responsesCut[status] {
			e.bad = truncated("status " + status)
		}
		if caller, ok := item.Get("caller"); ok && string(caller) != "null" {
			e.caller = caller
		}
		t.calls = append(t.calls, e)
	}
	t.cutIf(responsesCut, text(o, "status"))
	return t
}

// responsesMedia are what input_image and input_file take (guides, images and
// vision, and file inputs).
var responsesMedia = types("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")

func responsesItems(calls []emitted, outcomes []outcome) any {
	items := make([]map[string]any, len(calls))
	for i, e := range calls {
		items[i] = map[string]any{"type": e.kind + "_output", "call_id": e.id, "output": responsesOutput(contentOf(outcomes[i]))}
		if e.caller != nil {
			items[i]["caller"] = e.caller
		}
	}
	return items
}

// responsesOutput is a string, or a list of parts where there are media.
func responsesOutput(c content) any {
	parts := c.as(responsesMedia)
	out, plain := make([]map[string]any, len(parts)), true
	for i, p := range parts {
		switch {
		case p.data == "":
			out[i] = map[string]any{"type": "input_text", "text": p.text}
			continue
		case p.mime == "application/pdf":
			out[i] = map[string]any{"type": "input_file", "filename": p.file(), "file_data": p.url()}
		default:
			out[i] = map[string]any{"type": "input_image", "image_url": p.url(), "detail": "auto"}
		}
		plain = false
	}
	if plain {
		return c.text()
	}
	return out
}
