package rest

import (
	"encoding/json"
	"strings"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// Gemini Interactions: function tools, function_call steps of an interaction
// whose arguments are an object, answered by function_result steps.

func interactionsDefinition(f *dialect.Form) json.RawMessage {
	return marshal(map[string]any{"type": "function", "name": f.Name, "description": f.Description, "parameters": f.Schema})
}

// interactionsCut are the states of an interaction that is not whole (API
// reference, Interaction.status).
var interactionsCut = map[string]bool{
	"in_progress": true, "incomplete": true, "failed": true, "cancelled": true, "queued": true, "budget_exceeded": true, "requires_continuation": true,
}

func parseInteractions(o gateway.Object) turn {
	steps := append(list(o, "steps"), list(o, "outputs")...)
	steps = append(steps, list(o, "calls")...)
	if text(o, "type") == "function_call" {
		steps = append(steps, o)
	}
	var t turn
	for _, s := range steps {
		if text(s, "type") != "function_call" {
			continue
		}
		e := emitted{id: text(s, "id"), name: text(s, "name")}
		e.args, e.bad = argsOf(s, "arguments")
		t.calls = append(t.calls, e)
	}
	t.cutIf(interactionsCut, text(o, "status"))
	return t
}

// interactionsMedia are what a function result's content takes (API reference,
// Content).
var interactionsMedia = types("image/png", "image/jpeg", "image/webp", "image/gif", "image/heic", "image/heif", "image/bmp", "image/tiff",
	"audio/wav", "audio/mpeg", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac", "application/pdf", "text/csv")

func interactionsSteps(calls []emitted, outcomes []outcome) any {
	steps := make([]map[string]any, len(calls))
	for i, e := range calls {
		c := contentOf(outcomes[i])
		steps[i] = map[string]any{"type": "function_result", "call_id": e.id, "name": e.name, "result": interactionsResult(c)}
		if c.failed {
			steps[i]["is_error"] = true
		}
	}
	return steps
}

// interactionsResult is a string, or a list of contents where there are media.
func interactionsResult(c content) any {
	parts := c.as(interactionsMedia)
	out, plain := make([]map[string]any, len(parts)), true
	for i, p := range parts {
		if p.data == "" {
			out[i] = map[string]any{"type": "text", "text": p.text}
			continue
		}
		kind, _, _ := strings.Cut(p.mime, "/")
		if kind == "application" || kind == "text" {
			kind = "document"
		}
		out[i] = map[string]any{"type": kind, "mime_type": p.mime, "data": p.data}
		plain = false
	}
	if plain {
		return c.text()
	}
	return out
}
