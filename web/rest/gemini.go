package rest

import (
	"encoding/json"

	"toolward/gateway"
)

// Gemini: function declarations, functionCall parts of a model turn, answered
// by one user turn of functionResponse parts.

func geminiDefinition(t *gateway.Tool) json.RawMessage {
	d := describe(t)
	return marshal(map[string]any{"name": t.Wire, "description": d.description, "parametersJsonSchema": d.schema})
}

func parseGemini(o gateway.Object) ([]emitted, *gateway.Refusal) {
	parts := append(list(o, "parts"), list(o, "calls")...)
	if turn, err := o.Object("content"); err == nil {
		parts = append(parts, list(turn, "parts")...)
	}
	for _, candidate := range list(o, "candidates") {
		if turn, err := candidate.Object("content"); err == nil {
			parts = append(parts, list(turn, "parts")...)
		}
	}
	var calls []emitted
	for _, p := range parts {
		fc, err := p.Object("functionCall")
		if err != nil || text(fc, "name") == "" {
			continue
		}
		e := emitted{id: text(fc, "id"), name: text(fc, "name")}
		e.args, e.bad = objectArgs(fc, "args")
		calls = append(calls, e)
	}
	return calls, nil
}

func geminiMessages(calls []emitted, outcomes []outcome) any {
	parts := make([]map[string]any, len(calls))
	for i, e := range calls {
		response := map[string]any{"name": e.name, "response": geminiResponse(contentOf(outcomes[i]))}
		if e.id != "" {
			response["id"] = e.id
		}
		parts[i] = map[string]any{"functionResponse": response}
	}
	return []map[string]any{{"role": "user", "parts": parts}}
}

// geminiResponse uses the keys that Gemini documents: output, or error.
func geminiResponse(c content) map[string]any {
	switch {
	case c.failed:
		return map[string]any{"error": c.joined()}
	case c.structured != nil:
		return map[string]any{"output": c.structured}
	}
	return map[string]any{"output": c.joined()}
}
