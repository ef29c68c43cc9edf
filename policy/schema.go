package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// schema is a place in a JSON Schema: what can stand at one path of the input.
// It reads as much of a schema as says what a comparison can never meet, and
// takes the rest to allow anything: a mistake that is not found costs less than
// a policy that is refused for nothing.
type schema struct {
	doc  map[string]any // nil says nothing, so that anything may be there
	root map[string]any // what its $refs point into
	code string         // of a value that is not among the names, "" for value_impossible
}

// access is what a schema says about a name.
type access int

// The kinds of access.
const (
	free    access = iota // nothing is said
	found                 // it is there
	missing               // it is not named, and may be sent all the same
	never                 // it cannot be there
)

// schemaOf reads a schema as it came.
func schemaOf(raw json.RawMessage) schema {
	var doc map[string]any
	if json.Unmarshal(raw, &doc) != nil {
		return schema{}
	}
	return schema{doc: doc, root: doc}
}

// among is the schema of a string that is one of some names.
func among(code string, names []string) schema {
	values := make([]any, len(names))
	for i, n := range names {
		values[i] = n
	}
	return schema{doc: map[string]any{"type": "string", "enum": values}, code: code}
}

func (s schema) at(doc any) schema {
	m, _ := doc.(map[string]any)
	return schema{doc: m, root: s.root, code: s.code}
}

// layers are the schemas that hold for a value: all of them together, and of
// those in any, one.
func (s schema) layers() (all, some []map[string]any) {
	var add func(doc map[string]any, alternative bool, depth int)
	add = func(doc map[string]any, alternative bool, depth int) {
		if doc == nil || depth > 16 {
			return
		}
		if ref, ok := doc["$ref"].(string); ok {
			add(s.pointer(ref), alternative, depth+1)
		}
		if alternative {
			some = append(some, doc)
		} else {
			all = append(all, doc)
		}
		for _, sub := range list(doc["allOf"]) {
			add(sub, alternative, depth+1)
		}
		for _, sub := range append(list(doc["anyOf"]), list(doc["oneOf"])...) {
			add(sub, true, depth+1)
		}
	}
	add(s.doc, false, 0)
	return all, some
}

func list(v any) (out []map[string]any) {
	subs, _ := v.([]any)
	for _, sub := range subs {
		if m, ok := sub.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// pointer follows a $ref inside the document. One that leads elsewhere says nothing.
func (s schema) pointer(ref string) map[string]any {
	rest, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	at := s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		if name == "" {
			continue
		}
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		at, _ = at[name].(map[string]any)
	}
	return at
}

// types are the JSON types that can stand there, integers among the numbers; nil
// if any can.
func (s schema) types() []string {
	all, some := s.layers()
	for _, doc := range all {
		if types := typesOf(doc); types != nil {
			return types
		}
	}
	var types []string
	for _, doc := range some {
		more := typesOf(doc)
		if more == nil {
			if doc["$ref"] != nil || doc["anyOf"] != nil || doc["oneOf"] != nil || doc["allOf"] != nil {
				continue // what it leads to is a layer too
			}
			return nil
		}
		types = append(types, more...)
	}
	return types
}

func typesOf(doc map[string]any) (types []string) {
	switch t := doc["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok {
				types = append(types, name)
			}
		}
	default:
		for _, v := range enumOf(doc) {
			types = append(types, typeOf(v))
		}
	}
	for i, t := range types {
		if t == "integer" {
			types[i] = "number"
		}
	}
	if len(types) > 0 && doc["nullable"] == true {
		types = append(types, "null")
	}
	return types
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

func enumOf(doc map[string]any) []any {
	if values, ok := doc["enum"].([]any); ok {
		return values
	}
	if v, ok := doc["const"]; ok {
		return []any{v}
	}
	return nil
}

// values are those that can stand there, as Rego writes them; nil if others can.
func (s schema) values() []string {
	all, some := s.layers()
	var out []string
	for _, doc := range all {
		for _, v := range enumOf(doc) {
			out = append(out, written(v))
		}
		if out != nil {
			return out
		}
	}
	for _, doc := range some {
		if doc["$ref"] != nil || doc["anyOf"] != nil || doc["oneOf"] != nil || doc["allOf"] != nil {
			continue
		}
		values := enumOf(doc)
		if values == nil {
			return nil
		}
		for _, v := range values {
			out = append(out, written(v))
		}
	}
	return out
}

func written(v any) string {
	value, err := ast.InterfaceToValue(v)
	if err != nil {
		return ""
	}
	return value.String()
}

// member is what stands under a name, and whether that can be there.
func (s schema) member(name string) (schema, access) {
	all, some := s.layers()
	docs := append(slices.Clone(all), some...)
	var subs []any
	named, closed, open := false, false, false
	for _, doc := range docs {
		properties, _ := doc["properties"].(map[string]any)
		named = named || len(properties) > 0
		if sub, ok := properties[name]; ok {
			subs = append(subs, sub)
		}
		switch more := doc["additionalProperties"].(type) {
		case bool:
			open, closed = open || more, closed || !more
		case map[string]any:
			open = true
			if len(subs) == 0 {
				subs = append(subs, more)
			}
		}
		open = open || doc["patternProperties"] != nil
	}
	switch {
	case len(subs) == 1:
		return s.at(subs[0]), found
	case len(subs) > 1:
		return s.at(map[string]any{"anyOf": subs}), found
	case open || !named && !closed:
		return schema{}, free
	case closed && len(some) == 0:
		return schema{}, never
	}
	return schema{}, missing
}

// names are those of its members, sorted.
func (s schema) names() (names []string) {
	all, some := s.layers()
	for _, doc := range append(slices.Clone(all), some...) {
		properties, _ := doc["properties"].(map[string]any)
		for name := range properties {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// element is what stands in a list, or under any name of an object that has none.
func (s schema) element() schema {
	all, some := s.layers()
	for _, doc := range append(slices.Clone(all), some...) {
		if items, ok := doc["items"].(map[string]any); ok {
			return s.at(items)
		}
		if more, ok := doc["additionalProperties"].(map[string]any); ok {
			return s.at(more)
		}
	}
	return schema{}
}

// only reports whether nothing but values of some types can be there.
func (s schema) only(types ...string) bool {
	have := s.types()
	return len(have) > 0 && !slices.ContainsFunc(have, func(t string) bool { return !slices.Contains(types, t) })
}

// can reports whether a value of a type can be there.
func (s schema) can(kind string) bool {
	have := s.types()
	return len(have) == 0 || slices.Contains(have, kind)
}
