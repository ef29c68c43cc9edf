//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/e2e/lab"
	"toolward/gateway/dialect/dialecttest"
)

// Random arguments that fit what was shown, in every format and on MCP with
// upstreams.NAME.schemas: what reaches the upstream fits its own schema, what
// does not is refused with a reason that has no name that was not shown.
func TestCallsOfWhatWasShown(t *testing.T) {
	originals := map[string]json.RawMessage{}
	var tools []string
	for seed := range uint64(60) {
		schema, err := json.Marshal(dialecttest.Root(rand.New(rand.NewPCG(seed, 3))).Schema)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("t%d", seed)
		originals["lab__"+name] = schema
		tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":%s}`, name, schema))
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[` + strings.Join(tools, ",") + `]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		}
		return ""
	})
	config := up.Config()
	config["schemas"] = []string{"anthropic", "gemini", "openai"}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": config}}})

	taken, refused := 0, 0
	try := func(t *testing.T, name string, shown any, send func(args string) string) {
		r := rand.New(rand.NewPCG(uint64(len(name)), 4))
		for range 3 {
			args, err := json.Marshal(dialecttest.Value(r, shown))
			if err != nil {
				t.Fatal(err)
			}
			before := len(up.Got("tools/call"))
			said := send(string(args))
			got := up.Got("tools/call")
			original := originals[name]
			if len(got) > before {
				taken++
				if err := fits(t, original, got[len(got)-1].Params); err != nil {
					t.Errorf("%s: %s reached the upstream as %s: %v\nschema %s", name, args, got[len(got)-1].Params, err, original)
				}
				continue
			}
			refused++
			if !strings.Contains(said, "do not fit the tool's schema: at /") && !strings.Contains(said, "the same property") {
				t.Errorf("%s: %s is refused with %s", name, args, said)
			}
			for _, hidden := range []string{"$filter", "a b", "名前", "it's", "A/b", "~0", "1st", strings.Repeat("n", 80)} {
				written, err := json.Marshal(hidden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(mustMarshal(t, shown), append(written, ':')) && (strings.Contains(said, "/"+hidden+":") || strings.Contains(said, "property '"+hidden+"'")) {
					t.Errorf("%s: %s is refused with %s, where %q was not shown", name, args, said, hidden)
				}
			}
		}
	}
	for _, p := range subsets {
		t.Run(p.format, func(t *testing.T) {
			for _, e := range toolsIn(t, g, p.format).Tools {
				name, _, schema := p.entry(e)
				try(t, name, schema, func(args string) string { return emitCall(t, g, p.format, name, args).Text })
			}
		})
	}
	t.Run("mcp", func(t *testing.T) {
		for name, schema := range mcpSchemas(t, g) {
			try(t, name, schema, func(args string) string {
				return lab.Legacy.Send(t, g, g.Tester(), "", fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, name, args)).Text
			})
		}
	})
	t.Logf("%d calls taken, %d refused", taken, refused)
	if taken < 500 || refused < 50 {
		t.Error("too few calls say anything")
	}
}

// mcpSchemas are the input schemas that are listed on /mcp.
func mcpSchemas(t *testing.T, g *lab.Gateway) map[string]any {
	t.Helper()
	a := lab.Legacy.Send(t, g, g.Tester(), "", `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}`)
	var list struct {
		Result struct {
			Tools []struct {
				Name        string
				InputSchema any
			}
		}
	}
	if err := json.NewDecoder(strings.NewReader(a.Text[max(0, strings.Index(a.Text, "{")):])).Decode(&list); err != nil {
		t.Fatalf("%v in %s", err, a.Text)
	}
	all := map[string]any{}
	for _, tool := range list.Result.Tools {
		all[tool.Name] = tool.InputSchema
	}
	return all
}

// fits says why arguments do not fit a schema. Nulls count as left out, and
// patterns that Go cannot say match, as the gateway documents.
func fits(t *testing.T, schema, params json.RawMessage) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		if re, err := regexp.Compile(s); err == nil {
			return re, nil
		}
		return regexp.MustCompile(""), nil
	})
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("test:schema", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("test:schema")
	if err != nil {
		t.Fatal(err)
	}
	given, err := jsonschema.UnmarshalJSON(bytes.NewReader(params))
	if err != nil {
		t.Fatal(err)
	}
	args, _ := given.(map[string]any)["arguments"].(map[string]any)
	if args == nil {
		args = map[string]any{}
	}
	if err = s.Validate(args); err == nil {
		return nil
	}
	for name, v := range args {
		if v == nil {
			delete(args, name)
		}
	}
	if s.Validate(args) == nil {
		return nil
	}
	return err
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
