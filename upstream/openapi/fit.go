package openapi

import (
	"encoding/json"
	"maps"
	"slices"
)

// What the schema of one tool may come to, in bytes: more than the first is no
// use to a model, more than the second is not compiled (upstream.compile).
const (
	wordyBytes = 64 << 10
	mostBytes  = 384 << 10
)

// fitted bounds a schema. First what its definitions say in words goes, then
// the definitions that are the most references away: what they describe is for
// the API to check.
func fitted(schema map[string]any) map[string]any {
	defs, _ := schema["$defs"].(map[string]any)
	if len(defs) == 0 || size(schema) <= wordyBytes {
		return schema
	}
	for name, def := range defs {
		defs[name] = withoutWords(def)
	}
	levels, total := levelsOf(schema, defs), size(schema)
	for last := len(levels) - 1; last >= 0 && total > mostBytes; last-- {
		for _, name := range levels[last] {
			total -= size(defs[name])
			defs[name] = true
		}
		if last+1 < len(levels) { // nothing refers to them any more
			for _, name := range levels[last+1] {
				delete(defs, name)
			}
		}
	}
	return schema
}

func size(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0 // define says so
	}
	return len(raw)
}

// withoutWords drops titles, descriptions and defaults from a schema. It walks
// as the shaper wrote it: what is under properties is named by the document.
func withoutWords(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, sub := range v {
			switch k := keywords[name]; {
			case name == "title" || name == "description" || name == "default" || name == "examples":
				delete(v, name)
			case k == aSchema || k == schemaList:
				v[name] = withoutWords(sub)
			case k == schemaMap:
				m, _ := sub.(map[string]any)
				for property, schema := range m {
					m[property] = withoutWords(schema)
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutWords(v[i])
		}
	}
	return v
}

// levelsOf are the names of definitions by how many references they are away.
func levelsOf(schema, defs map[string]any) [][]string {
	seen := map[string]bool{}
	var levels [][]string
	front := map[string]any{}
	maps.Copy(front, schema)
	delete(front, "$defs")
	for level := namesIn(front, nil); len(level) > 0; {
		var fresh, next []string
		for _, name := range level {
			if !seen[name] {
				seen[name] = true
				fresh = append(fresh, name)
				next = namesIn(defs[name], next)
			}
		}
		if len(fresh) > 0 {
			levels = append(levels, fresh)
		}
		level = next
	}
	return levels
}

// namesIn are the definitions that a schema refers to.
func namesIn(v any, names []string) []string {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && len(ref) > len("#/$defs/") {
			names = append(names, ref[len("#/$defs/"):])
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "enum" && name != "const" && name != "default" && name != "examples" {
				names = namesIn(v[name], names)
			}
		}
	case []any:
		for _, sub := range v {
			names = namesIn(sub, names)
		}
	}
	return names
}
