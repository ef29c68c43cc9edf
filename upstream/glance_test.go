package upstream

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/gateway"
	"toolward/gateway/dialect/dialecttest"
)

// compiledAlone is a schema for jsonschema and for a glance, which is nil where that
// does not see it; ok is false if it is none.
func compiledAlone(text string) (s *jsonschema.Schema, g *glance, ok bool) {
	if gateway.CheckJSON([]byte(text)) != nil {
		return nil, nil, false
	}
	doc := gateway.Decode(json.RawMessage(text))
	if depth, err := depthBound(doc); err != nil || depth < gateway.MaxDepth {
		return nil, nil, false
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(&nowhere{})
	c.UseRegexpEngine((&patterns{}).compile)
	if c.AddResource("toolward:schema", doc) != nil {
		return nil, nil, false
	}
	s, err := c.Compile("toolward:schema")
	if err != nil {
		return nil, nil, false
	}
	return s, glanceAt(s), true
}

// glanced are schemas that a glance sees, with arguments that it sees to fit, and
// others that do not fit.
var glanced = []struct {
	schema    string
	fit, dont []string
}{
	{`{"type":"object","properties":{"text":{"type":"string"},"bytes":{"type":"integer"},"records":{"type":"array"}},"required":["text","bytes"]}`,
		[]string{`{"text":"a","bytes":7}`, ` {"bytes":-0 , "text":"\"}" , "records":[{"a":[]},[ ] ],"more":{}}`, `{"te\u0078t":"","bytes":123456789012345678901234567890}`},
		[]string{`{}`, `{"text":"a"}`, `{"text":1,"bytes":1}`, `{"text":"","bytes":1.5}`, `{"text":"","bytes":1,"records":{}}`, `{"text":"","bytes":"1"}`, `{"text":"","te\u0078t2":"","byte":1}`}},
	{`{"properties":{"a":{"type":["string","null"]}},"additionalProperties":false}`,
		[]string{`{}`, `{"a":null}`, `{"a":"x"}`}, []string{`{"a":1}`, `{"b":null,"a":"x","c":1}`, `{"A":"x"}`}},
	{`{"required":["b"],"additionalProperties":{"type":"number"}}`, []string{`{"b":1e400}`, `{"b":1,"c":1.50}`}, []string{`{"b":"1"}`, `{"b":1,"c":true}`, `{"c":1}`}},
	{`{"required":["b"],"properties":{"a":{}},"additionalProperties":false}`, nil, []string{`{"b":1}`, `{"a":1}`, `{}`}},
	{`{"properties":{"a":{"enum":["x","é",null]}}}`, []string{`{"a":"x"}`, `{"a":"\u00e9"}`, `{"a":null}`}, []string{`{"a":"y"}`, `{"a":""}`, `{"a":1}`, `{"a":["x"]}`, `{"a":{"x":"x"}}`, `{"a":true}`}},
	{`{"properties":{"a":{"const":"x","type":"string"},"b":{"const":null}}}`, []string{`{"a":"x","b":null}`}, []string{`{"a":"xx"}`, `{"b":"x"}`, `{"b":false}`, `{"a":null}`}},
	{`{"properties":{"a":{"type":"array","items":{"type":"string","minLength":2,"maxLength":3},"minItems":1,"maxItems":2}}}`,
		[]string{`{"a":["ab"]}`, `{"a":["é\n","\ud83d\ude00ab"]}`}, []string{`{"a":[]}`, `{"a":["a"]}`, `{"a":["abcd"]}`, `{"a":["\u0061"]}`, `{"a":["ab","ab","ab"]}`, `{"a":["ab",1]}`, `{"a":"ab"}`}},
	{`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"type":"array","items":{"format":"date"}}}}`,
		[]string{`{"a":["2026-01-31"]}`}, []string{`{"a":["2026-02-31"]}`, `{"a":[""]}`}},
	{`{"properties":{"n":{"minimum":1,"exclusiveMaximum":9,"type":"integer"},"m":{"maximum":-3,"exclusiveMinimum":-5}}}`,
		[]string{`{"n":1,"m":-4}`, `{"n":8,"m":-3}`}, []string{`{"n":0}`, `{"n":9}`, `{"n":0.5}`, `{"m":-5}`, `{"m":-2}`, `{"n":99999999999999999999}`, `{"n":"3"}`}},
	{`{"minProperties":1,"maxProperties":2}`, []string{`{"a":1}`, `{"a":1,"b":{"c":1,"d":2,"e":3}}`}, []string{`{}`, `{"a":1,"b":1,"c":1}`}},
	{`{"properties":{"a":{"pattern":"^[a-c]+$"}}}`, []string{`{"a":"abc"}`, `{"a":"\u0061b"}`, `{"a":7}`}, []string{`{"a":"d"}`, `{"a":"a\n"}`, `{"a":""}`}},
	{`{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]},"b":{"allOf":[{"type":"string"},{"minLength":2}]}}}`,
		[]string{`{"a":"x","b":"xx"}`, `{"a":null}`}, []string{`{"a":1}`, `{"b":"x"}`, `{"b":7}`, `{"a":[]}`}},
	{`{"$defs":{"p":{"type":"object","required":["x"],"properties":{"x":{"type":"boolean"}}}},"properties":{"a":{"$ref":"#/$defs/p"},"b":{"$ref":"#/$defs/p","maxProperties":1}}}`,
		[]string{`{"a":{"x":true,"y":1},"b":{"x":false}}`}, []string{`{"a":{}}`, `{"a":{"x":1}}`, `{"b":{"x":true,"y":1}}`, `{"a":[]}`}},
	{`{"properties":{"a":true,"b":false}}`, []string{`{"a":[1,{"b":[]}]}`}, []string{`{"b":1}`, `{"b":null}`}},
	{`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"boolean"}}}`, []string{`{"a":1.5,"b":true}`, `{"a":-2E+7}`}, []string{`{"a":true}`, `{"b":0}`, `{"b":"true"}`, `{"b":null}`}},
}

// unglanced are schemas of which a glance does not see all.
var unglanced = []string{
	`{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, `{"not":{"required":["a"]}}`, `{"patternProperties":{"^a":{"type":"string"}}}`, `{"propertyNames":{"maxLength":1}}`,
	`{"dependentRequired":{"a":["b"]}}`, `{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"properties":{"a":{"uniqueItems":true}}}`, `{"properties":{"a":{"contains":{"type":"null"}}}}`,
	`{"properties":{"a":{"prefixItems":[{"type":"null"}]}}}`, `{"properties":{"a":{"multipleOf":2}}}`, `{"properties":{"a":{"minimum":1.5}}}`, `{"properties":{"a":{"enum":[1,"x"]}}}`,
	`{"unevaluatedProperties":false,"properties":{"a":{}}}`, `{"$defs":{"n":{"properties":{"a":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, `{"dependentSchemas":{"a":{"required":["b"]}}}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"items":[{"type":"null"}]}}}`, `{"$dynamicRef":"#a","$defs":{"a":{"$dynamicAnchor":"a","type":"object","required":["a"]}}}`,
	`{"allOf":[` + strings.Repeat(`{},`, 99) + `{}]}`, `{"properties":{"a":{"maximum":12345678901234567890123}}}`,
}

func TestGlanceSeesWhatFits(t *testing.T) {
	for _, tt := range glanced {
		s, g, ok := compiledAlone(tt.schema)
		if !ok || g == nil {
			t.Errorf("%s: valid %t, seen %t", tt.schema, ok, g != nil)
			continue
		}
		for _, args := range tt.fit {
			if !g.fits(json.RawMessage(args)) {
				t.Errorf("%s: not seen that %s fits", tt.schema, args)
			}
			if err := s.Validate(gateway.Decode(json.RawMessage(args))); err != nil {
				t.Errorf("%s: %s does not fit: %v", tt.schema, args, err)
			}
		}
		for _, args := range tt.dont {
			if g.fits(json.RawMessage(args)) {
				t.Errorf("%s: %s is said to fit", tt.schema, args)
			}
			if s.Validate(gateway.Decode(json.RawMessage(args))) == nil {
				t.Errorf("%s: %s fits", tt.schema, args)
			}
		}
	}
	for _, schema := range unglanced {
		if _, g, ok := compiledAlone(schema); g != nil || !ok {
			t.Errorf("%s: valid %t, seen %t", schema, ok, g != nil)
		}
	}
}

// What a glance sees to fit, jsonschema finds to fit.
func FuzzGlance(f *testing.F) {
	for _, tt := range glanced {
		for _, other := range glanced {
			for _, args := range slices.Concat(other.fit, other.dont) {
				f.Add(tt.schema, args)
			}
		}
	}
	for _, schema := range unglanced {
		f.Add(schema, `{"a":[1,1],"b":null}`)
	}
	f.Fuzz(func(t *testing.T, schema, text string) {
		args, err := gateway.ParseArgs([]byte(text))
		if err != nil {
			return
		}
		s, g, ok := compiledAlone(schema)
		if !ok || g == nil || !g.fits(args.Raw()) {
			return
		}
		if err := s.Validate(args.Value()); err != nil {
			t.Errorf("%s: %s is said to fit: %v", schema, text, err)
		}
	})
}

// So it is with random schemas and arguments.
func TestGlanceOfRandomSchemas(t *testing.T) {
	seen, fit := 0, 0
	for seed := range uint64(samples) {
		r := rand.New(rand.NewPCG(seed, 1))
		sample := dialecttest.Root(r)
		schema, err := json.Marshal(sample.Schema)
		if err != nil {
			t.Fatal(err)
		}
		s, g, ok := compiledAlone(string(schema))
		if !ok || g == nil {
			continue
		}
		seen++
		for range 8 {
			v := sample.Value(r)
			if r.IntN(2) == 0 {
				dialecttest.Spoil(r, v)
			}
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			args, err := gateway.ParseArgs(raw)
			if err != nil || !g.fits(args.Raw()) {
				continue
			}
			fit++
			if err := s.Validate(args.Value()); err != nil {
				t.Errorf("%s: %s is said to fit: %v", schema, raw, err)
			}
		}
	}
	if seen < samples/20 || fit < seen {
		t.Errorf("of %d schemas %d are seen, and %d of their arguments to fit", samples, seen, fit)
	}
	t.Logf("%d schemas, %d seen, %d of %d arguments fit", samples, seen, fit, 8*seen)
}

// samples is how many random schemas there are.
const samples = 1000
