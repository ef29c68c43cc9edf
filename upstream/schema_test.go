package upstream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/gateway"
)

func compileSchema(t *testing.T, schema string) func(gateway.Args) error {
	t.Helper()
	check, err := schemas{slog.New(slog.DiscardHandler)}.compile(json.RawMessage(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	if check == nil { // left to the upstream
		return nil
	}
	return func(args gateway.Args) error {
		_, err := check(args)
		return err
	}
}

// An integer that a client in JavaScript can only write as text is the number
// where nothing else can be meant, and everything beside it stays as written.
func TestIntegersThatCameAsText(t *testing.T) {
	check, err := schemas{slog.New(slog.DiscardHandler)}.compile(json.RawMessage(`{"type":"object","properties":{"id":{"type":"integer"},"ids":{"type":"array","items":{"type":"integer"}},
		"in":{"type":"object","properties":{"a/b":{"type":"integer"}}},"either":{"type":["integer","string"]},"n":{"type":"number"},"s":{"type":"string"},"small":{"type":"integer","maximum":10},
		"any":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{`{"id":"1234567890123456789"}`, `{"id":1234567890123456789}`},
		{`{"id":"-9007199254740993"}`, `{"id":-9007199254740993}`},
		{`{"s":"\u0041", "id":"123456789012345678901234567890", "n":1.50}`, `{"s":"\u0041","id":123456789012345678901234567890,"n":1.50}`},
		{`{"ids":[1,"1234567890123456789","12345678901234567890"]}`, `{"ids":[1,1234567890123456789,12345678901234567890]}`},
		{`{"in":{"a/b":"1234567890123456789"},"id":"1234567890123456788"}`, `{"in":{"a/b":1234567890123456789},"id":1234567890123456788}`},
		{`{"either":"1234567890123456789","s":"1234567890123456789"}`, `{"either":"1234567890123456789","s":"1234567890123456789"}`},
		{`{"id":"7"}`, ""},                // a client can write that itself
		{`{"id":"9007199254740992"}`, ""}, // and that
		{`{"id":"01234567890123456789"}`, ""},
		{`{"id":"1234567890123456789.0"}`, ""},
		{`{"id":" 1234567890123456789"}`, ""},
		{`{"id":"+1234567890123456789"}`, ""},
		{`{"id":"0x1234567890123456789"}`, ""},
		{`{"id":"１２３４５６７８９０１２３４５６７８９"}`, ""},
		{`{"n":"1234567890123456789"}`, ""}, // a fraction could be meant
		{`{"small":"1234567890123456789"}`, ""},
		{`{"id":"1234567890123456789","s":7}`, ""},
		{`{"any":"1234567890123456789"}`, `{"any":1234567890123456789}`},
		{`{"any":"x"}`, ""},
	} {
		args, err := gateway.ParseArgs([]byte(tt.args))
		if err != nil {
			t.Fatal(err)
		}
		fit, err := check(args)
		if got := string(fit.Raw()); tt.want != "" && (err != nil || got != tt.want) || tt.want == "" && err == nil {
			t.Errorf("%s: %s %v, want %s", tt.args, got, err, tt.want)
		}
	}
}

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	check := compileSchema(t, `{"type":"object","required":["path"],"properties":{"path":{"type":"string"},"n":{"type":"integer","maximum":9007199254740993}},"additionalProperties":false}`)
	tests := []struct{ args, want string }{
		{`{"path":"a","n":3}`, ""},
		{`{}`, "at /: missing property 'path'"},
		{`{"path":"a","n":null}`, ""}, // left out, in the words of many models
		{`{"path":null}`, "at /path: got null, want string"},
		{`{"path":1}`, "at /path: got number, want string"},
		{`{"path":"a","x":1}`, "at /: additional properties 'x' not allowed"},
		{`{"path":"a","n":1.5}`, "at /n: got number, want integer"},
	}
	for _, tt := range tests {
		args, err := gateway.ParseArgs([]byte(tt.args))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := check(args); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
}

// Row 36: nothing is fetched, and what is no schema is no tool.
func TestSchemasThatAttack(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a remote schema was fetched") }))
	defer s.Close()
	fan := strings.Builder{}
	for i := range 40 {
		fmt.Fprintf(&fan, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	refused := map[string]string{
		"two to the power of forty": `{"$ref":"#/$defs/d0","$defs":{` + fan.String() + `"d40":{"type":"object"}}}`,
		"wrong type of type":        `{"type":7}`,
		"not a schema":              `"x"`,
		"missing definition":        `{"$ref":"#/$defs/none"}`,
		"too large":                 `{"description":"` + strings.Repeat("x", maxSchema) + `"}`,
	}
	for name, schema := range refused {
		if _, err := (schemas{slog.New(slog.DiscardHandler)}).compile(json.RawMessage(schema)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	accepts := map[string]string{
		"remote reference":                `{"$ref":"` + s.URL + `/evil.json"}`,
		"remote reference with a pointer": `{"properties":{"a":{"$ref":"` + s.URL + `/evil.json#/x"}}}`,
		"remote meta-schema":              `{"$schema":"` + s.URL + `/meta.json","type":"object"}`,
		"local file":                      `{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`,
		"look-ahead":                      `{"properties":{"a":{"pattern":"^(?!x).*$"}}}`,
		"quadratic pattern":               `{"properties":{"a":{"pattern":"^(a+)+$"}}}`,
		"recursive":                       `{"$defs":{"n":{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}}}},"properties":{"n":{"$ref":"#/$defs/n"}}}`,
		"ten thousand branches":           `{"allOf":[` + strings.Repeat(`{},`, 9_999) + `{}]}`,
		"draft 7":                         `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`,
	}
	args, err := gateway.ParseArgs([]byte(`{"a":"` + strings.Repeat("a", 10_000) + `","n":{"n":{"n":{}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range accepts {
		check := compileSchema(t, schema)
		if check == nil {
			continue // left to the upstream
		}
		if err := check(args); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A definition that applies itself twice to a member doubles the work with each
// level: sixty levels would take longer than the universe has.
func TestArgumentsAreNotNestedDeeperThanCanBeChecked(t *testing.T) {
	check := compileSchema(t, `{"$ref":"#/$defs/n","$defs":{"n":{"allOf":[{"properties":{"c":{"$ref":"#/$defs/n"}}},{"properties":{"c":{"$ref":"#/$defs/n"}}}]}}}`)
	nested := func(n int) gateway.Args {
		args, err := gateway.ParseArgs([]byte(strings.Repeat(`{"c":`, n) + `{}` + strings.Repeat(`}`, n)))
		if err != nil {
			t.Fatal(err)
		}
		return args
	}
	if err := check(nested(8)); err != nil {
		t.Errorf("eight levels: %v", err)
	}
	if err := check(nested(60)); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("sixty levels: %v", err)
	}
}

func TestOrdinaryRecursionIsNotBounded(t *testing.T) {
	for name, schema := range map[string]string{
		"tree":       `{"type":"object","properties":{"left":{"$ref":"#"},"right":{"$ref":"#"},"rest":{"type":"array","items":{"$ref":"#"}}}}`,
		"JSON value": `{"$defs":{"v":{"anyOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/$defs/v"}},{"type":"object","additionalProperties":{"$ref":"#/$defs/v"}}]}},"additionalProperties":{"$ref":"#/$defs/v"}}`,
		"flat":       `{"type":"object","properties":{"a":{"type":"string"}}}`,
	} {
		if depth, err := depthBound(gateway.Decode(json.RawMessage(schema))); err != nil || depth != gateway.MaxDepth {
			t.Errorf("%s: %d, %v", name, depth, err)
		}
	}
}

func TestSchemaThatLoopsInPlaceIsAnError(t *testing.T) {
	check, err := schemas{slog.New(slog.DiscardHandler)}.compile(json.RawMessage(`{"$ref":"#"}`))
	if err != nil {
		return // refused at once is as good
	}
	args, _ := gateway.ParseArgs([]byte(`{}`))
	if _, err := check(args); err == nil {
		t.Error("a schema that never ends accepts")
	}
}

func BenchmarkCheck(b *testing.B) {
	check, err := schemas{slog.New(slog.DiscardHandler)}.compile(json.RawMessage(`{"type":"object","required":["path"],"properties":{"path":{"type":"string"},"n":{"type":"integer"}},"additionalProperties":false}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		args, err := gateway.ParseArgs([]byte(`{"path":"/srv/docs/a.txt","n":3}`))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := check(args); err != nil {
			b.Fatal(err)
		}
	}
}
