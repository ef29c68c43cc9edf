package upstream

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/gateway/dialect"
	"toolward/gateway/dialect/dialecttest"
)

// Arguments that fit what a model was shown are taken by the upstream's own
// schema, or refused in the names that it was shown: it can do something about
// it. Ten thousand schemas in CI, fewer at a desk.
func TestArgumentsForWhatWasShown(t *testing.T) {
	schemas := uint64(2_000)
	if os.Getenv("CI") != "" {
		schemas = 10_000
	}
	combinations := [][]string{{"openai"}, {"anthropic"}, {"gemini"}, {"openai", "anthropic"}, {"anthropic", "openai", "gemini"}}
	var taken, refused, renamed int
	for seed := range schemas {
		r := rand.New(rand.NewPCG(seed, 2))
		original, err := json.Marshal(dialecttest.Root(r).Schema)
		if err != nil {
			t.Fatal(err)
		}
		check := checkOf(original)
		if check == nil {
			continue // quarantined
		}
		ids := combinations[seed%uint64(len(combinations))]
		d, err := dialect.Named(ids...)
		if err != nil {
			t.Fatal(err)
		}
		definition := json.RawMessage(`{"name":"t","inputSchema":` + string(original) + `}`)
		f := d.Of(&gateway.Tool{Kind: gateway.KindTool, Server: "s", Name: "t", Wire: "s__t", Definition: definition})
		if f.LeftOut != "" {
			continue
		}
		shown := checkOf(f.Schema)
		if shown == nil {
			t.Fatalf("seed %d, %v: what is shown is not a schema: %s", seed, ids, f.Schema)
		}
		var v any
		if err := json.Unmarshal(f.Schema, &v); err != nil {
			t.Fatal(err)
		}
		hidden := hiddenNames(t, original, f)
		for range 3 {
			written, err := json.Marshal(dialecttest.Value(r, v))
			if err != nil {
				t.Fatal(err)
			}
			args, err := gateway.ParseArgs(written)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, written, err)
			}
			if _, err := shown(args); err != nil {
				continue // the generator does not know of a text
			}
			restored, err := f.Restore(args)
			if err != nil { // under both of its names
				if reason := gateway.AsRefusal("", err).Reasons[0]; !strings.Contains(reason, "the same property") {
					t.Fatalf("seed %d, %v: %s is not restored: %s", seed, ids, written, reason)
				}
				continue
			}
			if _, err := check(restored); err == nil {
				taken++
				continue
			} else if reason := gateway.InNames(f, gateway.RefuseArgs("catalog", "", err)).Reasons[0]; reason == "" || strings.HasSuffix(reason, ": ") {
				t.Errorf("seed %d, %v: %s is refused without a reason: %q", seed, ids, written, reason)
			} else if name := found(hidden, reason); name != "" {
				t.Errorf("seed %d, %v: %s is refused with %q, where %q stands that was not shown\nschema %s\nshown  %s", seed, ids, written, reason, name, original, f.Schema)
			} else if reason != err.Error() {
				renamed++
			}
			refused++
		}
		if t.Failed() {
			t.Fatal("and perhaps more")
		}
	}
	t.Logf("%d schemas: %d arguments taken, %d refused, %d of these in other names", schemas, taken, refused, renamed)
	if tried := 3 * int(schemas); taken < tried/2 || refused < tried/100 || renamed == 0 {
		t.Errorf("of %d arguments too few say anything", tried)
	}
}

// checkOf is the check of a schema; nil if it is not valid.
func checkOf(schema json.RawMessage) func(gateway.Args) (gateway.Args, error) {
	check, err := schemas{slog.New(slog.DiscardHandler)}.compile(schema)
	if err != nil {
		return nil
	}
	return check
}

// hiddenNames are the names of properties, in places where a reason may have
// them, that the form shows in another way.
func hiddenNames(t *testing.T, schema json.RawMessage, f *dialect.Form) []string {
	var v any
	if err := json.Unmarshal(schema, &v); err != nil {
		t.Fatal(err)
	}
	var hidden []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, sub := range v {
				if f.Shown(name) != name && name != "" {
					hidden = append(hidden, name)
				}
				walk(sub)
			}
		case []any:
			for _, sub := range v {
				walk(sub)
			}
		}
	}
	walk(v)
	slices.Sort(hidden)
	return slices.Compact(hidden)
}

// found is the hidden name that stands in a reason: in a place, or quoted as
// missing or too many.
func found(hidden []string, reason string) string {
	for _, name := range hidden {
		for _, line := range strings.Split(reason, "; at /") {
			place, what, _ := strings.Cut(strings.TrimPrefix(line, "at /"), ": ")
			in := strings.Contains("/"+place+"/", "/"+name+"/")
			named := strings.HasPrefix(what, "missing propert") || strings.HasPrefix(what, "additional propert") || strings.HasPrefix(what, "propert")
			if in || named && strings.Contains(what, "'"+strings.Trim(quoted(name), `"`)+"'") {
				return name
			}
		}
	}
	return ""
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // as Go quotes it, near enough for the names that there are
	return strings.ReplaceAll(strings.ReplaceAll(string(b), `\"`, `"`), "'", `\'`)
}

// Names are told from values that look like them, quoted as JSON Schema's
// reader quotes, and cut only after they are replaced.
func TestReasonsAreInTheNamesThatWereShown(t *testing.T) {
	long := strings.Repeat("l", 400)
	for _, tt := range []struct{ schema, args, own, shown string }{
		{`{"properties":{"x-id":{"enum":["x-id","y"]}}}`, `{"x-id":5}`, "at /x-id: value must be one of 'x-id', 'y'", "at /A: value must be one of 'x-id', 'y'"},
		{`{"properties":{"x-id":{"const":"/x-id"}}}`, `{"x-id":5}`, "at /x-id: value must be '/x-id'", "at /A: value must be '/x-id'"},
		{`{"properties":{"it's":{"type":"string"}},"required":["it's"]}`, `{}`, `at /: missing property 'it\'s'`, `at /: missing property 'A'`},
		{`{"properties":{"a\\b":{"type":"string"}},"required":["a\\b"]}`, `{}`, `at /: missing property 'a\\b'`, `at /: missing property 'A'`},
		{`{"properties":{"a/b":{"properties":{"":{"type":"string"}}}}}`, `{"a/b":{"":5}}`, `at /a/b/: got number, want string`, `at /A/A: got number, want string`},
		{`{"dependentRequired":{"a b":["c d"]}, "properties":{"a b":{},"c d":{}}}`, `{"a b":1}`, `at /: properties 'c d' required, if 'a b' exists`, `at /: properties 'A' required, if 'A' exists`},
		{`{"properties":{"` + long + `":{"type":"string"}}}`, `{"` + long + `":5}`, "at /" + long[:296] + "…", "at /A: got number, want string"},
	} {
		args, err := gateway.ParseArgs([]byte(tt.args))
		if err != nil {
			t.Fatal(err)
		}
		_, err = checkOf(json.RawMessage(tt.schema))(args)
		if err == nil || err.Error() != tt.own {
			t.Errorf("%s: %v, want %s", tt.schema, err, tt.own)
			continue
		}
		shown := gateway.InNames(always("A"), gateway.RefuseArgs("catalog", "", err)).Reasons[0]
		if shown != tt.shown {
			t.Errorf("%s: shown as %s, want %s", tt.schema, shown, tt.shown)
		}
	}
}

// always is a form that has one name for everything.
type always string

func (a always) Show(raw json.RawMessage) json.RawMessage        { return raw }
func (a always) Restore(args gateway.Args) (gateway.Args, error) { return args, nil }
func (a always) Shown(string) string                             { return string(a) }
