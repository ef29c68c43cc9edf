package rest

import (
	"encoding/json"
	"strings"

	"toolward/gateway"
)

// content is a result's content blocks, or the refusal as one text block.
type content struct {
	blocks     []gateway.Object
	structured json.RawMessage // structuredContent, nil if absent
	failed     bool            // the model should know that this did not work
}

func contentOf(o outcome) content {
	if o.refusal != nil {
		return content{blocks: []gateway.Object{textBlock(refusalText(o.refusal))}, failed: true}
	}
	if o.result.Error != nil {
		return content{blocks: []gateway.Object{textBlock(upstreamError(o.result).Reasons[0])}, failed: true}
	}
	result, err := gateway.Split(o.result.Raw)
	if err != nil {
		return content{blocks: []gateway.Object{textBlock("the tool's answer is not an object")}, failed: true}
	}
	c := content{blocks: list(result, "content"), failed: o.result.IsError}
	if s, ok := result.Get("structuredContent"); ok {
		c.structured = s
	}
	return c
}

func textBlock(s string) gateway.Object {
	o, err := gateway.Split(marshal(map[string]string{"type": "text", "text": s}))
	if err != nil {
		panic("rest: a block of ours does not parse: " + err.Error())
	}
	return o
}

// refusalText is what a model reads in place of a result.
func refusalText(r *gateway.Refusal) string {
	return "toolward refused this call (" + string(r.Code) + "): " + strings.Join(r.Reasons, "; ")
}

// plain is a block as text: its own text, an embedded resource's text, or the
// block's JSON where it is neither, so that nothing is silently dropped.
func plain(block gateway.Object) string {
	switch text(block, "type") {
	case "text":
		return text(block, "text")
	case "resource":
		if res, err := block.Object("resource"); err == nil {
			if s, ok, err := res.String("text"); ok && err == nil {
				return s
			}
		}
	}
	return string(block.Raw())
}

// joined is all blocks as one text, for formats whose results are strings.
// Structured content stands in where a tool sent nothing else.
func (c content) joined() string {
	if len(c.blocks) == 0 && c.structured != nil {
		return string(c.structured)
	}
	parts := make([]string, len(c.blocks))
	for i, b := range c.blocks {
		parts[i] = plain(b)
	}
	return strings.Join(parts, "\n")
}

// image returns the type and base64 data of an image block.
func image(block gateway.Object) (mime, data string, ok bool) {
	if text(block, "type") != "image" {
		return "", "", false
	}
	return text(block, "mimeType"), text(block, "data"), true
}
