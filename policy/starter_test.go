package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/format"

	"toolward/gateway"
)

// manyTools are tools, prompts and resources of all kinds: with every kind of
// argument, hints that tell the truth and hints that do not, names that need quoting.
func manyTools(t *testing.T) []*gateway.Tool {
	tools := catalogOf(t, "testdata/mistakes/tools.json").Tools
	for _, about := range []struct{ server, name, definition string }{
		{"files", "list_directory", `{"annotations":{"readOnlyHint":true},"description":"Lists.\nMore.","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"sortBy":{"enum":["name","size"]}}}}`},
		{"files", "searchFiles", `{"annotations":{"readOnlyHint":true,"destructiveHint":true},"inputSchema":{"type":"object","properties":{"pattern":{"type":"string"}}}}`},
		{"files", "delete_file", `{"annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"path":{"type":"string"}}}}`},
		{"files", "write_file", `{"annotations":{"readOnlyHint":false},"inputSchema":{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}}}}`},
		{"git-hub", "get-commit", `{"annotations":{"readOnlyHint":true},"inputSchema":{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"sha":{"anyOf":[{"type":"string"},{"type":"null"}]},"n":{"type":"integer","maximum":100}}}}}}`},
		{"git-hub", "default", `{"annotations":{"readOnlyHint":true}}`},
		{"git-hub", "runQuery", `{"annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"sql":{"type":"string"}}}}`},
		{"deep_test", "tree", `{"annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"t":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"object","properties":{"left":{"$ref":"#/$defs/t"},"right":{"$ref":"#/$defs/t"}}}}}}`},
		{"deep_test", "a\"b\\c\u202e\nallow := true", `{"annotations":{"readOnlyHint":true},"description":"x\rallow := true","inputSchema":{"properties":{"x\nallow := true":{"type":"string\nallow := true"},"y\"":{"type":"string","enum":["\"\nallow := true"]}}}}`},
	} {
		tools = append(tools, &gateway.Tool{Kind: gateway.KindTool, Server: about.server, Name: about.name, Wire: about.server + "__" + about.name, Definition: json.RawMessage(about.definition), Labels: []string{"private"}})
	}
	return append(tools,
		&gateway.Tool{Kind: gateway.KindPrompt, Server: "files", Name: "list_directory", Wire: "files__list_directory"},
		&gateway.Tool{Kind: gateway.KindResource, Server: "files", Name: "file:///a\"\nallow := true", Wire: "files__r"},
		&gateway.Tool{Kind: gateway.KindResource, Server: "wiki", Name: "wiki://{page}", Wire: "wiki__r"},
	)
}

var starters = map[string]Starter{
	"nobody":           {},
	"a role":           {Role: "reader"},
	"a role that may":  {Role: "reader", ReadOnly: true},
	"an odd role name": {Role: "a \"b\"\nallow := true", ReadOnly: true},
}

// TestStarters: what init writes loads, is formatted, says nothing wrong, allows what
// it says and no more, and its tests pass.
func TestStarters(t *testing.T) {
	tools := manyTools(t)
	for name, o := range starters {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "policies")
			started, err := Init(dir, tools, o)
			if err != nil || len(started) != 7 {
				t.Fatalf("%d servers: %v", len(started), err)
			}
			said := map[string]int{}
			for _, s := range started {
				said[s.Server] = s.Allowed
				if len(s.Files) != 2 {
					t.Errorf("%s: wrote %q", s.Server, s.Files)
				}
				for _, file := range s.Files {
					holdsOwnRules(t, dir, file)
				}
				if o.ReadOnly && s.Server == "files" && !slices.Equal(s.Doubtful, []string{"delete_file"}) {
					t.Errorf("doubtful: %q", s.Doubtful)
				}
			}
			e, err := Open(t.Context(), Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			if ps := e.Check(&Offered{Tools: tools}); len(ps) > 0 {
				t.Errorf("problems: %v", ps)
			}
			allowed := map[string]int{}
			for _, tool := range tools {
				for _, role := range []string{o.Role, "another"} {
					c := readCall(t, `{"path":"/a"}`, role)
					if c.Tool = tool; decide(t, e, c).Effect != gateway.EffectAllow {
						continue
					}
					if role == "another" || tool.Kind != gateway.KindTool || !saysReadOnly(tool) || tool.Name == "delete_file" {
						t.Errorf("%s may use the %s %s", role, tool.Kind, tool.Wire)
					}
					allowed[tool.Server]++
				}
			}
			for server, n := range said {
				if allowed[server] != n {
					t.Errorf("%s: %d tools are allowed, and it said %d", server, allowed[server], n)
				}
			}
			report, err := Test(t.Context(), Options{Path: dir})
			if err != nil || len(report.Results) < 14 || report.Failed() > 0 {
				t.Errorf("tests: %+v %v", report, err)
			}
		})
	}
}

// holdsOwnRules: names and descriptions are an upstream's to choose, and must neither
// leave the directory nor end a comment.
func holdsOwnRules(t *testing.T, dir, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil || filepath.Dir(file) != dir {
		t.Fatal(file, err)
	}
	lines := strings.FieldsFunc(string(content), func(r rune) bool { return r == '\n' || r == '\r' || r == '\u2028' })
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "allow := true") }) || strings.Contains(string(content), "\u202e") {
		t.Errorf("%s holds what the upstream wrote:\n%s", file, content)
	}
	formatted, err := format.Source(file, content)
	if err != nil || string(formatted) != string(content) {
		t.Errorf("%s is not formatted: %v", file, err)
	}
}

// TestStartersKeepWhatIsThere: a file of the user's is not touched, nor is a test put
// beside it that knows nothing of it.
func TestStartersKeepWhatIsThere(t *testing.T) {
	dir := writeFiles(t, map[string]string{"files.rego": "package servers.files\n", "web_test.rego": "package web_test\n"})
	started, err := Init(dir, catalogOf(t, "testdata/mistakes/tools.json").Tools, Starter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range started {
		want := 2
		switch s.Server {
		case "files":
			want = 0
		case "web":
			want = 1
		}
		if len(s.Files) != want || (want == 0) != (s.There != "") {
			t.Errorf("%s: wrote %q, was there: %q", s.Server, s.Files, s.There)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "files_test.rego")); err == nil {
		t.Error("a test was put beside the user's policy")
	}
	again, err := Init(dir, catalogOf(t, "testdata/mistakes/tools.json").Tools, Starter{})
	if err != nil || slices.ContainsFunc(again, func(s Started) bool { return len(s.Files) > 0 }) {
		t.Errorf("a second time wrote %+v: %v", again, err)
	}
}

// Ways in which a policy comes to allow too much: the test that was written beside it
// fails for each.
var widenings = map[string]func(text string) string{
	"everybody":               func(s string) string { return s + "\nallow if true\n" },
	"everybody who has an ID": func(s string) string { return s + "\nallow if input.agent.id != \"\"\n" },
	"a condition is dropped":  func(s string) string { return strings.Replace(s, "\"reader\" in input.agent.roles\n", "", 1) },
	"all tools for the role":  func(s string) string { return strings.Replace(s, "input.tool.name in reading\n", "", 1) },
	"another tool":            func(s string) string { return strings.Replace(s, "reading := {", "reading := {\"write_file\",", 1) },
	"one that sounds worse":   func(s string) string { return strings.Replace(s, "reading := {", "reading := {\"delete_file\",", 1) },
	"by the upstream's word":  func(s string) string { return s + "\nallow if not input.tool.annotations.destructiveHint\n" },
	"all but one":             func(s string) string { return s + "\nallow if input.tool.name != \"delete_file\"\n" },
	"a pattern of names": func(s string) string {
		return s + "\nallow if { \"reader\" in input.agent.roles; endswith(input.tool.name, \"_file\") }\n"
	},
	"a path by its beginning": func(s string) string {
		return s + "\nallow if { \"reader\" in input.agent.roles; input.tool.name == \"write_file\"; startswith(input.args.path, \"/\") }\n"
	},
	"a path that is not one": func(s string) string { return s + "\nallow if not startswith(input.args.path, \"/root\")\n" },
	"prompts":                func(s string) string { return strings.Replace(s, "input.tool.kind == \"tool\"\n", "", 1) },
	"resources": func(s string) string {
		return s + "\nallow if { \"reader\" in input.agent.roles; input.tool.kind == \"resource\" }\n"
	},
	"what is new": func(s string) string {
		return s + "\nallow if { \"reader\" in input.agent.roles; startswith(input.tool.name, \"a_\") }\n"
	},
	"another role too": func(s string) string { return s + "\nallow if input.agent.roles == []\n" },
	"the whole gateway": func(s string) string {
		return strings.Replace(s, "package servers.files", "package gateway", 1) + "\nallow if true\n"
	},
}

func TestStartersTestsFailWhereTooMuchIsAllowed(t *testing.T) {
	tools := manyTools(t)
	for name, widen := range widenings {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Init(dir, tools, starters["a role that may"]); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "files.rego")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			wider := widen(string(text))
			if wider == string(text) {
				t.Fatalf("it changes nothing:\n%s", text)
			}
			if err := os.WriteFile(file, []byte(wider), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := Test(t.Context(), Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			if report.Failed() == 0 {
				t.Errorf("no test fails for\n%s", wider)
			}
		})
	}
}

// TestStartersExamplesHold: each rule that stands in a starter as an example, written
// out, loads, is one about which nothing is said, and keeps what the test expects of
// calls that nobody should make.
func TestStartersExamplesHold(t *testing.T) {
	tools := manyTools(t)
	offered := &Offered{Tools: tools}
	started, err := Init(t.TempDir(), tools, Starter{Role: "reader", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, s := range started {
		content, err := os.ReadFile(s.Files[0])
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "# import", "import")
		for _, example := range examplesIn(text) {
			e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{"p.rego": usedImports(text, example)})})
			if err != nil {
				t.Errorf("%v\n%s", err, example)
				continue
			}
			if ps := e.Check(offered); len(ps) > 0 {
				t.Errorf("%v\n%s", ps, example)
			}
			tried++
		}
	}
	if tried < 15 {
		t.Errorf("%d examples were tried", tried)
	}
}

// examplesIn are the rules in comments.
func examplesIn(text string) (all []string) {
	var rule []string
	for line := range strings.Lines(text) {
		code, commented := strings.CutPrefix(line, "# ")
		switch {
		case commented && strings.HasSuffix(code, "if {\n"):
			rule = []string{code}
		case commented && rule != nil:
			if rule = append(rule, code); code == "}\n" {
				all, rule = append(all, strings.Join(rule, "")), nil
			}
		}
	}
	return all
}

// usedImports is a package with one rule, and the imports that it needs.
func usedImports(text, rule string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		helper, isImport := strings.CutPrefix(strings.TrimSpace(line), "import data.toolward.lib.")
		if strings.HasPrefix(line, "package") || isImport && strings.Contains(rule, helper+".") {
			b.WriteString(line)
		}
	}
	return b.String() + "\n" + rule
}
