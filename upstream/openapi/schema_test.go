package openapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shaped is the schema of a JSON body in a document of a version, with the
// definitions that it needs; schemas are those of the document.
func shaped(t *testing.T, version, schema, schemas string) (string, map[string]any) {
	t.Helper()
	a := load(t, "openapi: "+version+"\nservers: [{url: https://a.example}]\npaths: {/a: {post: {operationId: x, requestBody: {content: {application/json: {schema: "+schema+"}}}}}}\ncomponents: {schemas: {"+schemas+"}}\n", nil)
	var s map[string]any
	dec := json.NewDecoder(strings.NewReader(schemaOf(t, a, "x")))
	dec.UseNumber()
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(s["properties"].(map[string]any)["body"])
	if err != nil {
		t.Fatal(err)
	}
	return string(body), s
}

func TestSchemas(t *testing.T) {
	tests := map[string]struct{ version, in, want string }{
		"properties named like keywords": {"3.0.3", `{type: object, required: [type, $ref, items], properties: {type: {type: string}, $ref: {type: string}, items: {type: array, items: {}}, properties: {type: object}, required: {type: boolean}, nullable: {type: string}, readOnly: {type: string}, example: {type: string}, enum: {type: string}, x-a: {type: string}, discriminator: {type: string}}}`,
			`{"properties":{"$ref":{"type":"string"},"discriminator":{"type":"string"},"enum":{"type":"string"},"example":{"type":"string"},"items":{"items":{},"type":"array"},"nullable":{"type":"string"},"properties":{"type":"object"},"readOnly":{"type":"string"},"required":{"type":"boolean"},"type":{"type":"string"},"x-a":{"type":"string"}},"required":["type","$ref","items"],"type":"object"}`},
		"what says nothing goes":         {"3.0.3", `{type: string, example: {$ref: nowhere}, xml: {name: x}, externalDocs: {url: x}, x-foo: {$ref: nowhere}, format: date}`, `{"format":"date","type":"string"}`},
		"enum of objects with $ref":      {"3.1.0", `{enum: [{$ref: nowhere}], default: {$ref: nowhere}, const: {properties: {}}}`, `{"const":{"properties":{}},"default":{"$ref":"nowhere"},"enum":[{"$ref":"nowhere"}]}`},
		"nullable":                       {"3.0.3", `{type: string, nullable: true}`, `{"type":["string","null"]}`},
		"nullable with enum":             {"3.0.3", `{type: string, enum: [a], nullable: true}`, `{"enum":["a",null],"type":["string","null"]}`},
		"nullable with enum with null":   {"3.0.3", `{type: string, enum: [a, null], nullable: true}`, `{"enum":["a",null],"type":["string","null"]}`},
		"nullable reference":             {"3.0.3", `{nullable: true, description: d, $ref: "#/components/schemas/S"}`, `{"anyOf":[{"$ref":"#/$defs/S"},{"type":"null"}],"description":"d"}`},
		"nullable allOf":                 {"3.0.3", `{nullable: true, allOf: [{$ref: "#/components/schemas/S"}]}`, `{"anyOf":[{"allOf":[{"$ref":"#/$defs/S"}]},{"type":"null"}]}`},
		"nullable alone":                 {"3.0.3", `{nullable: true}`, `{}`},
		"not nullable":                   {"3.0.3", `{type: string, nullable: false}`, `{"type":"string"}`},
		"3.1 type list":                  {"3.1.0", `{type: [string, "null"]}`, `{"type":["string","null"]}`},
		"3.1 type null, unquoted":        {"3.1.0", `{type: [string, null]}`, `{}`},
		"exclusive, 3.0":                 {"3.0.3", `{type: integer, minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false}`, `{"exclusiveMinimum":0,"maximum":9,"type":"integer"}`},
		"exclusive without bound":        {"3.0.3", `{type: integer, exclusiveMinimum: true}`, `{"type":"integer"}`},
		"exclusive, 3.1":                 {"3.1.0", `{exclusiveMinimum: 0}`, `{"exclusiveMinimum":0}`},
		"dates are texts":                {"3.0.3", `{type: string, format: date, enum: [2020-01-01], default: 2020-01-01}`, `{"default":"2020-01-01","enum":["2020-01-01"],"format":"date","type":"string"}`},
		"texts that YAML takes for more": {"3.0.3", `{type: string, enum: [1.10, true, no, 007, null]}`, `{"enum":["1.10","true","no","7",null],"type":"string"}`},
		"large numbers":                  {"3.0.3", `{type: integer, maximum: 18446744073709551615, minimum: -9223372036854775808}`, `{"maximum":18446744073709551615,"minimum":-9223372036854775808,"type":"integer"}`},
		"values of the wrong kind":       {"3.0.3", `{type: datetime, required: true, minLength: "1", maxLength: -1, pattern: 5, enum: x, properties: [], multipleOf: 0, description: {}, items: string}`, `{"properties":{}}`},
		"required twice":                 {"3.0.3", `{required: [a, a, b]}`, `{"required":["a","b"]}`},
		"required of nothing":            {"3.0.3", `{required: []}`, `{}`},
		"file":                           {"3.0.3", `{type: file}`, `{"contentEncoding":"base64","type":"string"}`},
		"binary":                         {"3.0.3", `{type: string, format: binary}`, `{"contentEncoding":"base64","type":"string"}`},
		"list of items, older drafts":    {"3.0.3", `{type: array, items: [{type: string}, {type: integer}]}`, `{"prefixItems":[{"type":"string"},{"type":"integer"}],"type":"array"}`},
		"true and false":                 {"3.1.0", `{properties: {a: true, b: false}, additionalProperties: false}`, `{"additionalProperties":false,"properties":{"a":true,"b":false}}`},
		"beside $ref, 3.0":               {"3.0.3", `{$ref: "#/components/schemas/S", description: d, minLength: 5}`, `{"$ref":"#/$defs/S","description":"d"}`},
		"beside $ref, 3.1":               {"3.1.0", `{$ref: "#/components/schemas/S", minLength: 5}`, `{"$ref":"#/$defs/S","minLength":5}`},
		"discriminator chooses":          {"3.0.3", `{oneOf: [{type: string}, {minLength: 1}], discriminator: {propertyName: a}}`, `{"anyOf":[{"type":"string"},{"minLength":1}]}`},
		"$schema and $id":                {"3.1.0", `{$schema: "http://json-schema.org/draft-04/schema#", $id: "https://a.example/x", type: string}`, `{"type":"string"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := shaped(t, tt.version, tt.in, "S: {type: string}")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// accepts are what a schema must take and must not, checked as the gateway does.
func accepts(t *testing.T, schema any, good, bad []string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("toolward:schema", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("toolward:schema")
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range append(good, bad...) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"body":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(v); (err == nil) != (i < len(good)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// OpenAPI 3.0.3, Schema Object, readOnly: such a property is not sent, and
// where it is in "required", that is of answers only.
func TestReadOnly(t *testing.T) {
	const user = `User: {type: object, required: [id, name], additionalProperties: false, properties: {id: {type: integer, readOnly: true}, name: {type: string}}}, ` +
		`ID: {type: integer, readOnly: true}, ` +
		`Base: {type: object, properties: {id: {type: integer, readOnly: true}}}, `
	tests := map[string]struct {
		schema, more string
		good, bad    []string
	}{
		"in the body":                         {`{required: [id, name], properties: {id: {type: integer, readOnly: true}, name: {}}}`, "", []string{`{"name":1}`}, []string{`{}`}},
		"by reference":                        {`{$ref: "#/components/schemas/User"}`, "", []string{`{"name":"x"}`}, []string{`{}`, `{"id":1,"name":"x"}`}},
		"nested":                              {`{properties: {user: {$ref: "#/components/schemas/User"}}, required: [user]}`, "", []string{`{"user":{"name":"x"}}`}, []string{`{}`, `{"user":{}}`}},
		"in a list":                           {`{type: array, items: {$ref: "#/components/schemas/User"}}`, "", []string{`[{"name":"x"}]`}, []string{`[{}]`}},
		"in a map":                            {`{additionalProperties: {$ref: "#/components/schemas/User"}}`, "", []string{`{"a":{"name":"x"}}`}, []string{`{"a":{}}`}},
		"the property by reference":           {`{required: [id], properties: {id: {$ref: "#/components/schemas/ID"}}}`, "", []string{`{}`}, nil},
		"the property by allOf":               {`{required: [id], properties: {id: {allOf: [{$ref: "#/components/schemas/ID"}]}}}`, "", []string{`{}`}, nil},
		"beside its $ref":                     {`{required: [id], properties: {id: {$ref: "#/components/schemas/Base", readOnly: true}}}`, "", []string{`{}`}, nil},
		"required in the other part":          {`{allOf: [{$ref: "#/components/schemas/Base"}, {required: [id, name], properties: {name: {}}}]}`, "", []string{`{"name":1}`}, []string{`{}`}},
		"required beside allOf":               {`{required: [id, name], allOf: [{$ref: "#/components/schemas/Base"}]}`, "", []string{`{"name":1}`}, []string{`{}`}},
		"required in a reference":             {`{allOf: [{$ref: "#/components/schemas/Needs"}, {$ref: "#/components/schemas/Base"}]}`, `Needs: {required: [id, name]}, `, []string{`{"name":1}`}, []string{`{}`}},
		"required in anyOf":                   {`{properties: {id: {readOnly: true}}, anyOf: [{required: [id]}, {required: [name]}]}`, "", []string{`{}`}, nil},
		"the same definition where it is not": {`{properties: {a: {allOf: [{$ref: "#/components/schemas/Needs"}, {$ref: "#/components/schemas/Base"}]}, b: {$ref: "#/components/schemas/Needs"}}}`, `Needs: {required: [id]}, `, []string{`{"a":{},"b":{"id":1}}`}, []string{`{"b":{}}`}},
		"of the same name elsewhere":          {`{required: [id], properties: {id: {type: string}, user: {$ref: "#/components/schemas/User"}}}`, "", []string{`{"id":"x"}`}, []string{`{}`}},
		"a property called readOnly":          {`{required: [readOnly], properties: {readOnly: {type: boolean}}}`, "", []string{`{"readOnly":true}`}, []string{`{}`}},
		"writeOnly is sent":                   {`{required: [password], properties: {password: {type: string, writeOnly: true}}}`, "", []string{`{"password":"synthetic"}`}, []string{`{}`}},
	}
	for name, tt := range tests {
		for _, version := range []string{"3.0.3", "3.1.0"} {
			t.Run(name+" "+version, func(t *testing.T) {
				_, s := shaped(t, version, tt.schema, user+tt.more)
				accepts(t, s, tt.good, tt.bad)
			})
		}
	}
}

func TestRecursionAndInheritance(t *testing.T) {
	tests := map[string]struct {
		schema, schemas string
		good, bad       []string
	}{
		"a tree":     {`{$ref: "#/components/schemas/Tree"}`, `Tree: {type: object, required: [v], properties: {v: {type: integer}, kids: {type: array, items: {$ref: "#/components/schemas/Tree"}}}}`, []string{`{"v":1,"kids":[{"v":2}]}`}, []string{`{"v":1,"kids":[{}]}`}},
		"each other": {`{$ref: "#/components/schemas/A"}`, `A: {properties: {b: {$ref: "#/components/schemas/B"}}}, B: {required: [a], properties: {a: {$ref: "#/components/schemas/A"}}}`, []string{`{"b":{"a":{}}}`}, []string{`{"b":{}}`}},
		"children of a base that lists them": {`{$ref: "#/components/schemas/Pet"}`,
			`Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind}, oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}]}, ` +
				`Cat: {allOf: [{$ref: "#/components/schemas/Pet"}, {properties: {lives: {type: integer}}}]}, Dog: {allOf: [{$ref: "#/components/schemas/Pet"}, {properties: {bark: {type: string}}}]}`,
			[]string{`{"kind":"cat","lives":9}`, `{"kind":"dog","bark":"loud"}`}, []string{`{"lives":9}`, `5`}},
		"a child alone": {`{$ref: "#/components/schemas/Cat"}`,
			`Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind}, oneOf: [{$ref: "#/components/schemas/Cat"}]}, ` +
				`Cat: {allOf: [{$ref: "#/components/schemas/Pet"}, {required: [lives], properties: {lives: {type: integer}}}]}`,
			[]string{`{"kind":"cat","lives":9}`}, []string{`{"kind":"cat"}`, `{"lives":9}`}},
		"names alike in two places": {`{properties: {a: {$ref: "#/components/schemas/S"}, b: {$ref: "#/components/x/S"}}}`, `S: {type: string}}, x: {S: {type: integer}`, []string{`{"a":"x","b":1}`}, []string{`{"a":1}`, `{"b":"x"}`}},
		"names that are odd":        {`{$ref: "#/components/schemas/a.b%20c~1d"}`, `a.b c/d: {type: string}`, []string{`"x"`}, []string{`1`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, s := shaped(t, "3.0.3", tt.schema, tt.schemas)
			accepts(t, s, tt.good, tt.bad)
		})
	}
}

// A schema that is itself and nothing else has no meaning; it costs its
// operation, and nobody a stack.
func TestSchemasThatAreThemselves(t *testing.T) {
	for name, schemas := range map[string]string{
		"a reference to itself": `A: {$ref: "#/components/schemas/A"}`,
		"two references":        `A: {$ref: "#/components/schemas/B"}, B: {$ref: "#/components/schemas/A"}`,
		"part of itself":        `A: {allOf: [{$ref: "#/components/schemas/A"}, {type: object}]}`,
		"one of itself":         `A: {oneOf: [{$ref: "#/components/schemas/A"}, {type: object}]}`,
	} {
		a := load(t, "openapi: 3.0.3\nservers: [{url: https://a.example}]\npaths:\n  /fine: {get: {operationId: fine}}\n  /a: {post: {operationId: x, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}\ncomponents: {schemas: {"+schemas+"}}\n", nil)
		if a.operations["fine"] == nil || len(a.faults) != 1 || !strings.Contains(a.faults[0].Reason, "itself") {
			t.Errorf("%s: faults %v", name, a.faults)
		}
	}
}

// Schemas that are no use to a model, or that the catalog would not take, lose
// their words first and then what is furthest away.
func TestLargeSchemasAreCut(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("openapi: 3.0.3\nservers: [{url: https://a.example}]\npaths: {/a: {post: {operationId: x, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/S0'}}}}}}}\ncomponents:\n  schemas:\n")
	for i := range 400 {
		doc.WriteString("    S" + strconv.Itoa(i) + ": {type: object, description: \"" + strings.Repeat("word ", 100) + "\", required: [next], properties: {next: {$ref: '#/components/schemas/S" + strconv.Itoa(i+1) + "'}, " + strings.Repeat("p", 1500) + ": {type: string}}}\n")
	}
	doc.WriteString("    S400: {type: string}\n")
	s := schemaOf(t, load(t, doc.String(), nil), "x")
	if len(s) > mostBytes || len(s) < mostBytes/2 || strings.Contains(s, "word word") {
		t.Errorf("the schema has %d bytes", len(s))
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	accepts(t, v, []string{strings.Repeat(`{"next":`, 350) + "5" + strings.Repeat("}", 350)}, []string{`{"next":{}}`, `{"next":{"next":5}}`})
}
