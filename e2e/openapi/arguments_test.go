//go:build apis

package openapi

import (
	"encoding/json"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"toolward/gateway"
)

// argumentsOf makes arguments that the tool's own schema accepts, as small as
// can be: what is required, and of a choice the first that works.
func argumentsOf(tool *gateway.Tool) (gateway.Args, bool) {
	var def struct {
		InputSchema map[string]any `json:"inputSchema"`
	}
	if err := json.Unmarshal(tool.Definition, &def); err != nil {
		return gateway.Args{}, false
	}
	for choice := range 6 {
		g := generator{defs: mapOf(def.InputSchema["$defs"]), choice: choice}
		raw, err := json.Marshal(g.value(def.InputSchema, 0))
		if err != nil {
			continue
		}
		args, err := gateway.ParseArgs(raw)
		if err == nil && tool.Check != nil {
			args, err = tool.Check(args)
		}
		if err == nil {
			return args, true
		}
	}
	return gateway.Args{}, false
}

type generator struct {
	defs   map[string]any
	choice int
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// merged is a schema with its references and compositions put into one.
func (g generator) merged(v any, depth int) map[string]any {
	out := map[string]any{}
	if depth > 20 {
		return out
	}
	s := mapOf(v)
	add := func(more map[string]any) {
		for k, v := range more {
			switch k {
			case "properties":
				all := maps.Clone(mapOf(out[k]))
				if all == nil {
					all = map[string]any{}
				}
				maps.Copy(all, mapOf(v))
				out[k] = all
			case "required":
				had, _ := out[k].([]any)
				list, _ := v.([]any)
				out[k] = append(slices.Clone(had), list...)
			case "$ref", "allOf", "anyOf", "oneOf":
			default:
				out[k] = v
			}
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		add(g.merged(g.defs[strings.TrimPrefix(ref, "#/$defs/")], depth+1))
	}
	add(s)
	for _, part := range listOf(s["allOf"]) {
		add(g.merged(part, depth+1))
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		if parts := listOf(s[word]); len(parts) > 0 {
			add(g.merged(parts[g.choice%len(parts)], depth+1))
		}
	}
	return out
}

func listOf(v any) []any {
	l, _ := v.([]any)
	return l
}

func (g generator) value(v any, depth int) any {
	s := g.merged(v, 0)
	if c, ok := s["const"]; ok {
		return c
	}
	if enum := listOf(s["enum"]); len(enum) > 0 {
		return enum[0]
	}
	kind, _ := s["type"].(string)
	if l := listOf(s["type"]); len(l) > 0 {
		kind, _ = l[0].(string)
	}
	switch {
	case kind == "object" || kind == "" && s["properties"] != nil:
		return g.object(s, depth)
	case kind == "array":
		least, _ := s["minItems"].(float64)
		all := []any{}
		for range max(int(least), 1) {
			all = append(all, g.value(s["items"], depth+1))
		}
		return all
	case kind == "integer" || kind == "number":
		return number(s)
	case kind == "boolean":
		return true
	case kind == "null":
		return nil
	}
	return text(s)
}

func (g generator) object(s map[string]any, depth int) any {
	properties, out := mapOf(s["properties"]), map[string]any{}
	for _, name := range listOf(s["required"]) {
		if name, ok := name.(string); ok && depth < 20 {
			out[name] = g.value(properties[name], depth+1)
		}
	}
	least, _ := s["minProperties"].(float64)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if depth == 0 && g.choice%2 == 0 || len(out) < int(least) { // optional parameters too
			out[name] = g.value(properties[name], depth+1)
		}
	}
	if depth != 1 || len(out) > 0 {
		return out
	}
	for name := range properties { // a path has no form for nothing
		out[name] = g.value(properties[name], depth+1)
		return out
	}
	switch more := s["additionalProperties"].(type) {
	case map[string]any:
		out["a"] = g.value(more, depth+1)
	case nil:
		out["a"] = "b"
	}
	return out
}

func number(s map[string]any) any {
	least, bounded := s["minimum"].(float64)
	if over, ok := s["exclusiveMinimum"].(float64); ok {
		least, bounded = over+1, true
	}
	if most, ok := s["maximum"].(float64); ok && !bounded {
		return min(most, 1)
	}
	if by, ok := s["multipleOf"].(float64); ok {
		return by * float64(int(least/by)+1)
	}
	if bounded {
		return least
	}
	return 1
}

func text(s map[string]any) any {
	if s["contentEncoding"] == "base64" {
		return "YQ=="
	}
	least, _ := s["minLength"].(float64)
	pattern, _ := s["pattern"].(string)
	sample := "a"
	if formats[s["format"]] != "" {
		sample = formats[s["format"]]
	}
	if re, err := syntax.Parse(pattern, syntax.Perl); err == nil && pattern != "" {
		sample = spelled(re)
	}
	for len(sample) < int(least) {
		sample += "a"
	}
	return sample
}

var formats = map[any]string{
	"date-time": "2020-01-01T00:00:00Z", "date": "2020-01-01", "uri": "https://a.example", "email": "a@b.example", "uuid": "00000000-0000-4000-8000-000000000000",
}

// spelled is a short text that a regular expression matches.
func spelled(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		for _, r := range "a1A-" {
			for i := 0; i+1 < len(re.Rune); i += 2 {
				if re.Rune[i] <= r && r <= re.Rune[i+1] {
					return string(r)
				}
			}
		}
		return string(re.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpCapture, syntax.OpPlus:
		return spelled(re.Sub[0])
	case syntax.OpAlternate:
		return spelled(re.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(spelled(re.Sub[0]), max(re.Min, 0))
	case syntax.OpConcat:
		var out strings.Builder
		for _, sub := range re.Sub {
			out.WriteString(spelled(sub))
		}
		return out.String()
	}
	return "" // anchors, stars, options
}
