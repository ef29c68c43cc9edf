package upstream

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/gateway"
)

// portable reports whether the official TypeScript client of the revisions
// before 2026-07-28 can compile an output schema. It compiles all of them when
// it reads a list, with Ajv 8 as draft 7 whatever $schema says, and one that
// fails costs it the list. In doubt the answer is no: the schema is left out.
func portable(outputSchema json.RawMessage) bool {
	doc, ok := gateway.Decode(outputSchema).(map[string]any)
	if !ok {
		return false
	}
	delete(doc, "$schema")
	if !portableIn(doc, false) {
		return false
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(&nowhere{})
	c.UseRegexpEngine(portablePattern)
	const place = "toolward:output"
	if c.AddResource(place, doc) != nil {
		return false
	}
	_, err := c.Compile(place)
	return err == nil
}

// unportable are keywords that Ajv refuses, or resolves against what is not in
// the schema.
var unportable = []string{"$id", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"}

// portableIn looks at a schema and those in it; named says that v holds schemas
// by names that somebody chose.
func portableIn(v any, named bool) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(sub any) bool { return !portableIn(sub, false) })
	case map[string]any:
		if !named && !portableKeywords(v) {
			return false
		}
		for key, sub := range v {
			if !named && slices.Contains([]string{"const", "default", "enum", "examples"}, key) {
				continue
			}
			byName := !named && slices.Contains([]string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}, key)
			if !portableIn(sub, byName) {
				return false
			}
		}
	}
	return true
}

func portableKeywords(schema map[string]any) bool {
	for _, key := range unportable {
		if _, ok := schema[key]; ok {
			return false
		}
	}
	if _, typed := schema["type"]; schema["nullable"] != nil && !typed {
		return false
	}
	for pattern := range mapOf(schema["patternProperties"]) {
		if !ecma(pattern) {
			return false
		}
	}
	ref, ok := schema["$ref"]
	text, _ := ref.(string)
	pattern, _ := schema["pattern"].(string)
	return (!ok || strings.HasPrefix(text, "#")) && ecma(pattern)
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
