package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func offered() []*gateway.Tool {
	tool := func(server, name, schema string) *gateway.Tool {
		return &gateway.Tool{
			Kind: gateway.KindTool, Server: server, Name: name, Wire: server + "__" + name,
			Definition: json.RawMessage(`{"name":"` + name + `","description":"Does it.\nReally\u0000.","inputSchema":` + schema + `}`),
		}
	}
	return []*gateway.Tool{
		tool("files", "read_file", `{"type":"object","properties":{"path":{"type":"string"},"odd name":{}},"additionalProperties":false}`),
		tool("files", "write-file", `{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}}}`),
		tool("open", "any", `{"type":"object","properties":{"a":{}},"additionalProperties":true}`),
	}
}

func TestCheckAgainstCatalog(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"a.rego": "package tools.files.read_file\n\nallow if input.args.pth == \"/a\"\n\ndeny contains \"x\" if input.args[\"odd name\"] == 1\n",
		"b.rego": "package tools.files.red_file\n\nallow := true\n",
		"c.rego": "package servers.flies\n\nallow if false\n",
		"d.rego": "package tools.files[\"write-file\"]\n\nallow if input.args.contents == \"\"\n",
		"e.rego": "package tools.open.any\n\nallow if input.args.b == 1\n",
		"f.rego": "package tools.down.any\n\nallow := true\n",
		"g.rego": "package reverse.files\n\nallow := true\n",
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range e.Check(&Offered{Tools: offered(), Servers: []string{"files", "open", "down"}, Down: []string{"down"}}) {
		got = append(got, strings.ReplaceAll(p.String(), dir+"/", ""))
	}
	want := []string{
		"a.rego:3:10: unknown_argument: files__read_file has no argument \"pth\"\n  did you mean \"path\"?",
		"b.rego:1:1: unknown_tool: upstream files offers no tool \"red_file\"\n  did you mean \"read_file\"?",
		"c.rego:1:1: unknown_server: there is no upstream \"flies\"\n  did you mean \"files\"?",
		"d.rego:3:10: warning: unknown_argument: files__write-file has no argument \"contents\"\n  did you mean \"content\"?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestCheckOfServersThatAreNotAllKnown: a name that is not among those that are known
// may be there all the same.
func TestCheckOfServersThatAreNotAllKnown(t *testing.T) {
	e := open(t, "package tools.other.any\n\nallow if input.agent.id == \"a\"\n\ndeny contains \"x\" if input.tool.server == \"another\"\n")
	if ps := e.Check(&Offered{Tools: offered()}); len(ps) > 0 {
		t.Errorf("problems: %v", ps)
	}
	if ps := e.Check(&Offered{Tools: offered(), Servers: []string{"files", "open"}}); len(ps) != 2 {
		t.Errorf("problems: %v, want the package's server and the one in the rule", ps)
	}
}

// TestInit: a starter policy loads, allows nobody, and its tests pass.
func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "policies")
	written, err := Init(dir, offered())
	if err != nil || len(written) != 6 {
		t.Fatalf("wrote %q: %v", written, err)
	}
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if ps := e.Check(&Offered{Tools: offered()}); len(ps) > 0 {
		t.Errorf("problems: %v", ps)
	}
	for _, tool := range offered() {
		c := readCall(t, `{"path":"/a","a":1}`, "reader", "admin")
		c.Tool = tool
		if d := decide(t, e, c); d.Effect != gateway.EffectDeny {
			t.Errorf("%s: %s, want deny", tool.Wire, d.Effect)
		}
	}
	report, err := Test(t.Context(), Options{Path: dir})
	if err != nil || len(report.Results) != 3 || report.Failed() > 0 {
		t.Errorf("tests: %+v %v", report, err)
	}
	again, err := Init(dir, offered())
	if err != nil || len(again) != 0 {
		t.Errorf("a second time wrote %q: %v", again, err)
	}
}

// TestInitShowsConditionsThatCanHold: the example in a starter, written out, is one
// about which nothing is said, whatever the type of the argument.
func TestInitShowsConditionsThatCanHold(t *testing.T) {
	offered := catalogOf(t, "testdata/mistakes/tools.json")
	written, err := Init(t.TempDir(), offered.Tools)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range written {
		if isTest(name) {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(content), "\n\n")
		_, example, ok := strings.Cut(rest, "For example:\n#\n")
		example, _, _ = strings.Cut(example, "allow if false")
		if !ok || !strings.Contains(example, "input.args") {
			t.Errorf("no example of an argument:\n%s", content)
			continue
		}
		text := head + "\n\n" + strings.ReplaceAll(strings.ReplaceAll(example, "# ", ""), "#\n", "\n")
		e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{"p.rego": text})})
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if ps := e.Check(offered); len(ps) > 0 {
			t.Errorf("%v\n%s", ps, text)
		}
		tried++
	}
	if tried < 8 {
		t.Errorf("only %d examples were tried", tried)
	}
}

// TestInitKeepsHostileNamesInside: names and descriptions are an upstream's to
// choose, and must neither leave the directory nor end a comment.
func TestInitKeepsHostileNamesInside(t *testing.T) {
	dir := t.TempDir()
	tools := []*gateway.Tool{
		{Kind: gateway.KindTool, Server: "files", Name: "../../evil", Wire: "files__evil", Definition: json.RawMessage(`{"description":"x\rallow := true"}`)},
		{Kind: gateway.KindTool, Server: "files", Name: "a\nallow := true #", Wire: "files__a", Definition: json.RawMessage(`{"inputSchema":{"properties":{"x\nallow := true":{"type":"string\nallow := true"}}}}`)},
		{Kind: gateway.KindTool, Server: "files", Name: "default", Wire: "files__default"},
		{Kind: gateway.KindTool, Server: "in", Name: "a.b", Wire: "in__a_b_1"},
		{Kind: gateway.KindTool, Server: "in", Name: "a_b", Wire: "in__a_b"},
	}
	written, err := Init(filepath.Join(dir, "p"), tools)
	if err != nil || len(written) != 2*len(tools) {
		t.Fatalf("wrote %q: %v", written, err)
	}
	for _, name := range written {
		if !strings.HasPrefix(name, filepath.Join(dir, "p")+string(filepath.Separator)) {
			t.Errorf("wrote %s", name)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(strings.FieldsFunc(string(content), func(r rune) bool { return r == '\n' || r == '\r' }), "allow := true") {
			t.Errorf("%s holds a rule of the upstream's:\n%s", name, content)
		}
	}
	if _, err := Open(t.Context(), Options{Path: filepath.Join(dir, "p")}); err != nil {
		t.Error(err)
	}
}
