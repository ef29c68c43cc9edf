package rest

import (
	"encoding/json"
	"strings"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// Gemini: function declarations, functionCall parts of a model turn, answered
// by one user turn of functionResponse parts. The API takes both spellings of
// every name (protobuf's JSON mapping), and its SDKs write one each: an answer
// is spelled as the turn was.

func geminiDefinition(f *dialect.Form) json.RawMessage {
	return marshal(map[string]any{"name": f.Name, "description": f.Description, "parametersJsonSchema": f.Schema})
}

// snake is the kind of a call in function_call's spelling.
const snake = "snake"

// geminiWhole are the finish reasons of a candidate that is whole (API
// reference, FinishReason); all others say why it is not.
var geminiWhole = map[string]bool{"": true, "STOP": true, "FINISH_REASON_UNSPECIFIED": true}

// parseGemini takes a whole response, a candidate, its content or its parts,
// one part, or the SDK's list of function calls. Of several candidates the
// first with calls counts.
func parseGemini(o gateway.Object) turn {
	candidates := list(o, "candidates")
	for _, candidate := range append(candidates, o) {
		t := geminiTurn(candidate)
		if content, err := candidate.Object("content"); err == nil {
			t.calls = append(t.calls, geminiTurn(content).calls...)
		}
		if len(t.calls) == 0 {
			continue
		}
		reason := text(candidate, "finishReason") + text(candidate, "finish_reason")
		reason = reason[strings.LastIndexByte(reason, '.')+1:] // Python's enums print with their name
		if !geminiWhole[reason] {
			t.cut = "finishReason " + reason
		}
		return t
	}
	return turn{}
}

// geminiTurn reads the calls of a content, of parts, or of one part.
func geminiTurn(o gateway.Object) turn {
	items := append(list(o, "parts"), list(o, "calls")...)
	items = append(items, list(o, "functionCalls")...)
	var t turn
	for _, p := range append(items, o) {
		e, fc := emitted{}, p
		if call, err := p.Object("functionCall"); err == nil && text(call, "name") != "" {
			fc = call
		} else if call, err := p.Object("function_call"); err == nil && text(call, "name") != "" {
			e.kind, fc = snake, call
		} else if _, bare := p.Get("args"); !bare {
			continue
		}
		if _, other := fc.Get("arguments"); other || text(fc, "name") == "" {
			continue // OpenAI's function_call
		}
		e.id, e.name = text(fc, "id"), text(fc, "name")
		e.args, e.bad = argsOf(fc, "args")
		if more, _ := fc.Get("willContinue"); string(more) == "true" {
			e.bad = truncated("willContinue")
		}
		t.calls = append(t.calls, e)
	}
	return t
}

// geminiMedia are what a function response takes beside its object (function
// calling, multimodal function responses).
var geminiMedia = types("image/png", "image/jpeg", "image/webp", "application/pdf")

func geminiMessages(calls []emitted, outcomes []outcome) any {
	parts := make([]map[string]any, len(calls))
	for i, e := range calls {
		outer, inner, mime := "functionResponse", "inlineData", "mimeType"
		if e.kind == snake {
			outer, inner, mime = "function_response", "inline_data", "mime_type"
		}
		c := contentOf(outcomes[i])
		said := c.as(geminiMedia)
		response := map[string]any{"name": e.name, "response": geminiResponse(c, said)}
		if e.id != "" {
			response["id"] = e.id
		}
		var blobs []map[string]any
		for _, p := range said {
			if p.data != "" {
				blobs = append(blobs, map[string]any{inner: map[string]any{mime: p.mime, "data": p.data}})
			}
		}
		if blobs != nil {
			response["parts"] = blobs
		}
		parts[i] = map[string]any{outer: response}
	}
	return []map[string]any{{"role": "user", "parts": parts}}
}

// geminiResponse uses the keys that Gemini documents: output, or error. Where a
// tool said more than its structured content, both are the output.
func geminiResponse(c content, said []part) map[string]any {
	all := joined(said)
	switch {
	case c.failed:
		return map[string]any{"error": all}
	case c.structured == nil:
		return map[string]any{"output": all}
	case all == "" || c.says(all):
		return map[string]any{"output": c.structured}
	}
	return map[string]any{"output": map[string]any{"structuredContent": c.structured, "text": all}}
}
