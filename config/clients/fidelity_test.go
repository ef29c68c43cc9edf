package clients

import (
	"bytes"
	"strings"
	"testing"
)

// what people have in their files, by the format. {root} is the client's member
// for servers, {a} and {b} are entries as such a file has them.
var files = map[string]map[string]string{
	"json": {
		"nothing":         "{}\n",
		"only a comment":  "{\n  // mine\n}\n",
		"one line":        `{"{root}":{"a":{"command":"a"}},"x":[1,2]}` + "\n",
		"one line, loose": `{ "{root}": { "a": { "command": "a" } } }`,
		"no servers":      "{\n  \"theme\": \"Dark\"\n}\n",
		"four spaces":     "{\n    \"{root}\": {\n        \"a\": {\"command\": \"a\"}\n    },\n    \"z\": 1\n}\n",
		"tabs":            "{\n\t\"{root}\": {\n\t\t\"a\": {\n\t\t\t\"command\": \"a\"\n\t\t}\n\t}\n}\n",
		"comments": "// head\n{\n  /* before */\n  \"{root}\": { // behind\n    // a\n    \"a\": {\"command\": \"a\"} // keep\n    // foot\n  }, // tail\n" +
			"  // \"b\": 1\n}\n// end\n",
		"trailing commas": "{\n  \"{root}\": {\n    \"a\": {\"command\": \"a\"}, // one\n  },\n  \"x\": [1, 2,],\n}\n",
		"brace behind":    "{\n  \"{root}\": {\n    \"a\": {\"command\": \"a\"}}}",
		"blank lines":     "\n{\n\n  \"{root}\": {\n\n    \"a\": {\"command\": \"a\"}\n\n  }\n\n}\n\n",
		"comma first":     "{ \"z\": 1\n, \"{root}\":\n  { \"a\": {\"command\": \"a\"}\n  }\n}\n",
		"odd values":      "{\n  \"big\": 12345678901234567890,\n  \"f\": 1.50e+3,\n  \"u\": \"\\u00e9\\/\",\n  \"{root}\": {\"a\": {\"env\": {\"K\": \"//no\"}}}\n}\n",
	},
	"toml": {
		"nothing":       "",
		"a comment":     "# mine\n",
		"no servers":    "model = \"gpt-5\" # the model\n\n[profiles.fast]\nmodel = \"small\"\n",
		"others":        "[{root}.a]\ncommand = \"a\"\nargs = [\n  \"x\", # y\n]\n\n# about z\n[{root}.z]\ncommand = \"z\"\n",
		"inline":        "model = \"m\"\n{root} = { a = { command = \"a\" } } # all\nx = 1\n",
		"inline, tight": "{root}={a={command=\"a\"}}\n",
		"inline, empty": "x = 1\n[t]\ny = 2\n",
		"header":        "[{root}]\na = { command = \"a\" }\n\n[z]\n",
		"dotted":        "{root}.a.command = \"a\"\n",
		"lookalike":     "note = '''\n[{root}.toolward]\n'''\n",
		"arrays":        "[[{root}x]]\na = 1\n\n[[{root}x]]\na = 2\n",
	},
	"yaml": {
		"nothing":        "",
		"a comment":      "# mine\n",
		"no servers":     "GOOSE_MODEL: x # y\nlist:\n- a\n- b\n",
		"others":         "# head\n{root}:\n{a}\n\n# about the rest\nz: 1\n",
		"at the end":     "z: 1\n{root}:\n{a}\n",
		"a comment last": "{root}:\n{a}\n# end\n",
		"two":            "{root}:\n{a}\n\n{b}\n\n\nz:\n  y: 1\n",
		"long string":    "z: |\n  {root}:\n  # no comment\n\n  x\n{root}:\n{a}\n",
		"quoted":         "'{root}':\n{a}\n\"z\": \"# no\"\n",
		"document":       "---\n{root}:\n{a}\n",
	},
}

// entries are servers of others in YAML files, where layout is by columns.
var entries = map[bool]map[string]string{
	false: {"{a}": "  a:\n    type: stdio\n    args: [x] # y", "{b}": "    # about b\n  b: {type: builtin}"},
	true:  {"{a}": "  - name: a\n    args:\n      - x # y", "{b}": "  # about b\n  - {name: b, command: b}"},
}

var shapes = map[string]func(string) string{
	"":                  func(s string) string { return s },
	"CRLF":              func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"byte order mark":   func(s string) string { return "\ufeff" + s },
	"both":              func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") },
	"no end":            func(s string) string { return strings.TrimRight(s, "\n") },
	"CRLF and no end":   func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\n", "\r\n"), "\r\n") },
	"blanks at the end": func(s string) string { return s + "\n\n" },
}

var fileFormats = []struct{ client, format, root string }{
	{"cursor", "json", "mcpServers"}, {"amp", "json", "amp.mcpServers"}, {"vscode", "json", "servers"}, {"copilot-cli", "json", "mcpServers"}, {"opencode", "json", "mcp"},
	{"codex", "toml", "mcp_servers"}, {"goose", "yaml", "extensions"}, {"continue", "yaml", "mcpServers"},
}

// An entry is put into each file, changed to another kind, and taken out again:
// every byte is what it was. (But a place for servers that had none is gone then.)
func TestFilesAreWhatTheyWereAfterwards(t *testing.T) {
	for _, f := range fileFormats {
		for name, text := range files[f.format] {
			for shape, make := range shapes {
				t.Run(strings.Join([]string{f.client, name, shape}, "/"), func(t *testing.T) {
					text := text
					for from, to := range entries[f.client == "continue"] {
						text = strings.ReplaceAll(text, from, to)
					}
					text = make(strings.ReplaceAll(text, "{root}", f.root))
					roundTrip(t, f.client, text)
				})
			}
		}
	}
}

func roundTrip(t *testing.T, client, text string) {
	t.Helper()
	o := Options{URL: "http://127.0.0.1:8080/mcp", Token: "synthetic.token.value", Command: []string{"/opt/toolward", "stdio"}, Local: true}
	c, err := prepare(client, &o)
	if err != nil {
		t.Fatal(err)
	}
	last := []byte(text)
	for _, how := range []Kind{ByToken, ByProgram, ByToken} {
		o.How = how
		ch, _, err := c.change(o)
		if err != nil {
			t.Fatal(err)
		}
		after, err := ch.edit(c.Format, last)
		if err != nil {
			t.Fatalf("by %s: %v\nof %q", how, err, last)
		}
		if lf, crlf := bytes.Count(after, []byte("\n")), bytes.Count(after, []byte("\r\n")); strings.Contains(text, "\r") && lf != crlf || !strings.Contains(text, "\r") && crlf > 0 {
			t.Errorf("the line ends changed: %q\nof %q", after, text)
		}
		doc, err := decode(c.Format, after)
		if err != nil {
			t.Fatal(err)
		}
		s, err := serversOf(doc, c.Root, c.List)
		if err != nil {
			t.Fatal(err)
		}
		if entry, ok := s.find("toolward"); !ok || c.kindOf(entry) != how {
			t.Errorf("the entry by %s is taken for one by %s: %v", how, c.kindOf(entry), entry)
		}
		if again, err := ch.edit(c.Format, after); err != nil || string(again) != string(after) {
			t.Errorf("writing it again changed it: %v\n%q", err, again)
		}
		last = after
	}
	gone := &change{root: c.Root, name: o.Name, list: c.List}
	after, err := gone.edit(c.Format, last)
	if err != nil || string(after) != text {
		t.Errorf("from %q\nwith the entry %q\nand without it %q, %v", text, last, after, err)
	}
}
