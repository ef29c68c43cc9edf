package clients

import (
	"io"
	"testing"
)

// FuzzEdit: no panic, and an edit that succeeds changes nothing when repeated.
// That it changes nothing else is checked by the editors themselves.
func FuzzEdit(f *testing.F) {
	f.Add(`{"mcpServers": {"a": {}}, // c` + "\n}")
	f.Add("{\"inputs\": [1,],}")
	f.Add("[mcp_servers.toolward]\nx = 1\n")
	f.Add("a = '''\n[mcp_servers.toolward]\n'''\n")
	f.Add("extensions:\n  a: {b: c}\n\n# end\nx: |\n  # no comment\n")
	f.Add("mcpServers:\n- name: toolward\n  old: true\n")
	o := Options{URL: "http://127.0.0.1:8080/mcp", Token: "synthetic.token.value"}
	f.Fuzz(func(t *testing.T, old string) {
		for _, id := range []string{"vscode", "codex", "goose", "continue"} {
			c, err := prepare(id, &o)
			if err != nil {
				t.Fatal(err)
			}
			ch, _, err := c.change(o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := ch.edit(c.Format, []byte(old))
			if err != nil {
				continue
			}
			again, err := ch.edit(c.Format, text)
			if err != nil || string(again) != string(text) {
				t.Fatalf("%s: editing again: %v\n got %q\nwant %q", id, err, again, text)
			}
			ch.entry = nil
			if _, err := ch.edit(c.Format, text); err != nil {
				t.Fatalf("%s: taking it out again: %v\n of %q", id, err, text)
			}
		}
	})
}

// FuzzImport: no panic, and what is accepted can be written.
func FuzzImport(f *testing.F) {
	f.Add(`{"mcpServers": {"a": {"command": "x", "args": ["--token", "${A:-b}"], "env": {"K": 1}}}}`, false)
	f.Add("[mcp_servers.a]\nurl = 'https://u:p@a.example/?key=x'\n", true)
	f.Fuzz(func(t *testing.T, text string, isTOML bool) {
		in, err := importText([]byte(text), isTOML, ImportOptions{Secret: func(string) bool { return false }})
		if err != nil {
			return
		}
		if err := in.Render(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
