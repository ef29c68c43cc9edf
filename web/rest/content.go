package rest

import (
	"bytes"
	"encoding/json"
	"strings"

	"toolward/gateway"
)

// content is what a model is to learn of a call: the blocks of a result that
// say something, or the refusal as one text.
type content struct {
	parts      []part
	structured json.RawMessage // structuredContent, nil if absent
	failed     bool            // the model should know that this did not work
}

func contentOf(o outcome) content {
	if o.refusal != nil {
		return failure(refusalText(o.refusal))
	}
	if o.result.Error != nil {
		return failure(upstreamError(o.result).Reasons[0])
	}
	result, err := gateway.Split(o.result.Raw)
	if err != nil {
		return failure("the tool's answer is not an object")
	}
	c := content{failed: o.result.IsError}
	for _, block := range list(result, "content") {
		// Providers refuse a message with a blank text for good: the
		// conversation could not go on.
		if p := partOf(block); p.data != "" || strings.TrimSpace(p.text) != "" {
			c.parts = append(c.parts, p)
		}
	}
	c.structured, _ = result.Get("structuredContent")
	// Structured content stands in where a tool said nothing else.
	if len(c.parts) == 0 && c.structured != nil {
		c.parts = []part{{text: string(c.structured)}}
	}
	return c
}

func failure(text string) content { return content{parts: []part{{text: text}}, failed: true} }

// refusalText is what a model reads in place of a result.
func refusalText(r *gateway.Refusal) string {
	return "toolward refused this call (" + string(r.Code) + "): " + strings.Join(r.Reasons, "; ")
}

// as returns the parts as a format takes them: media of a type that it does
// not take are a note.
func (c content) as(takes media) []part {
	out := make([]part, len(c.parts))
	for i, p := range c.parts {
		if p.data != "" && !takes[p.mime] {
			p = part{text: p.note()}
		}
		out[i] = p
	}
	return out
}

// text is all parts as one text, for formats whose results are strings.
func (c content) text() string { return joined(c.as(nil)) }

// joined is the texts of parts, a line each.
func joined(parts []part) string {
	var texts []string
	for _, p := range parts {
		if p.data == "" {
			texts = append(texts, p.text)
		}
	}
	return strings.Join(texts, "\n")
}

// says reports whether a text is nothing but the structured content written as
// JSON, which MCP asks tools to send beside it (2025-06-18 server/tools,
// structured content).
func (c content) says(text string) bool {
	if c.structured == nil {
		return false
	}
	a, err := gateway.Canonical([]byte(text))
	b, bad := gateway.Canonical(c.structured)
	return err == nil && bad == nil && bytes.Equal(a, b)
}
