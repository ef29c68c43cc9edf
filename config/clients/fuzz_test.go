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
	o := Options{URL: "http://127.0.0.1:8080/mcp"}
	f.Fuzz(func(t *testing.T, old string) {
		for _, id := range []string{"vscode", "codex"} {
			c, err := prepare(id, &o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := c.edit([]byte(old), o)
			if err != nil {
				continue
			}
			again, err := c.edit(text, o)
			if err != nil || string(again) != string(text) {
				t.Fatalf("%s: editing again: %v\n got %q\nwant %q", id, err, again, text)
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
