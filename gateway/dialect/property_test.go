package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"toolward/gateway"
	"toolward/gateway/dialect/dialecttest"
)

// subset is what a provider accepts as a JSON Schema for schemas, written from
// its documents; it shares nothing with the projector.
func subset(t testing.TB, id string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/" + id + ".json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return compiled(t, c, string(text))
}

func compiled(t testing.TB, c *jsonschema.Compiler, text string) *jsonschema.Schema {
	t.Helper()
	s, err := compile(c, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compile compiles as the gateway does: 2020-12 unless the schema says another
// draft; what Go's expressions cannot say matches.
func compile(c *jsonschema.Compiler, text string) (*jsonschema.Schema, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		if strings.Contains(s, "(?!") {
			return matchesAll(s), nil
		}
		return regexp.Compile(s)
	})
	if err := c.AddResource("test:schema", v); err != nil {
		return nil, err
	}
	return c.Compile("test:schema")
}

type matchesAll string

func (matchesAll) MatchString(string) bool { return true }
func (m matchesAll) String() string        { return string(m) }

func mustJSON(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// beyond finds what a JSON Schema cannot say of schemas.
func beyond(v any, level int, count *int) error {
	*count++
	s, _ := v.(map[string]any)
	if level > 10 {
		return fmt.Errorf("nested deeper than 10 levels")
	}
	props, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range required {
		if props[name.(string)] == nil {
			return fmt.Errorf("%q is required and not defined", name)
		}
	}
	for _, sub := range props {
		if err := beyond(sub, level+1, count); err != nil {
			return err
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if sub, ok := s[key].(map[string]any); ok {
			if err := beyond(sub, level+1, count); err != nil {
				return err
			}
		}
	}
	list, _ := s["anyOf"].([]any)
	for _, sub := range list {
		if err := beyond(sub, level, count); err != nil {
			return err
		}
	}
	return nil
}

// checkForm says why a form is not in the dialects.
func checkForm(f *Form, in map[string]*jsonschema.Schema, ids []string) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.Schema))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := in[id].Validate(v); err != nil {
			return fmt.Errorf("not in %s: %w", id, err)
		}
	}
	count := 0
	if err := beyond(v, 1, &count); err != nil || count > 6000 {
		return fmt.Errorf("%d schemas, %w", count, err)
	}
	return nil
}

// combinations are the dialects, alone and together.
var combinations = [][]string{{"openai"}, {"anthropic"}, {"gemini"}, {"openai", "anthropic"}, {"anthropic", "openai", "gemini"}}

// Ten thousand schemas in CI, fewer at a desk: what comes out is in the dialect, a value that the
// original accepts is accepted, and arguments come back as they were meant. Each
// schema goes into one of the combinations, since compiling is what takes time.
func TestAnySchemaIsProjectedIntoTheDialect(t *testing.T) {
	schemas := uint64(2_000)
	if os.Getenv("CI") != "" {
		schemas = 10_000
	}
	in := map[string]*jsonschema.Schema{}
	for _, id := range IDs() {
		in[id] = subset(t, id)
	}
	var valid, values, left, failed uint64
	for seed := range schemas {
		r := rand.New(rand.NewPCG(seed, 0))
		s := dialecttest.Root(r)
		if seed%8 == 0 {
			dialecttest.Spoil(r, s.Schema)
		}
		text := mustJSON(t, s.Schema)
		arguments, _ := s.Value(r).(map[string]any)
		original, err := compile(jsonschema.NewCompiler(), text)
		meant := false
		if err == nil {
			valid++
			meant = arguments != nil && sent(t, arguments) && original.Validate(plain(t, arguments)) == nil
		}
		ids := combinations[seed%uint64(len(combinations))]
		d := named(t, ids...)
		f := d.Of(tool(text))
		if f.LeftOut != "" && !meant {
			left++
			continue
		}
		if err := checkForm(f, in, ids); err != nil {
			t.Errorf("seed %d, %v: %v\nschema    %s\nprojected %s", seed, ids, err, text, f.Schema)
			failed++
		} else if meant && (d.Untyped || !nestsArrays(arguments)) { // see the package doc
			values++
			if err := checkValue(t, f, arguments); err != nil {
				t.Errorf("seed %d, %v: %v\nschema    %s\nprojected %s\narguments %s", seed, ids, err, text, f.Schema, mustJSON(t, arguments))
				failed++
			}
		}
		if failed == 3 {
			t.Fatal("and perhaps more")
		}
	}
	t.Logf("%d schemas, %d of them valid, %d with a value that fits, %d left out", schemas, valid, values, left)
	if valid < schemas*8/10 || values < schemas*7/10 || left > schemas/50 {
		t.Error("the schemas are of no use: too few are valid, or too few values fit")
	}
}

// sent reports whether the gateway takes arguments at all.
func sent(t testing.TB, arguments map[string]any) bool {
	_, err := gateway.ParseArgs([]byte(mustJSON(t, arguments)))
	return err == nil
}

// nestsArrays reports whether an array stands in an array.
func nestsArrays(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, sub := range v {
			if nestsArrays(sub) {
				return true
			}
		}
	case []any:
		for _, sub := range v {
			if _, array := sub.([]any); array || nestsArrays(sub) {
				return true
			}
		}
	}
	return false
}

// plain is a value as the JSON Schema library wants it.
func plain(t testing.TB, v any) any {
	p, err := jsonschema.UnmarshalJSON(strings.NewReader(mustJSON(t, v)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkValue says why arguments that the original accepts are not accepted by
// the projection, which must be JSON Schema 2020-12, or do not come back.
func checkValue(t testing.TB, f *Form, arguments map[string]any) error {
	v, err := decode([]byte(mustJSON(t, arguments)))
	if err != nil {
		return err
	}
	shown := encode(nil, v)
	if f.names != nil {
		shown = encode(nil, f.names.forward(v))
	}
	projected, err := compile(jsonschema.NewCompiler(), string(f.Schema))
	if err != nil {
		return err
	}
	given, err := jsonschema.UnmarshalJSON(bytes.NewReader(shown))
	if err != nil {
		return err
	}
	if err := projected.Validate(given); err != nil {
		return fmt.Errorf("%s is not accepted: %w", shown, err)
	}
	args, err := gateway.ParseArgs(shown)
	if err != nil {
		return err
	}
	back, err := f.Restore(args)
	if err != nil {
		return err
	}
	if got, _ := decode(back.Raw()); print(got) != print(v) {
		return fmt.Errorf("%s comes back as %s", shown, back.Raw())
	}
	return nil
}

// An alias is one name's, and the dialect allows it.
func TestAliasesAreOneToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.OneOf(rapid.String(), rapid.SampledFrom(dialecttest.PropertyNames)), rapid.ID[string]).Draw(t, "names")
		for _, id := range IDs() {
			d, err := Named(id)
			if err != nil {
				t.Fatal(err)
			}
			n := newNames(d.Properties, nil)
			var aliases []string
			for _, name := range names {
				n.taken[name] = true
			}
			for _, name := range names {
				a := n.alias(name)
				if !d.Properties.fit(a) || slices.Contains(aliases, a) || a != n.alias(name) {
					t.Fatalf("%s: %q is %q among %q", id, name, a, aliases)
				}
				aliases = append(aliases, a)
			}
		}
	})
}
