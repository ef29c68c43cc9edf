package definition

import (
	"encoding/json"
	"math/big"
	"slices"
)

// less reports whether a keyword of the schema s accepts no more than in the schema of,
// without anything new to read. It is asked where the two differ; a value is nil where
// the keyword is not there. A keyword that is not here, and differs in any way, makes a
// change one that a person looks at.
func less(name string, of, s map[string]any) bool {
	x, y := of[name], s[name]
	switch name {
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
		return bounds(x, y, -1)
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
		return bounds(x, y, 1)
	case "multipleOf":
		return multiple(x, y)
	case "uniqueItems":
		return unique(x, y)
	case "type":
		return types(x, y)
	case "enum", "const":
		return values(of, s)
	case "pattern":
		return x == nil && wordless(y)
	case "format":
		return x == nil && slices.Contains(formats, y)
	case "required":
		return required(of, x, y)
	case "properties":
		return properties(of, s)
	case "additionalProperties", "propertyNames":
		return narrows(given(x), given(y))
	case "items":
		return items(x, y)
	case "prefixItems", "allOf":
		return each(x, y)
	case "anyOf":
		return branches(x, y)
	case "$defs", "definitions":
		return defs(x, y)
	}
	return false
}

// narrows reports whether the schema s accepts nothing that the schema of does not, and
// says nothing that of does not say. No is also the answer where that is not known.
func narrows(of, s any) bool {
	if same(of, s) || s == false {
		return true
	}
	a, okA := asObject(of)
	b, okB := asObject(s)
	if !okA || !okB {
		return false
	}
	return everyDifference(a, b, func(name string) bool {
		if has(a, name) && a[name] == nil || has(b, name) && b[name] == nil {
			return false // null is no value of any of them
		}
		return less(name, a, b)
	})
}

// asObject is a schema as an object; true is the empty one.
func asObject(schema any) (map[string]any, bool) {
	if schema == true {
		return map[string]any{}, true
	}
	m, ok := schema.(map[string]any)
	return m, ok
}

// given is a schema, or the one that accepts everything where there is none.
func given(schema any) any {
	if schema == nil {
		return true
	}
	return schema
}

// bounds: a number may be added, or move to the side on which less is accepted: -1 is
// down.
func bounds(x, y any, side int) bool {
	b := number(y)
	if x == nil || b == nil {
		return b != nil
	}
	a := number(x)
	return a != nil && b.Cmp(a) == side
}

// number is a value that is one, of a length that holds no text in disguise.
func number(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok || len(n) > 20 {
		return nil
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

func multiple(x, y any) bool {
	b := number(y)
	if b == nil {
		return false
	}
	if x == nil {
		return true
	}
	a := number(x)
	return a != nil && a.Sign() > 0 && new(big.Rat).Quo(b, a).IsInt()
}

func unique(x, y any) bool { return y == true || y == nil && x == false || x == nil && y == false }

// types are words of JSON Schema's own: one may be added where there was none.
func types(x, y any) bool {
	now, ok := list(y)
	if !ok {
		return false
	}
	before, ok := list(x)
	if !ok {
		before = []any{"null", "boolean", "object", "array", "number", "string"}
	}
	return !slices.ContainsFunc(now, func(t any) bool {
		return !slices.Contains(before, t) && (t != "integer" || !slices.Contains(before, any("number")))
	})
}

// list is a keyword that has one value, or several.
func list(v any) ([]any, bool) {
	switch v := v.(type) {
	case string:
		return []any{v}, true
	case []any:
		return v, !slices.ContainsFunc(v, func(e any) bool { _, ok := e.(string); return !ok })
	}
	return nil, false
}

// values are those of enum and const together. One that was not there is something new
// to read, and to send, also where there were none before. They stay in order: of many
// words accepted, sentences can be made.
func values(of, s map[string]any) bool {
	before, okA := valuesOf(of)
	now, okB := valuesOf(s)
	return okA && okB && inOrder(before, now)
}

func valuesOf(s map[string]any) ([]any, bool) {
	all, isList := s["enum"].([]any)
	one, isConst := s["const"]
	switch {
	case isList && isConst:
		return nil, false
	case isConst:
		return []any{one}, true
	}
	return all, isList
}

// inOrder reports whether some are among all, in the order that they have there.
func inOrder(all, some []any) bool {
	for _, v := range all {
		if len(some) > 0 && same(v, some[0]) {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// required may name more of the properties that there were.
func required(of map[string]any, x, y any) bool {
	before, okA := list(orNone(x))
	now, okB := list(orNone(y))
	if !okA || !okB || slices.ContainsFunc(before, func(name any) bool { return !slices.Contains(now, name) }) {
		return false
	}
	had, _ := of["properties"].(map[string]any)
	return !slices.ContainsFunc(now, func(name any) bool {
		text, _ := name.(string)
		return !slices.Contains(before, name) && !has(had, text)
	})
}

func orNone(v any) any {
	if v == nil {
		return []any{}
	}
	return v
}

// properties: a new one is a name to read and something more to say. One that is gone
// is accepted still, with any value, unless its object is closed.
func properties(of, s map[string]any) bool {
	before, okA := of["properties"].(map[string]any)
	now, okB := orEmpty(s["properties"]).(map[string]any)
	if !okA || !okB {
		return false
	}
	closed := s["additionalProperties"] == false && s["patternProperties"] == nil
	for name, v := range before {
		if after, ok := now[name]; ok && !narrows(v, after) || !ok && !closed {
			return false
		}
	}
	for name := range now {
		if !has(before, name) {
			return false
		}
	}
	return true
}

func orEmpty(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

// items of before 2020-12 may be a list, which is as prefixItems.
func items(x, y any) bool {
	_, listA := x.([]any)
	_, listB := y.([]any)
	if listA || listB {
		return each(x, y)
	}
	return narrows(given(x), given(y))
}

// each is a list of schemas of which each stays or becomes narrower.
func each(x, y any) bool {
	a, okA := x.([]any)
	b, okB := y.([]any)
	if !okA || !okB || len(a) != len(b) {
		return false
	}
	for i := range a {
		if !narrows(a[i], b[i]) {
			return false
		}
	}
	return true
}

// branches are alternatives, in order, of which some may go.
func branches(x, y any) bool {
	a, okA := x.([]any)
	b, okB := y.([]any)
	if !okA || !okB {
		return false
	}
	for _, v := range a {
		if len(b) > 0 && narrows(v, b[0]) {
			b = b[1:]
		}
	}
	return len(b) == 0
}

// defs are what references lead to. One that is gone would leave some that lead
// nowhere.
func defs(x, y any) bool {
	a, okA := x.(map[string]any)
	b, okB := y.(map[string]any)
	if !okA || !okB || len(a) != len(b) {
		return false
	}
	for name, v := range a {
		after, ok := b[name]
		if !ok || !narrows(v, after) {
			return false
		}
	}
	return true
}

// formats are those of JSON Schema 2020-12 validation §7.3.
var formats = []any{"date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6",
	"uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex"}
