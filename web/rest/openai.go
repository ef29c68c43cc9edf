package rest

import (
	"encoding/json"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// OpenAI Chat Completions: tools of type function, an assistant message with
// tool_calls whose arguments are a string of JSON, answered by messages with
// role tool. Their content is text: images have no place there.

func openAIDefinition(f *dialect.Form) json.RawMessage {
	return marshal(map[string]any{"type": "function", "function": map[string]any{"name": f.Name, "description": f.Description, "parameters": f.Schema}})
}

// openAICut are the finish reasons of a choice that is not whole (API
// reference, chat completion object). Servers that only speak the format have
// others of their own for choices that are.
var openAICut = map[string]bool{"length": true, "content_filter": true, "max_tokens": true, "error": true}

// parseOpenAI takes {"tool_calls": […]}, a message or a whole completion, a
// bare array of calls or one call. Of several choices the first with calls
// counts: a conversation goes on with one of them, and the others' calls were
// never meant to run beside it.
func parseOpenAI(o gateway.Object) turn {
	for _, choice := range list(o, "choices") {
		if m, err := choice.Object("message"); err == nil {
			if t := openAITurn(m); len(t.calls) > 0 {
				t.cutIf(openAICut, text(choice, "finish_reason"))
				return t
			}
		}
	}
	if m, err := o.Object("message"); err == nil {
		if t := openAITurn(m); len(t.calls) > 0 {
			t.cutIf(openAICut, text(o, "finish_reason"))
			return t
		}
	}
	return openAITurn(o)
}

// openAITurn reads the calls of a message.
func openAITurn(m gateway.Object) turn {
	items := append(list(m, "tool_calls"), list(m, "calls")...)
	if _, bare := m.Get("function"); bare || text(m, "type") == "custom" {
		items = append(items, m)
	}
	var t turn
	for _, item := range items {
		e := emitted{id: text(item, "id")}
		if custom, err := item.Object("custom"); err == nil && text(item, "type") == "custom" {
			e.name = text(custom, "name")
			e.args, e.bad = freeArgs(custom, "input")
		} else if fn, err := item.Object("function"); err == nil {
			e.name = text(fn, "name")
			e.args, e.bad = argsOf(fn, "arguments")
		}
		if e.name != "" {
			t.calls = append(t.calls, e)
		}
	}
	// The way before tool_calls: one function_call, without an ID.
	if fn, err := m.Object("function_call"); err == nil && len(t.calls) == 0 && text(fn, "name") != "" {
		if _, written := fn.Get("arguments"); written {
			e := emitted{name: text(fn, "name"), kind: "function_call"}
			e.args, e.bad = argsOf(fn, "arguments")
			t.calls = append(t.calls, e)
		}
	}
	return t
}

func openAIMessages(calls []emitted, outcomes []outcome) any {
	messages := make([]map[string]any, len(calls))
	for i, e := range calls {
		said := contentOf(outcomes[i]).text()
		if e.kind == "function_call" {
			messages[i] = map[string]any{"role": "function", "name": e.name, "content": said}
			continue
		}
		messages[i] = map[string]any{"role": "tool", "tool_call_id": e.id, "content": said}
	}
	return messages
}
