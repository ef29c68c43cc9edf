//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// hard are input schemas that upstreams have and providers refuse, by what is
// hard about them.
var hard = map[string]string{
	// openai/openai-agents-python#449: "object schema missing properties".
	"no_properties":        `{"type":"object"}`,
	"no_properties_nested": `{"type":"object","properties":{"o":{"type":"object"}}}`,
	"nothing":              `{"type":"object","description":"No arguments."}`,
	// anthropics/claude-code#40075, langchain-ai/langchain#39271: combinators at the root.
	"root_any_of":    `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`,
	"root_one_of":    `{"type":"object","oneOf":[{"properties":{"k":{"const":"a"}},"required":["k"]},{"properties":{"k":{"const":"b"},"x":{"type":"array"}},"required":["k"]}]}`,
	"root_all_of":    `{"type":"object","allOf":[{"$ref":"#/$defs/A"},{"properties":{"y":{"type":"integer"}}}],"$defs":{"A":{"type":"object","properties":{"x":{"type":"object"}}}}}`,
	"root_not":       `{"type":"object","properties":{"a":{"type":"string"}},"not":{"required":["a"]}}`,
	"root_if":        `{"type":"object","properties":{"a":{"type":"string"}},"if":{"required":["a"]},"then":{"properties":{"b":{}}},"else":{"required":["b"]}}`,
	"root_enum":      `{"type":"object","enum":[{"a":1}]}`,
	"root_reference": `{"type":"object","$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"x":{"type":"string"}}}}}`,
	"array_no_items": `{"type":"object","properties":{"a":{"type":"array"},"b":{"type":["array","null"]}}}`,
	"recursive":      `{"type":"object","properties":{"n":{"$ref":"#/$defs/N"}},"$defs":{"N":{"type":"object","properties":{"c":{"type":"array","items":{"$ref":"#/$defs/N"}}}}}}`,
	"deep":           `{"type":"object","properties":{"a":` + strings.Repeat(`{"type":"object","properties":{"a":`, 25) + `{"type":"string"}` + strings.Repeat(`}}`, 25) + `}}`,
	"draft_04":       `{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://example.com/x","type":"object","properties":{"n":{"type":"number","minimum":0,"exclusiveMinimum":true},"t":{"type":"array","items":[{"type":"string"},{"type":"number"}]}},"definitions":{"x":{}},"dependencies":{"n":["t"]}}`,
	"draft_07":       `{"$schema":"http://json-schema.org/draft-07/schema#","$comment":"x","type":"object","properties":{"p":{"$ref":"#/definitions/P"}},"definitions":{"P":{"type":"string","contentEncoding":"base64","examples":["eA=="]}}}`,
	"draft_2019":     `{"$schema":"https://json-schema.org/draft/2019-09/schema","type":"object","properties":{"p":{"$recursiveRef":"#"}},"unevaluatedProperties":false}`,
	"draft_2020":     `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/x","type":"object","properties":{"t":{"type":"array","prefixItems":[{"type":"string"}],"items":false}},"propertyNames":{"pattern":"^t$"}}`,
	"type_list":      `{"type":"object","properties":{"p":{"type":["string","number","null"],"description":"Either."}}}`,
	"no_type":        `{"type":"object","properties":{"p":{"description":"Anything."},"q":true,"r":{}}}`,
	"nullable":       `{"type":"object","properties":{"p":{"type":"string","nullable":true},"q":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}}}`,
	"const":          `{"type":"object","properties":{"p":{"const":"x"},"q":{"const":null},"r":{"const":{"a":[1]}}}}`,
	"enums":          `{"type":"object","properties":{"p":{"enum":[1,2,3]},"q":{"enum":["","a"]},"r":{"enum":["a",1,null,true]},"s":{"type":"string","enum":["x","x y","ü"]},"t":{"type":"boolean","enum":[true]}}}`,
	"long_enum":      `{"type":"object","properties":{"p":{"enum":["v0"` + numbered(`,"v%d"`, 1, 3000) + `]}}}`,
	"required_ghost": `{"type":"object","properties":{"a":{"type":"string"}},"required":["a","b"]}`,
	"bad_names":      `{"type":"object","properties":{"$filter":{"type":"string"},"x-id":{"type":"string"},"a b":{"type":"string"},"1st":{"type":"string"},"名前":{"type":"string"},"` + strings.Repeat("n", 100) + `":{"type":"string"}},"required":["$filter"]}`,
	"formats":        `{"type":"object","properties":{"p":{"type":"string","format":"uri"},"q":{"type":"integer","format":"uint8"},"r":{"type":"number","format":"decimal"},"s":{"type":"string","format":"date-time"}}}`,
	"patterns":       `{"type":"object","properties":{"p":{"type":"string","pattern":"^(?!x)"}},"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}`,
	"map":            `{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"array"}}},"additionalProperties":{"type":"string"}}`,
	"words":          `{"type":"object","title":"T","properties":{"p":{"anyOf":[{"type":"string","title":"A"},{"type":"object"}],"description":"Beside.","title":"P"}}}`,
	"any_of_one":     `{"type":"object","properties":{"p":{"anyOf":[{"type":"string"}]},"q":{"oneOf":[{"type":"string"},false]},"r":{"allOf":[{"type":"string"},{"minLength":2}]}}}`,
	"many":           `{"type":"object","properties":{"p0":{"type":"string"}` + numbered(`,"p%d":{"type":"string"}`, 1, 300) + `}}`,
	// MCP 2026-07-28, tools: a client that is not shown the binding sends no header.
	"header_binding":  `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`,
	"remote":          `{"type":"object","properties":{"p":{"$ref":"https://example.com/nowhere.json"}}}`,
	"odd_annotations": `{"type":"object","properties":{"p":{"type":"string","readOnly":true,"deprecated":true,"x-order":1,"example":"a","examples":["a"],"default":""}}}`,
}

func numbered(format string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// hardTools is a server with a tool for each of the hard schemas, which answers
// with the arguments that it got.
func hardTools(r lab.Request) string {
	switch r.Method {
	case "tools/list":
		var tools []string
		for _, name := range slices.Sorted(maps.Keys(hard)) {
			tools = append(tools, fmt.Sprintf(`{"name":%q,"description":%q,"inputSchema":%s}`, name, strings.Repeat("word ", 560), hard[name]))
		}
		return `"result":{"tools":[` + strings.Join(tools, ",") + `]}`
	case "tools/call":
		var p struct {
			Arguments json.RawMessage `json:"arguments"`
		}
		_ = json.Unmarshal(r.Params, &p) // what the gateway sent
		return fmt.Sprintf(`"result":{"content":[{"type":"text","text":%q}]}`, p.Arguments)
	}
	return ""
}

// subset is what one provider accepts, in the words of its documents; how this program
// writes it down is of no interest here.
type subset struct {
	format   string
	entry    func(map[string]any) (name, description string, schema any)
	name     *regexp.Regexp
	property *regexp.Regexp
	most     int // characters of a description
	gemini   bool
}

var subsets = []subset{
	// OpenAI API reference, tools; errors as quoted in the reports above.
	{"openai", func(e map[string]any) (string, string, any) {
		e, _ = e["function"].(map[string]any)
		return openAIEntry(e)
	}, regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`), regexp.MustCompile(`.`), 1024, false},
	{"openai-responses", openAIEntry, regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`), regexp.MustCompile(`.`), 1024, false},
	// Anthropic API reference, tools: input_schema; property keys as its error names them.
	{"anthropic", func(e map[string]any) (string, string, any) {
		name, _ := e["name"].(string)
		description, _ := e["description"].(string)
		return name, description, e["input_schema"]
	}, regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`), regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`), 1 << 20, false},
	// Gemini API reference, FunctionDeclaration and Schema; Vertex AI for names of parameters.
	{"gemini-interactions", openAIEntry, regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`), regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`), 1 << 20, true},
	{"gemini", func(e map[string]any) (string, string, any) {
		name, _ := e["name"].(string)
		description, _ := e["description"].(string)
		return name, description, e["parametersJsonSchema"]
	}, regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`), regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`), 1 << 20, true},
}

func openAIEntry(e map[string]any) (string, string, any) {
	name, _ := e["name"].(string)
	description, _ := e["description"].(string)
	return name, description, e["parameters"]
}

// A server's name begins with a digit: the first character of each tool's on /mcp.
func TestListIsWhatTheProviderAccepts(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"3d": lab.NewScripted(t, hardTools).Config()}}})
	for _, p := range subsets {
		t.Run(p.format, func(t *testing.T) {
			seen := map[string]bool{}
			for _, e := range toolsIn(t, g, p.format).Tools {
				name, description, schema := p.entry(e)
				seen[name] = true
				if !p.name.MatchString(name) {
					t.Errorf("%s: the name is not allowed", name)
				}
				if n := len([]rune(description)); n > p.most || n == 0 {
					t.Errorf("%s: a description of %d characters", name, n)
				}
				root, _ := schema.(map[string]any)
				for _, combinator := range []string{"anyOf", "oneOf", "allOf", "not", "if", "enum", "const", "$ref"} {
					if root[combinator] != nil {
						t.Errorf("%s: %s at the root", name, combinator)
					}
				}
				if root["type"] != "object" {
					t.Errorf("%s: the root is %v, want an object", name, root["type"])
				}
				p.check(t, name, schema, 1)
			}
			if len(seen) != len(hard) {
				t.Errorf("%d tools, want %d", len(seen), len(hard))
			}
		})
	}
}

// check walks a schema the way a strict reader of the provider's documents would.
func (p subset) check(t *testing.T, where string, v any, depth int) {
	t.Helper()
	s, ok := v.(map[string]any)
	if !ok {
		t.Errorf("%s: a schema is %v, want an object", where, v)
		return
	}
	if depth > 10 {
		t.Errorf("%s: nested too deep", where)
		return
	}
	kinds, _ := s["type"].([]any)
	if kind, ok := s["type"].(string); ok {
		kinds = []any{kind}
	}
	allowed := strings.Fields("type title description default examples enum anyOf format pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf items minItems maxItems uniqueItems properties required additionalProperties minProperties maxProperties")
	if p.gemini {
		allowed = strings.Fields("type title description enum anyOf format minimum maximum items minItems maxItems properties required")
		if s["anyOf"] == nil && len(kinds) == 0 || s["anyOf"] != nil && len(s) > 1 {
			t.Errorf("%s: no type, or something beside anyOf: %v", where, s)
		}
		if _, list := s["type"].([]any); list {
			t.Errorf("%s: type is a list", where)
		}
	}
	for key := range s {
		if !slices.Contains(allowed, key) {
			t.Errorf("%s: %s", where, key)
		}
	}
	if slices.Contains(kinds, any("array")) && s["items"] == nil {
		t.Errorf("%s: an array without items", where)
	}
	props, _ := s["properties"].(map[string]any)
	if slices.Contains(kinds, any("object")) && props == nil {
		t.Errorf("%s: an object without properties", where)
	}
	for name, sub := range props {
		if !p.property.MatchString(name) {
			t.Errorf("%s: a property is named %q", where, name)
		}
		p.check(t, where+"."+name, sub, depth+1)
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := props[name.(string)]; !ok {
			t.Errorf("%s: %q is required and not defined", where, name)
		}
	}
	if s["items"] != nil {
		p.check(t, where+"[]", s["items"], depth+1)
	}
	if more, ok := s["additionalProperties"].(map[string]any); ok {
		p.check(t, where+".*", more, depth+1)
	}
	alternatives, _ := s["anyOf"].([]any)
	for _, a := range alternatives {
		p.check(t, where+"|", a, depth)
	}
	values, listed := s["enum"].([]any)
	if listed && (len(values) == 0 || len(values) > 1000) {
		t.Errorf("%s: an enum of %d", where, len(values))
	}
	for _, v := range values {
		if text, ok := v.(string); p.gemini && (!ok || text == "" || !slices.Contains(kinds, any("string"))) {
			t.Errorf("%s: %v in an enum", where, v)
		}
	}
}

type toolList struct {
	Tools   []map[string]any `json:"tools"`
	LeftOut []struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	} `json:"left_out"`
}

func toolsIn(t *testing.T, g *lab.Gateway, format string) toolList {
	t.Helper()
	r := lab.NewRequest(t, g.URL+"/v1/tools?format="+format, g.Tester(), nil)
	r.Method = http.MethodGet
	a := lab.Do(t, r)
	var l toolList
	if err := json.Unmarshal([]byte(a.Text), &l); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Text)
	}
	return l
}

// The model knows a property by another name than the upstream, which gets its
// own; what is wrong is said in the model's.
func TestCallInTheNamesThatTheModelWasShown(t *testing.T) {
	up := lab.NewScripted(t, hardTools)
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"3d": up.Config()}}})
	for _, p := range subsets {
		t.Run(p.format, func(t *testing.T) {
			var name, filter string
			for _, e := range toolsIn(t, g, p.format).Tools {
				if n, _, schema := p.entry(e); strings.HasSuffix(n, "3d__bad_names") {
					root, _ := schema.(map[string]any)
					name, filter = n, root["required"].([]any)[0].(string)
				}
			}
			a := emitCall(t, g, p.format, name, fmt.Sprintf(`{%q:"it"}`, filter))
			if got := up.Got("tools/call"); a.Status != http.StatusOK || len(got) == 0 || !strings.Contains(string(got[len(got)-1].Params), `"$filter":"it"`) {
				t.Errorf("%s with %s: %d %s", name, filter, a.Status, a.Text)
			}
			a = emitCall(t, g, p.format, name, fmt.Sprintf(`{%q:5}`, filter))
			if !strings.Contains(a.Text, "invalid_arguments") || !strings.Contains(a.Text, "/"+filter+":") {
				t.Errorf("a wrong %s is answered by %s", filter, a.Text)
			}
		})
	}
}

// emitCall sends a call as the provider's models emit it.
func emitCall(t *testing.T, g *lab.Gateway, format, name, args string) lab.Answer {
	t.Helper()
	body := map[string]string{
		"openai":              `{"tool_calls":[{"id":"c","type":"function","function":{"name":%q,"arguments":%q}}]}`,
		"openai-responses":    `{"type":"function_call","call_id":"c","name":%q,"arguments":%q}`,
		"anthropic":           `{"content":[{"type":"tool_use","id":"c","name":%q,"input":%s}]}`,
		"gemini-interactions": `{"steps":[{"type":"function_call","id":"c","name":%q,"arguments":%s}]}`,
		"gemini":              `{"parts":[{"functionCall":{"name":%q,"args":%s}}]}`,
	}[format]
	r := lab.NewRequest(t, g.URL+"/v1/tool_calls", g.Tester(), strings.NewReader(fmt.Sprintf(body, name, args)))
	r.Header.Set("Content-Type", "application/json")
	return lab.Do(t, r)
}

// OpenAI API reference: at most 128 tools in one request. Which are left out is said.
func TestListIsNoLongerThanTheProviderAllows(t *testing.T) {
	many := func(r lab.Request) string {
		if r.Method != "tools/list" {
			return ""
		}
		return `"result":{"tools":[{"name":"t0","inputSchema":{"type":"object"}}` + numbered(`,{"name":"t%d","inputSchema":{"type":"object"}}`, 1, 200) + `]}`
	}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"s": lab.NewScripted(t, many).Config()}}})
	for format, want := range map[string]int{"openai": 128, "openai-responses": 128, "anthropic": 200, "mcp": 200} {
		l := toolsIn(t, g, format)
		if len(l.Tools) != want || len(l.LeftOut) != 200-want {
			t.Errorf("%s: %d tools and %d left out, want %d of 200", format, len(l.Tools), len(l.LeftOut), want)
		}
		if len(l.LeftOut) > 0 && (l.LeftOut[0].Name != "s__t128" || l.LeftOut[0].Reason == "") {
			t.Errorf("%s: left out: %+v", format, l.LeftOut[0])
		}
	}
}

// Clients hand what MCP lists on to a provider as it is; the configuration can
// ask for what some of them accept.
func TestMCPListInTheShapeOfProviders(t *testing.T) {
	up := lab.NewScripted(t, hardTools)
	config := up.Config()
	config["schemas"] = []string{"anthropic", "gemini", "openai"}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": config}}})
	var list struct {
		Result struct {
			Tools []struct {
				Name        string
				Description string
				InputSchema map[string]any
			}
		}
	}
	a := lab.Legacy.Send(t, g, g.Tester(), "", `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}`)
	text := a.Text
	if i := strings.Index(text, "{"); i > 0 { // an event's data
		text = text[i:]
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&list); err != nil {
		t.Fatalf("%v in %s", err, a.Text)
	}
	filter := ""
	for _, tool := range list.Result.Tools {
		for _, p := range subsets {
			p.check(t, p.format+" "+tool.Name, tool.InputSchema, 1)
		}
		if tool.InputSchema["anyOf"] != nil || len([]rune(tool.Description)) > 1024 {
			t.Errorf("%s: %.100v", tool.Name, tool)
		}
		if tool.Name == "lab__bad_names" {
			filter = tool.InputSchema["required"].([]any)[0].(string)
		}
	}
	if len(list.Result.Tools) != len(hard) || filter == "" || filter == "$filter" {
		t.Fatalf("%d tools, want %d; $filter is %q", len(list.Result.Tools), len(hard), filter)
	}
	for _, s := range []*lab.Surface{lab.Legacy, lab.Modern, lab.SSE} {
		a := s.Call(t, g, g.Tester(), "bad_names", fmt.Sprintf(`{%q:"by %s"}`, filter, s.Name))
		if got := up.Got("tools/call"); a.Code != "" || len(got) == 0 || !strings.Contains(string(got[len(got)-1].Params), `"$filter":"by `+s.Name) {
			t.Errorf("%s: %+v", s.Name, a)
		}
		if a := s.Call(t, g, g.Tester(), "bad_names", fmt.Sprintf(`{%q:5}`, filter)); !strings.Contains(a.Text, "/"+filter+":") {
			t.Errorf("%s: a wrong %s is answered by %s", s.Name, filter, a.Text)
		}
		if a := s.Call(t, g, g.Tester(), "header_binding", `{"region":"north"}`); a.Code != "" {
			t.Errorf("%s: a binding that was not shown: %+v", s.Name, a)
		}
	}
}
