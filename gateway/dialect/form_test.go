package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// tool is a tool with an input schema.
func tool(schema string) *gateway.Tool {
	return &gateway.Tool{Kind: gateway.KindTool, Server: "s", Name: "t", Wire: "s__t", Definition: json.RawMessage(`{"name":"t","inputSchema":` + schema + `}`)}
}

func named(t testing.TB, ids ...string) *Dialect {
	t.Helper()
	d, err := Named(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// projections are schemas and what becomes of them. "all" stands for every
// dialect. The reports that a row is after are named in e2e/field.
var projections = []struct {
	name, schema string
	want         map[string]string
}{
	{"no properties", `{"type":"object"}`, map[string]string{"all": `{"type":"object","properties":{}}`}},
	{"nothing", `{}`, map[string]string{"all": `{"type":"object","properties":{}}`}},
	{"true", `true`, map[string]string{"all": `{"type":"object","properties":{}}`}},
	{
		"at least one of, at the root", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`,
		map[string]string{"all": `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}`},
	},
	{
		"discriminated union at the root",
		`{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"string"}},"required":["k","x"]},{"type":"object","properties":{"k":{"const":"b"},"y":{"type":"number"}},"required":["k"]}]}`,
		map[string]string{"all": `{"type":"object","properties":{"k":{"type":"string","enum":["a","b"]},"x":{"type":"string"},"y":{"type":"number"}},"required":["k"]}`},
	},
	{
		"allOf of references", `{"allOf":[{"$ref":"#/$defs/a"},{"type":"object","properties":{"y":{"type":"integer"}},"required":["y"]}],"$defs":{"a":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}}}`,
		map[string]string{"all": `{"type":"object","properties":{"x":{"type":"string"},"y":{"type":"integer"}},"required":["x","y"]}`},
	},
	{
		"condition", `{"type":"object","properties":{"k":{"enum":["a","b"]}},"if":{"properties":{"k":{"const":"a"}}},"then":{"properties":{"x":{"type":"string"}},"required":["x"]},"else":{"properties":{"y":{"type":"string"}}}}`,
		map[string]string{"all": `{"type":"object","properties":{"k":{"type":"string","enum":["a","b"]},"x":{"type":"string"},"y":{"type":"string"}}}`},
	},
	{
		"recursion", `{"type":"object","properties":{"n":{"$ref":"#/definitions/N"}},"definitions":{"N":{"type":"object","properties":{"next":{"$ref":"#/definitions/N"}}}}}`,
		map[string]string{"all": `{"type":"object","properties":{"n":{"type":"object","properties":{"next":{"type":"object","properties":{}}}}}}`},
	},
	{
		"the root again", `{"type":"object","properties":{"sub":{"$ref":"#"}}}`,
		map[string]string{"all": `{"type":"object","properties":{"sub":{"type":"object","properties":{"sub":{"type":"object","properties":{}}}}}}`},
	},
	{
		"required but not named", `{"type":"object","properties":{},"required":["x"]}`,
		map[string]string{"openai": `{"type":"object","properties":{"x":{}},"required":["x"]}`, "anthropic": `{"type":"object","properties":{"x":{}},"required":["x"]}`},
	},
	{
		"array without items", `{"type":"object","properties":{"a":{"type":"array"}}}`,
		map[string]string{"openai": `{"type":"object","properties":{"a":{"type":"array","items":{}}}}`, "anthropic": `{"type":"object","properties":{"a":{"type":"array","items":{}}}}`},
	},
	{
		"tuple of draft 07", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"p":{"type":"array","items":[{"type":"number"},{"type":"number"}],"additionalItems":false}}}`,
		map[string]string{"all": `{"type":"object","properties":{"p":{"type":"array","maxItems":2,"items":{"type":"number"}}}}`},
	},
	{
		"exclusive bounds of draft 04", `{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","properties":{"p":{"type":"number","minimum":0,"exclusiveMinimum":true}}}`,
		map[string]string{
			"openai": `{"type":"object","properties":{"p":{"type":"number","exclusiveMinimum":0}}}`,
			"gemini": `{"type":"object","properties":{"p":{"type":"number","description":"More than 0.","minimum":0}}}`,
		},
	},
	{
		"string or null", `{"type":"object","properties":{"p":{"type":["string","null"],"description":"A p."}}}`,
		map[string]string{
			"anthropic": `{"type":"object","properties":{"p":{"type":["string","null"],"description":"A p."}}}`,
			"gemini":    `{"type":"object","properties":{"p":{"anyOf":[{"type":"string","description":"A p."},{"type":"null"}]}}}`,
		},
	},
	{
		"words beside anyOf", `{"type":"object","properties":{"p":{"description":"A p.","anyOf":[{"type":"string"},{"type":"integer"}]}}}`,
		map[string]string{
			"openai": `{"type":"object","properties":{"p":{"description":"A p.","anyOf":[{"type":"string"},{"type":"integer"}]}}}`,
			"gemini": `{"type":"object","properties":{"p":{"anyOf":[{"type":"string","description":"A p."},{"type":"integer","description":"A p."}]}}}`,
		},
	},
	{
		"enum of numbers", `{"type":"object","properties":{"p":{"enum":[1,2]}}}`,
		map[string]string{
			"openai": `{"type":"object","properties":{"p":{"type":"integer","enum":[1,2]}}}`,
			"gemini": `{"type":"object","properties":{"p":{"type":"integer","description":"One of: 1, 2"}}}`,
		},
	},
	{
		"enum with an empty string", `{"type":"object","properties":{"p":{"enum":["","a"]}}}`,
		map[string]string{"gemini": `{"type":"object","properties":{"p":{"type":"string","description":"One of: \"\", \"a\""}}}`},
	},
	{
		"formats", `{"type":"object","properties":{"p":{"type":"string","format":"uri"},"q":{"type":"string","format":"date-time"}}}`,
		map[string]string{"gemini": `{"type":"object","properties":{"p":{"type":"string","description":"Format: uri."},"q":{"type":"string","format":"date-time"}}}`},
	},
	{
		"false property", `{"type":"object","properties":{"p":false,"q":true},"additionalProperties":false}`,
		map[string]string{"openai": `{"type":"object","properties":{"q":{}},"additionalProperties":false}`},
	},
	{
		"identifiers", `{"$id":"https://example.com/a.json","type":"object","properties":{"p":{"$ref":"b.json#c"}},"$defs":{"b":{"$id":"b.json","$defs":{"x":{"$anchor":"c","type":"string"}}}}}`,
		map[string]string{"all": `{"type":"object","properties":{"p":{"type":"string"}}}`},
	},
	{
		"remote reference", `{"type":"object","properties":{"p":{"$ref":"https://example.com/x.json","description":"Far."}}}`,
		map[string]string{"openai": `{"type":"object","properties":{"p":{"description":"Far."}}}`},
	},
	{
		"a map", `{"type":"object","additionalProperties":{"type":"string"}}`,
		map[string]string{"openai": `{"type":"object","properties":{},"additionalProperties":{"type":"string"}}`, "gemini": `{"type":"object","description":"Further members may have any name. Each is of type string.","properties":{}}`},
	},
	{
		"a default in the names of the dialect", `{"type":"object","properties":{"p":{"type":"object","default":{"a b":1},"properties":{"a b":{"type":"number"}}}}}`,
		map[string]string{"anthropic": `{"type":"object","properties":{"p":{"type":"object","default":{"a_b_43d22aaa65":1},"properties":{"a_b_43d22aaa65":{"type":"number"}}}}}`},
	},
	{
		"names that no call may have", `{"type":"object","properties":{"a\tb":{"type":"string"},"c":{"type":"string"}},"required":["a\tb","c"]}`,
		map[string]string{"all": `{"type":"object","properties":{"c":{"type":"string"}},"required":["c"]}`},
	},
	{
		"values no reader can hold", `{"type":"object","properties":{"p":{"type":"number","minimum":1e999,"maximum":5},"q":{"type":"string","minLength":2.0,"pattern":"(?=x)"}}}`,
		map[string]string{"openai": `{"type":"object","properties":{"p":{"type":"number","maximum":5},"q":{"type":"string","description":"Pattern: (?=x)","minLength":2}}}`},
	},
}

func TestProjections(t *testing.T) {
	for _, p := range projections {
		for id, want := range p.want {
			ids := []string{id}
			if id == "all" {
				ids = IDs()
			}
			for _, id := range ids {
				t.Run(p.name+" "+id, func(t *testing.T) {
					f := named(t, id).Of(tool(p.schema))
					if diff := gocmp.Diff(want, string(f.Schema)); diff != "" || f.LeftOut != "" {
						t.Errorf("left out: %q (-want +got):\n%s", f.LeftOut, diff)
					}
				})
			}
		}
	}
}

func TestToolThatTakesNoObjectIsLeftOut(t *testing.T) {
	for _, schema := range []string{`{"type":"string"}`, `false`, `{"allOf":[{"type":"object"},{"type":"array"}]}`, `{"enum":[]}`} {
		f := named(t, "openai").Of(tool(schema))
		if schema == `{"enum":[]}` { // not valid; says nothing
			if f.LeftOut != "" {
				t.Errorf("%s: left out: %s", schema, f.LeftOut)
			}
		} else if f.LeftOut == "" {
			t.Errorf("%s: projected to %s, want it left out", schema, f.Schema)
		}
	}
}

// A bound on the text that references multiply holds for every kind of text.
func TestTextThatReferencesMultiplyIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for _, def := range []string{
		`{"type":"string","description":"` + long + `"}`, `{"type":"string","title":"` + long + `"}`, `{"enum":["` + long + `","y"]}`, `{"const":"` + long + `"}`,
		`{"type":"string","default":"` + long + `"}`, `{"type":"string","examples":["` + long + `"]}`, `{"type":"string","pattern":"` + long + `"}`, `{"type":"string","format":"` + long + `"}`,
		`{"type":"object","properties":{"` + long + `":{"type":"string"}}}`, `{"type":"object","required":["` + long + `"]}`,
		`{"type":"object","properties":{"a":{"type":"string"}},"then":{"properties":{"` + long + `":{}}}}`, `{"type":"number","multipleOf":1` + strings.Repeat("0", 100) + `}`,
	} {
		schema := `{"type":"object","properties":{"p":{"$ref":"#/$defs/d"}` + repeated(`,"p%d":{"$ref":"#/$defs/d"}`, 2000) + `},"$defs":{"d":` + def + `}}`
		for _, id := range IDs() {
			if n := len(named(t, id).Of(tool(schema)).Schema); n > 4<<20 {
				t.Errorf("%s: %.40s…: %d bytes", id, def, n)
			}
		}
	}
}

func repeated(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Forty definitions that each refer twice to the next are a few lines and a
// trillion schemas.
func TestProjectionIsBounded(t *testing.T) {
	var defs []string
	for i := range 40 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"type":"object","description":%q,"properties":{"a":{"$ref":"#/$defs/d%d"},"b":{"anyOf":[{"$ref":"#/$defs/d%d"},{"type":"string"}]}}}`, i, strings.Repeat("x", 1000), i+1, i+1))
	}
	defs = append(defs, `"d40":{"type":"string"}`)
	schema := `{"type":"object","properties":{"p":{"$ref":"#/$defs/d0"}},"$defs":{` + strings.Join(defs, ",") + `}}`
	for _, id := range IDs() {
		if n := len(named(t, id).Of(tool(schema)).Schema); n > 4<<20 {
			t.Errorf("%s: %d bytes", id, n)
		}
	}
}

// OpenAI's guide counts ten levels, and an array needs one for its elements.
func TestDeepSchemaIsCut(t *testing.T) {
	for _, inner := range []string{`{"type":"object","properties":{"a":%s}}`, `{"type":"array","items":%s}`, `{"anyOf":[{"type":"array","items":%s},{"type":"null"}]}`, `{"additionalProperties":%s}`} {
		schema := `{"type":"object"}`
		for range 15 {
			schema = fmt.Sprintf(inner, schema)
		}
		for _, ids := range combinations {
			f := named(t, ids...).Of(tool(`{"type":"object","properties":{"p":` + schema + `,"q":{}}}`))
			var v any
			if err := json.Unmarshal(f.Schema, &v); err != nil {
				t.Fatal(err)
			}
			count := 0
			if err := beyond(v, 1, &count); err != nil {
				t.Errorf("%v: %v: %s", ids, err, f.Schema)
			}
		}
	}
}

func TestDescriptionIsCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 560), strings.Repeat("x", 2000), strings.Repeat("é", 2000), strings.Repeat("😀", 1000), strings.Repeat("a", 1024), "short", ""} {
		def, err := json.Marshal(map[string]any{"name": "t", "description": text, "inputSchema": map[string]any{"type": "object"}})
		if err != nil {
			t.Fatal(err)
		}
		got := named(t, "openai").Of(&gateway.Tool{Wire: "s__t", Name: "t", Definition: def}).Description
		if n := len(utf16.Encode([]rune(got))); n > 1024 {
			t.Errorf("%.10q…: %d code units, want at most 1024", text, n)
		}
		if whole := len(utf16.Encode([]rune(text))) <= 1024; whole && got != text {
			t.Errorf("%.10q: cut to %q", text, got)
		} else if !whole && (!strings.HasSuffix(got, "…") || !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) || len(got) < 700) {
			t.Errorf("%.10q…: cut to %q", text, got)
		}
	}
}

func TestNamesOfToolsLeadBack(t *testing.T) {
	d := named(t, "gemini")
	for _, wire := range []string{"s__t", "3d__t", "-x__t", "_s__t", "__3d", "3d__" + strings.Repeat("a", 59)} {
		f := d.Of(&gateway.Tool{Wire: wire, Name: "t", Definition: json.RawMessage(`{"name":"t"}`)})
		if f.LeftOut != "" || !d.Names.fit(f.Name) || d.WireName(f.Name) != wire {
			t.Errorf("%s is %q (%s), which leads back to %q", wire, f.Name, f.LeftOut, d.WireName(f.Name))
		}
	}
}

func TestArgumentsAreRestored(t *testing.T) {
	f := named(t, "gemini").Of(tool(`{"type":"object","properties":{"$filter":{"type":"string"},"a-b":{"type":"array","items":{"type":"object","properties":{"x.y":{"type":"string"}}}},"plain":{"type":"string"}}}`))
	alias := func(name string) string { return f.names.aliases[name] }
	in := fmt.Sprintf(`{"%s": "%s", "%s":[{"%s":1.50}], "plain":"\u0061"}`, alias("$filter"), alias("$filter"), alias("a-b"), alias("x.y"))
	args, err := gateway.ParseArgs([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Restore(args)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"$filter":"%s","a-b":[{"x.y":1.50}],"plain":"\u0061"}`, alias("$filter"))
	if diff := gocmp.Diff(want, string(got.Raw())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	twice, err := gateway.ParseArgs([]byte(fmt.Sprintf(`{"%s":"a","$filter":"b"}`, alias("$filter"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Restore(twice); err == nil {
		t.Error("a property under both of its names is accepted")
	}
	for _, name := range []string{"$filter", "a-b", "x.y", "plain", "nobody's"} {
		if got, want := f.Shown(name), cmp.Or(alias(name), name); got != want {
			t.Errorf("%s is shown as %s, want %s", name, got, want)
		}
	}
}

// An upstream can name a property as another's alias.
func TestAliasIsNobodysName(t *testing.T) {
	first := named(t, "gemini").Of(tool(`{"type":"object","properties":{"a b":{"type":"string"}}}`))
	alias := first.names.aliases["a b"]
	second := named(t, "gemini").Of(tool(`{"type":"object","properties":{"a b":{"type":"string"},"` + alias + `":{"type":"string"}}}`))
	if second.names.aliases["a b"] == alias {
		t.Errorf("two properties are named %s", alias)
	}
}

func TestSeveralDialectsAreWhatAllAccept(t *testing.T) {
	d := named(t, IDs()...)
	if d.TypeLists || d.Untyped || d.Description.Most != 1024 || d.Tools != 128 || !d.Description.Required || d.Enum.Empty {
		t.Errorf("got %+v", d)
	}
	if !d.Properties.fit("a_b") || d.Properties.fit("a.b") || d.Properties.fit("a b") {
		t.Error("a property's name is not what all accept")
	}
	if slices.Contains(d.Keywords, "additionalProperties") || !slices.Contains(d.Keywords, "anyOf") {
		t.Errorf("keywords: %v", d.Keywords)
	}
}

func TestFormIsMadeOnce(t *testing.T) {
	a := tool(`{"type":"object"}`)
	a.Forms = &gateway.Forms{}
	b := *a
	d := named(t, "openai")
	if d.Of(a) != d.Of(&b) {
		t.Error("the form of one definition was made twice")
	}
	if d.Of(a) == named(t, "gemini").Of(a) {
		t.Error("two dialects have one form")
	}
}
