package definition

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/gateway"
)

// Where Compare says that a schema is narrower, no value fits it that does not fit the
// other, by the validator that checks calls; and it says so of many.
func TestNarrowerTakesNoMore(t *testing.T) {
	const pairs, values = 4_000, 40
	draw := &drawer{rand.New(rand.NewPCG(1, 2))}
	narrower := 0
	for range pairs {
		before := draw.schema(3)
		after := draw.change(clone(before), 3)
		a, b := compiled(before), compiled(after)
		if a == nil || b == nil {
			continue // a reference that leads nowhere, or round in a circle
		}
		class := Compare(toolOf(t, before), toolOf(t, after))
		if class == Narrower {
			narrower++
		}
		for range values {
			v := draw.value(3)
			fitsA, fitsB := a.Validate(v) == nil, b.Validate(v) == nil
			if (class == Narrower || class == Same) && fitsB && !fitsA || (class == Wider || class == Same) && fitsA && !fitsB {
				t.Fatalf("%s: %s -> %s, and %s", class, show(before), show(after), show(v))
			}
		}
	}
	if narrower < pairs/20 {
		t.Errorf("%d of %d changes narrow: that shows little", narrower, pairs)
	}
}

func toolOf(t *testing.T, schema any) json.RawMessage {
	raw, err := json.Marshal(map[string]any{"name": "t", "inputSchema": schema})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func clone(schema any) any { return gateway.Decode(json.RawMessage(mustJSON(schema))) }

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is drawn always marshals
	}
	return string(raw)
}

func compiled(schema any) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	if c.AddResource("s:", clone(schema)) != nil {
		return nil
	}
	s, err := c.Compile("s:")
	if err != nil {
		return nil
	}
	return s
}

// drawer draws small schemas of few names and values, so that they often meet.
type drawer struct{ *rand.Rand }

func (d *drawer) one(of ...any) any { return of[d.IntN(len(of))] }

func (d *drawer) name() string { return d.one("a", "b", "c").(string) }

func (d *drawer) small() json.Number {
	return json.Number(d.one("0", "1", "2", "3").(string))
}

func (d *drawer) schema(depth int) any {
	if depth == 0 || d.IntN(12) == 0 {
		return d.one(true, true, false, map[string]any{})
	}
	s := map[string]any{}
	for range 1 + d.IntN(3) {
		name := d.keyword()
		s[name] = d.of(name, depth)
	}
	if depth == 3 && d.IntN(2) == 0 {
		s["$defs"] = map[string]any{"x": d.schema(1)}
	}
	return s
}

func (d *drawer) keyword() string {
	return d.one("maximum", "minimum", "exclusiveMaximum", "multipleOf", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "type", "type", "enum", "const",
		"required", "properties", "properties", "additionalProperties", "additionalProperties", "patternProperties", "propertyNames", "items", "prefixItems", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
		"contains", "maxContains", "minContains", "$ref", "unevaluatedProperties", "unevaluatedItems", "maxProperties", "dependentRequired", "dependentSchemas").(string)
}

func (d *drawer) of(name string, depth int) any {
	list := func(of func() any) []any {
		all := []any{}
		for range 1 + d.IntN(3) {
			all = append(all, of())
		}
		return all
	}
	below := func() any { return d.schema(depth - 1) }
	byName := func() any {
		all := map[string]any{}
		for range 1 + d.IntN(2) {
			all[d.name()] = below()
		}
		return all
	}
	switch name {
	case "maximum", "minimum", "exclusiveMaximum", "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "maxContains", "minContains":
		return d.small()
	case "multipleOf":
		return json.Number(d.one("1", "2", "3", "4").(string))
	case "pattern":
		return d.one("^a", "^[a-z]+$", "^.$")
	case "uniqueItems":
		return d.one(true, false)
	case "type":
		return d.one("string", "number", "integer", "object", "array", "null", []any{"string", "number"}, []any{"object", "array", "null"})
	case "enum":
		return []any{d.value(0), json.Number("7"), d.value(0), "z"}
	case "const":
		return d.value(1)
	case "required":
		return []any{d.name()}
	case "dependentRequired":
		return map[string]any{d.name(): []any{d.name()}}
	case "properties", "dependentSchemas":
		return byName()
	case "patternProperties":
		return map[string]any{d.one("^a", "^b").(string): below()}
	case "prefixItems", "allOf", "anyOf", "oneOf":
		return list(below)
	case "$ref":
		return d.one("#/$defs/x", "#/properties/a", "#/anyOf/0")
	}
	return below()
}

func (d *drawer) value(depth int) any {
	kind := d.IntN(8)
	if depth == 0 {
		kind = d.IntN(4)
	}
	switch {
	case kind == 0:
		return nil
	case kind == 1:
		return d.one("", "a", "b", "ab", "abc", "A")
	case kind < 4:
		return json.Number(d.one("0", "1", "2", "3", "4", "1.5", "-1").(string))
	case kind == 4:
		all := []any{}
		for range d.IntN(4) {
			all = append(all, d.value(depth-1))
		}
		return all
	}
	all := map[string]any{}
	for range d.IntN(4) {
		all[d.name()] = d.value(depth - 1)
	}
	return all
}

// change changes a schema in one place: mostly as servers narrow theirs, at times in any
// way.
func (d *drawer) change(schema any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth == 0 || d.IntN(5) == 0 {
		return d.schema(max(depth, 1))
	}
	var inside []func()
	for _, name := range slices.Sorted(maps.Keys(s)) { // so that the same is drawn each time
		v := s[name]
		switch v := v.(type) {
		case map[string]any:
			switch name {
			case "properties", "$defs", "patternProperties", "dependentSchemas":
				for _, at := range slices.Sorted(maps.Keys(v)) {
					inside = append(inside, func() { v[at] = d.change(v[at], depth-1) }, func() { delete(v, at) })
				}
			case "dependentRequired":
			default:
				inside = append(inside, func() { s[name] = d.change(v, depth-1) })
			}
		case []any:
			if name == "allOf" || name == "anyOf" || name == "oneOf" || name == "prefixItems" {
				for i := range v {
					inside = append(inside, func() { v[i] = d.change(v[i], depth-1) })
				}
			}
			if len(v) > 1 {
				inside = append(inside, func() { s[name] = v[:len(v)-1] })
			}
		case json.Number:
			inside = append(inside, func() { s[name] = d.small() })
		}
		inside = append(inside, func() { delete(s, name) })
	}
	inside = append(inside, func() { name := d.keyword(); s[name] = d.of(name, depth) }, func() { s["additionalProperties"] = false },
		func() { s["maxLength"] = json.Number("2") }, func() { s["type"] = d.one("integer", "string", "object") })
	inside[d.IntN(len(inside))]()
	return s
}
