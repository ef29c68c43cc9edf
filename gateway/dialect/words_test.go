package dialect

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"toolward/gateway/dialect/dialecttest"
)

// Gemini has few keywords: what a property says beyond them, and in which words
// its model is told.
var boundsInWords = []struct{ property, description string }{
	{`{"type":"string","minLength":3,"maxLength":5}`, "Length: at least 3. Length: at most 5."},
	{`{"type":"string","minLength":0,"maxLength":5.0,"description":"A name"}`, "A name. Length: at most 5."},
	{`{"type":"string","pattern":"^[a-z]+$","description":"A slug."}`, "A slug. Pattern: ^[a-z]+$"},
	{`{"type":"string","pattern":"^(?!x)","description":"Not x!"}`, "Not x! Pattern: ^(?!x)"},
	{`{"type":"string","format":"uri"}`, "Format: uri."},
	{`{"type":"string","format":"date-time"}`, ""},
	{`{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"}`, "Encoding: base64. Content: image/png."},
	{`{"type":"integer","minimum":1,"maximum":9,"format":"uint8"}`, "Format: uint8."},
	{`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1e2}`, "More than 0. Less than 1e2."},
	{`{"type":"number","minimum":5,"exclusiveMinimum":0}`, "More than 0."},
	{`{"type":"number","multipleOf":0.5}`, "A multiple of 0.5."},
	{`{"type":"array","items":{"type":"string"},"uniqueItems":true,"minItems":1}`, "No element twice."},
	{`{"type":"array","items":{"type":"string"},"uniqueItems":false}`, ""},
	{`{"type":"object","minProperties":1,"maxProperties":2}`, "Members: at least 1. Members: at most 2."},
	{`{"type":"object","additionalProperties":{"type":["string","null"]}}`, "Further members may have any name. Each is of type string or null."},
	{`{"type":"object","additionalProperties":{"enum":["a"],"type":"string"}}`, "Further members may have any name. Each is of type string."},
	{`{"type":"boolean","default":false}`, "Default: false."},
	{`{"type":"string","default":"a \"b\""}`, `Default: "a \"b\"".`},
	{`{"type":"object","default":{"a":1}}`, `Default: {"a":1}.`},
	{`{"type":"string","examples":["a","b"]}`, `For example: "a", "b".`},
	{`{"type":"string","examples":[]}`, ""},
	{`{"enum":[1,2],"default":1,"description":"How many"}`, "How many. One of: 1, 2. Default: 1."},
	// Another projection, or an author, has said it already.
	{`{"type":"string","minLength":3,"description":"A name. Length: at least 3."}`, "A name. Length: at least 3."},
	// What is not of the type is not said, nor what no reader can hold.
	{`{"type":"string","minimum":5,"minItems":2,"format":"int32"}`, ""},
	{`{"type":"integer","default":"5"}`, ""},
	{`{"type":"string","minLength":-1,"maxLength":"5","pattern":5}`, ""},
	// Half of a pattern, or of a default, would mislead.
	{`{"type":"string","pattern":"` + strings.Repeat("x", 300) + `","maxLength":9}`, "Length: at most 9."},
	{`{"type":"string","default":"` + strings.Repeat("x", 300) + `"}`, ""},
	{`{"type":"string","examples":["short","` + strings.Repeat("x", 300) + `"]}`, `For example: "short"….`},
}

func TestBoundsThatTheDialectCannotSayAreWords(t *testing.T) {
	d := named(t, "gemini")
	for _, b := range boundsInWords {
		var got struct {
			Properties struct{ P struct{ Description string } }
		}
		f := d.Of(tool(`{"type":"object","properties":{"p":` + b.property + `}}`))
		if err := json.Unmarshal(f.Schema, &got); err != nil {
			t.Fatal(err)
		}
		if got.Properties.P.Description != b.description {
			t.Errorf("%s is described as %q, want %q", b.property, got.Properties.P.Description, b.description)
		}
	}
}

// The words of a bound stand with the type that it is about.
func TestWordsStandWithTheirType(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":["string","null"],"description":"A p.","minLength":2}`:               `{"anyOf":[{"type":"string","description":"A p. Length: at least 2."},{"type":"null"}]}`,
		`{"anyOf":[{"type":"string","format":"uri"},{"type":"integer"}],"default":3}`: `{"anyOf":[{"type":"string","description":"Format: uri."},{"type":"integer","description":"Default: 3."}]}`,
		// The default of any value at all, in a dialect where each schema has a type.
		`{"description":"Any.","default":true}`: `{"anyOf":[{"type":"string","description":"Any."},{"type":"number"},{"type":"boolean","description":"Default: true."},{"type":"object","properties":{}},{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"object","properties":{}},{"type":"null"}]}},{"type":"null"}]}`,
	} {
		got := string(named(t, "gemini").Of(tool(`{"type":"object","properties":{"p":` + schema + `}}`)).Schema)
		if want = `{"type":"object","properties":{"p":` + want + `}}`; got != want {
			t.Errorf("%s\n got %s\nwant %s", schema, got, want)
		}
	}
}

func TestWordsAreFew(t *testing.T) {
	bounds := `"minLength":1,"maxLength":2,"pattern":"` + strings.Repeat("p", 190) + `","format":"` + strings.Repeat("f", 190) + `","default":"` + strings.Repeat("d", 190) + `","examples":["` + strings.Repeat("e", 150) + `"],"contentEncoding":"base64"`
	f := named(t, "gemini").Of(tool(`{"type":"object","properties":{"p":{"type":"string","description":"P.",` + bounds + `}}}`))
	if len(f.Schema) > 100+mostWords || !strings.Contains(string(f.Schema), "Length: at least 1.") || !strings.Contains(string(f.Schema), "Encoding: base64.") {
		t.Errorf("%d bytes: %s", len(f.Schema), f.Schema)
	}
}

// What is said once is not said again where a projection is projected.
func TestWordsAreNotAddedTwice(t *testing.T) {
	said := 0
	for seed := range uint64(1_000) {
		text := mustJSON(t, dialecttest.Root(rand.New(rand.NewPCG(seed, 1))).Schema)
		ids := combinations[seed%uint64(len(combinations))]
		once := named(t, ids...).Of(tool(text))
		if once.LeftOut != "" {
			continue
		}
		twice := named(t, ids...).Of(tool(string(once.Schema)))
		first, second := map[string]bool{}, map[string]bool{}
		describedIn(t, once, first)
		describedIn(t, twice, second)
		for d := range second {
			if !first[d] {
				t.Fatalf("seed %d, %v: %q is new\nschema %s\nonce  %s\ntwice %s", seed, ids, d, text, once.Schema, twice.Schema)
			}
			if strings.Contains(d, "Default: ") || strings.Contains(d, "Length: ") {
				said++
			}
		}
	}
	if said < 100 {
		t.Errorf("%d descriptions with words, too few to say anything", said)
	}
}

// describedIn collects the descriptions in a form.
func describedIn(t *testing.T, f *Form, all map[string]bool) {
	v, err := decode(f.Schema)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if d := v.text("description"); d != "" {
				all[d] = true
			}
			for _, m := range v {
				walk(m.value)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
}
