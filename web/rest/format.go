package rest

import (
	"encoding/json"
	"slices"
	"strings"

	"toolward/gateway"
	"toolward/gateway/dialect"
)

// format is how one provider writes tools, tool calls and their results.
type format struct {
	name string
	// dialect is what the provider accepts of a definition; "" is all of it.
	dialect string
	// definition is a tool's entry in the provider's list of tools.
	definition func(*dialect.Form) json.RawMessage
	// parse finds the calls in what a model emitted; none if it is not this
	// provider's. Nil for a format that only lists.
	parse func(gateway.Object) turn
	// messages are what the program appends to its conversation.
	messages func([]emitted, []outcome) any
}

// formats, in the order in which a body is tried.
var formats = []format{
	{name: "openai", dialect: "openai", definition: openAIDefinition, parse: parseOpenAI, messages: openAIMessages},
	{name: "openai-responses", dialect: "openai", definition: responsesDefinition, parse: parseResponses, messages: responsesItems},
	{name: "anthropic", dialect: "anthropic", definition: anthropicDefinition, parse: parseAnthropic, messages: anthropicMessages},
	{name: "gemini", dialect: "gemini", definition: geminiDefinition, parse: parseGemini, messages: geminiMessages},
	{name: "gemini-interactions", dialect: "gemini", definition: interactionsDefinition, parse: parseInteractions, messages: interactionsSteps},
	{name: "mcp"},
}

// formatNamed returns the format; "" is mcp, nil is unknown.
func formatNamed(name string) *format {
	if name == "" {
		name = "mcp"
	}
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &formats[i]
}

func unknownFormat() *gateway.Refusal {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return gateway.Refuse("surface", gateway.Malformed, "unknown format; use one of "+strings.Join(names, ", "))
}

// mcpDefinition is the upstream's own definition under the name on /mcp.
func mcpDefinition(t *gateway.Tool) json.RawMessage {
	o, err := gateway.Split(t.Offer(false))
	if err != nil {
		return marshal(map[string]any{"name": t.Wire})
	}
	members := slices.Clone(o.Members())
	for i := range members {
		if members[i].Name == "name" {
			members[i].Value = marshal(t.Wire)
		}
	}
	return gateway.JoinMembers(members)
}

// list returns the elements of an array member; nil if it is missing or no array.
func list(o gateway.Object, name string) []gateway.Object {
	raw, ok := o.Get(name)
	if !ok {
		return nil
	}
	return elements(raw)
}

// elements splits an array of objects that the strict parser accepted. What is
// not an object is skipped: providers mix strings in.
func elements(raw json.RawMessage) []gateway.Object {
	items, _ := gateway.Elements(raw)
	var objects []gateway.Object
	for _, item := range items {
		if o, err := gateway.Split(item); err == nil {
			objects = append(objects, o)
		}
	}
	return objects
}

// text returns a string member, "" if it is missing or no string.
func text(o gateway.Object, name string) string {
	s, _, _ := o.String(name)
	return s
}
