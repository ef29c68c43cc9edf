// Package dialecttest makes random schemas, of every draft and often nasty, and
// values for schemas as a model would write them.
package dialecttest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Raw is JSON that encoding/json would write in another way.
type Raw string

// MarshalJSON is the JSON.
func (r Raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// Sample is a schema, and values as its author meant them.
type Sample struct {
	Schema any
	Value  func(*rand.Rand) any
}

// maker makes random schemas of one draft, nasty ones more often than not.
type maker struct {
	*rand.Rand
	draft string // 04, 07, 2019-09, 2020-12
	defs  map[string]any
	made  []Sample // what defs hold
}

var drafts = map[string]string{
	"04": "http://json-schema.org/draft-04/schema#", "06": "http://json-schema.org/draft-06/schema#", "07": "http://json-schema.org/draft-07/schema#",
	"2019-09": "https://json-schema.org/draft/2019-09/schema", "2020-12": "https://json-schema.org/draft/2020-12/schema",
}

func (m *maker) pick(n int) int          { return m.IntN(n) }
func (m *maker) chance(percent int) bool { return m.pick(100) < percent }
func (m *maker) old() bool               { return m.draft < "2019-09" }

// Root is the input schema of a tool, and arguments for it.
func Root(t *rand.Rand) Sample {
	m := &maker{Rand: t, defs: map[string]any{}, draft: sampled(t, []string{"04", "06", "07", "2019-09", "2020-12", "2020-12"})}
	for range m.pick(3) {
		s := m.node(2)
		m.define(s)
	}
	s := m.object(3)
	if m.chance(40) {
		s = m.combined(3, m.object)
	}
	schema := maps.Clone(s.Schema.(map[string]any))
	if m.chance(50) || m.draft != "2020-12" {
		schema["$schema"] = drafts[m.draft]
	}
	if m.chance(70) {
		schema["type"] = "object"
	}
	if len(m.defs) > 0 {
		schema[m.defsKey()] = m.defs
	}
	return Sample{schema, s.Value}
}

func (m *maker) defsKey() string {
	if m.old() {
		return "definitions"
	}
	return "$defs"
}

func (m *maker) define(s Sample) {
	m.defs[fmt.Sprintf("D%d", len(m.made))] = s.Schema
	m.made = append(m.made, s)
}

// node is any schema.
func (m *maker) node(depth int) Sample {
	if depth <= 0 {
		return m.scalar()
	}
	switch m.pick(12) {
	case 0, 1:
		return m.object(depth - 1)
	case 2:
		return m.array(depth - 1)
	case 3:
		return m.tuple(depth - 1)
	case 4, 5:
		return m.combined(depth-1, m.node)
	case 6:
		return m.reference()
	case 7:
		return m.listed()
	case 8:
		return m.several()
	case 9:
		return m.anything()
	}
	return m.scalar()
}

// Spoil puts nonsense into a schema, somewhere: nobody may choke on it.
func Spoil(r *rand.Rand, v any) {
	o, ok := v.(map[string]any)
	if !ok {
		return
	}
	nonsense := []any{nil, 5, -1, "x", "object", "#/nowhere", true, false, []any{}, []any{5, nil}, map[string]any{}, map[string]any{"x": 5}, Raw("1e999"), Raw("-0.5")}
	keys := slices.Sorted(maps.Keys(o))
	if len(keys) > 0 && r.IntN(3) > 0 {
		key := sampled(r, keys)
		switch sub := o[key].(type) {
		case map[string]any:
			Spoil(r, sub)
			return
		case []any:
			if len(sub) > 0 {
				Spoil(r, sampled(r, sub))
				return
			}
		}
	}
	all := []string{
		"type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "not", "if", "then", "$ref", "$defs", "$id", "id", "$schema", "additionalProperties",
		"patternProperties", "minimum", "exclusiveMinimum", "maxLength", "multipleOf", "pattern", "format", "title", "description", "default", "dependencies", "prefixItems", "uniqueItems", "examples", "$dynamicRef",
	}
	o[sampled(r, all)] = sampled(r, nonsense)
}

// words are annotations, some of them of no use to anybody.
func (m *maker) words(schema map[string]any) {
	if m.chance(30) {
		schema["description"] = sampled(m.Rand, []string{"A thing.", "", "Ünï \"q\" <b> \u2028", strings.Repeat("long ", 300)})
	}
	if m.chance(10) {
		schema["title"] = "Title"
	}
	if m.chance(15) {
		odd := sampled(m.Rand, []string{"$comment", "x-order", "readOnly", "nullable", "deprecated", "example", "contentEncoding", "markdownDescription"})
		schema[odd] = map[string]any{"$comment": "c", "x-order": 1, "readOnly": true, "nullable": true, "deprecated": true, "example": "e", "contentEncoding": "base64", "markdownDescription": "*"}[odd]
	}
}

func (m *maker) scalar() Sample {
	schema := map[string]any{}
	m.words(schema)
	s := Sample{Schema: schema}
	switch m.pick(5) {
	case 0:
		schema["type"] = "string"
		s.Value = func(t *rand.Rand) any { return sampled(t, []string{"abc", "x"}) }
		if m.chance(30) {
			schema["minLength"], schema["maxLength"] = m.number(1), m.number(9)
		}
		if m.chance(20) {
			schema["pattern"] = sampled(m.Rand, []string{"^[a-z]+$", "^(?!q)", `\p{L}+`})
		}
		if m.chance(30) {
			schema["format"] = sampled(m.Rand, []string{"uri", "date-time", "date", "uuid", "byte", "my-own"})
		}
	case 1:
		schema["type"] = sampled(m.Rand, []string{"integer", "number"})
		s.Value = func(t *rand.Rand) any { return t.IntN(10) }
		m.bounds(schema)
	case 2:
		schema["type"] = "boolean"
		s.Value = func(t *rand.Rand) any { return t.IntN(2) == 0 }
	case 3:
		schema["type"] = "null"
		s.Value = func(*rand.Rand) any { return nil }
	case 4: // the type is understood
		schema["minLength"] = m.number(1)
		s.Value = func(*rand.Rand) any { return "understood" }
	}
	if m.chance(20) {
		schema["default"] = s.Value(m.Rand)
	}
	if m.chance(10) && m.draft != "04" {
		schema["examples"] = []any{s.Value(m.Rand)}
	}
	return s
}

// number is a bound, written as an integer or with a fraction of nothing.
func (m *maker) number(n int) any {
	if m.chance(20) && m.draft != "04" {
		return Raw(fmt.Sprintf("%d.0", n))
	}
	return n
}

func (m *maker) bounds(schema map[string]any) {
	if m.chance(50) {
		return
	}
	schema["maximum"] = 10
	if m.draft == "04" {
		schema["minimum"], schema["exclusiveMinimum"] = -1, m.chance(50)
	} else {
		schema[sampled(m.Rand, []string{"minimum", "exclusiveMinimum"})] = -1
	}
	if m.chance(20) {
		schema["format"] = sampled(m.Rand, []string{"int32", "int64", "double", "uint8"})
	}
}

// listed is an enum or a const.
func (m *maker) listed() Sample {
	values := sampled(m.Rand, [][]any{
		{"a", "b"}, {"", "a"}, {1, 2}, {"a", 1, nil}, {true}, {nil}, {1.5, 2}, {map[string]any{"a b": 1}}, {[]any{1}, "x"}, {"ü", " "},
	})
	if m.chance(2) {
		values = many(sampled(m.Rand, []int{300, 1001}))
	}
	schema := map[string]any{"enum": values}
	if m.chance(30) && m.draft != "04" {
		values = values[:1]
		schema = map[string]any{"const": values[0]}
	}
	m.words(schema)
	return Sample{schema, func(t *rand.Rand) any { return sampled(t, values) }}
}

func many(n int) []any {
	values := make([]any, n)
	for i := range values {
		values[i] = fmt.Sprintf("value %d %s", i, strings.Repeat("x", 50))
	}
	return values
}

// several is a list of types.
func (m *maker) several() Sample {
	by := map[string]any{"string": "s", "integer": 3, "number": 2.5, "boolean": true, "null": nil, "object": map[string]any{}, "array": []any{}}
	kinds := some(m.Rand, 1, 4, []string{"string", "integer", "number", "boolean", "null", "object", "array"})
	schema := map[string]any{"type": kinds}
	m.words(schema)
	return Sample{schema, func(t *rand.Rand) any { return by[sampled(t, kinds)] }}
}

// anything is a schema that says nothing.
func (m *maker) anything() Sample {
	schema := any(map[string]any{})
	switch {
	case m.draft != "04" && m.chance(50):
		schema = true
	case m.chance(50):
		schema = map[string]any{"description": "Anything."}
	}
	values := []any{"s", 1, 1.5, true, nil, map[string]any{"k": []any{1}}, []any{1, "x", map[string]any{}}}
	return Sample{schema, func(t *rand.Rand) any { return sampled(t, values) }}
}

// PropertyNames are names that properties have somewhere, few of which every
// dialect allows.
var PropertyNames = []string{"a", "b", "name", "$filter", "x-id", "a b", "1st", "名前", "a.b", "", "type", "properties", "required", "$ref", "enum", "items", strings.Repeat("n", 80), "_", "A/b", "~0", "id", "it's", "say \"so\"", "tab\tin", "back\\slash"}

func (m *maker) object(depth int) Sample {
	names := some(m.Rand, 0, 4, PropertyNames)
	props, samples := map[string]any{}, map[string]Sample{}
	var required []string
	for _, name := range names {
		s := m.node(depth)
		props[name], samples[name] = s.Schema, s
		if m.chance(40) {
			required = append(required, name)
		}
	}
	schema := map[string]any{}
	if len(names) > 0 {
		schema["properties"] = props
	}
	if m.chance(80) || len(names) == 0 {
		schema["type"] = "object"
	}
	extra := ""
	switch m.pick(6) {
	case 0:
		schema["additionalProperties"] = false
	case 1:
		schema["additionalProperties"], extra = map[string]any{"type": "string"}, "extra"
	case 2:
		schema["patternProperties"], extra = map[string]any{"^more": map[string]any{"type": "string"}}, "more"
		if m.chance(50) {
			schema["additionalProperties"] = false
		}
	case 3:
		required = append(required, "ghost")
		extra = "ghost"
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	if m.chance(10) {
		schema["minProperties"], schema["maxProperties"] = 0, m.number(9)
	}
	m.words(schema)
	return Sample{schema, func(t *rand.Rand) any {
		v := map[string]any{}
		for _, name := range names {
			if slices.Contains(required, name) || t.IntN(2) == 0 {
				v[name] = samples[name].Value(t)
			}
		}
		if extra != "" {
			v[extra] = "text"
		}
		return v
	}}
}

func sampled[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// some are at least and at most so many of a list.
func some(r *rand.Rand, least, most int, list []string) []string {
	var picked []string
	for _, i := range r.Perm(len(list))[:least+r.IntN(most-least+1)] {
		picked = append(picked, list[i])
	}
	return picked
}

func (m *maker) array(depth int) Sample {
	schema := map[string]any{"type": "array"}
	m.words(schema)
	if m.chance(30) {
		schema["minItems"], schema["maxItems"] = 0, m.number(5)
	}
	if m.chance(20) {
		return Sample{schema, func(*rand.Rand) any { return []any{"s", 1} }}
	}
	s := m.node(depth)
	schema["items"] = s.Schema
	return Sample{schema, func(t *rand.Rand) any {
		list := []any{}
		for range t.IntN(3) {
			list = append(list, s.Value(t))
		}
		return list
	}}
}

func (m *maker) tuple(depth int) Sample {
	var places []any
	var samples []Sample
	for range 1 + m.pick(3) {
		s := m.node(depth)
		places, samples = append(places, s.Schema), append(samples, s)
	}
	schema := map[string]any{"type": "array"}
	key, rest := "prefixItems", "items"
	if m.draft != "2020-12" {
		key, rest = "items", "additionalItems"
	}
	schema[key] = places
	if m.chance(40) {
		schema[rest] = false
	}
	return Sample{schema, func(t *rand.Rand) any {
		list := []any{}
		for _, s := range samples {
			list = append(list, s.Value(t))
		}
		return list
	}}
}

// reference leads to a definition, to one that leads back, or far away.
func (m *maker) reference() Sample {
	switch {
	case m.chance(10):
		return Sample{map[string]any{"type": "object", "properties": map[string]any{"again": map[string]any{"$ref": "#"}}}, func(*rand.Rand) any { return map[string]any{} }}
	case len(m.made) == 0:
		return m.scalar()
	}
	i := m.pick(len(m.made))
	schema := map[string]any{"$ref": fmt.Sprintf("#/%s/D%d", m.defsKey(), i)}
	m.words(schema)
	if m.chance(20) && m.old() {
		schema["type"] = "string" // not read beside $ref
	}
	return Sample{schema, m.made[i].Value}
}

// combined is a schema of schemas.
func (m *maker) combined(depth int, of func(int) Sample) Sample {
	a, b := of(depth), of(depth)
	either := func(t *rand.Rand) any {
		if t.IntN(2) == 0 {
			return a.Value(t)
		}
		return b.Value(t)
	}
	schema := map[string]any{}
	m.words(schema)
	switch m.pick(6) {
	case 0:
		schema["anyOf"] = []any{a.Schema, b.Schema}
		return Sample{schema, either}
	case 1:
		schema["oneOf"] = []any{a.Schema, b.Schema}
		return Sample{schema, either}
	case 2:
		schema["allOf"] = []any{a.Schema}
		return Sample{schema, a.Value}
	case 3:
		more := map[string]any{"description": "More."}
		if o, ok := a.Schema.(map[string]any); ok && o["type"] == "object" {
			more = map[string]any{"properties": map[string]any{"second": map[string]any{"type": "string"}}}
		}
		schema["allOf"] = []any{a.Schema, more}
		return Sample{schema, a.Value}
	case 4:
		s := a.Schema
		if o, ok := s.(map[string]any); ok {
			o = maps.Clone(o)
			o["not"] = map[string]any{"type": "object", "required": []string{"forbidden"}}
			return Sample{o, a.Value}
		}
		return a
	}
	return m.conditional(a)
}

// conditional names a member where another is given.
func (m *maker) conditional(s Sample) Sample {
	o, ok := s.Schema.(map[string]any)
	if !ok {
		return s
	}
	o = maps.Clone(o)
	then := map[string]any{"properties": map[string]any{"when": map[string]any{"type": "string"}}}
	switch {
	case m.draft == "07" || !m.old():
		o["if"], o["then"] = map[string]any{"required": []string{"a"}}, then
	default:
		o["dependencies"] = map[string]any{"a": then, "b": []string{"a"}}
	}
	return Sample{o, s.Value}
}
