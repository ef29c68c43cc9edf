package policy

import (
	"encoding/json"
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
