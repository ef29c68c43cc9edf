package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/config/clients"
)

// A file that we made goes when it is empty again; one that others made stays.
func TestRemoveLeavesNoFileOfOurs(t *testing.T) {
	for _, client := range []string{"cursor", "codex", "goose"} {
		o := options(t.TempDir())
		w, err := clients.Write(client, o, when)
		if err != nil {
			t.Fatal(err)
		}
		w, err = clients.Remove(client, o, when)
		if err != nil || !w.Gone {
			t.Fatalf("%s: %+v, %v", client, w, err)
		}
		if _, err := os.Stat(w.Path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", w.Path, err)
		}
		if _, err := os.Stat(w.Backup); err != nil {
			t.Error(err)
		}
	}
	o := options(t.TempDir())
	if w, err := clients.Remove("cursor", o, when); err != nil || w.Changed {
		t.Errorf("where there is no file: %+v, %v", w, err)
	}
}

// What people have added to our entry stays; what is of another kind of entry goes.
func TestOtherMembersOfTheEntryStay(t *testing.T) {
	for _, tt := range []struct{ client, before, after string }{
		{"cursor", `{"mcpServers": {"toolward": {"command": "old", "args": ["x"], "headers": {"X-Team": "a"}, "disabled": true}}}`,
			`{"mcpServers": {"toolward": {"headers": {"X-Team": "a", "Authorization": "Bearer synthetic.token.value"}, "disabled": true, "url": "http://127.0.0.1:8080/mcp"}}}`},
		{"claude-code", `{"mcpServers": {"toolward": null}}`,
			`{"mcpServers": {"toolward": {"type": "http", "url": "http://127.0.0.1:8080/mcp", "headers": {"Authorization": "Bearer synthetic.token.value"}}}}`},
		{"codex", "[mcp_servers.toolward]\ncommand = \"old\" # was\nargs = [\n  \"x\",\n]\nstartup_timeout_sec = 20 # slow\n\n[mcp_servers.toolward.env]\nTOOLWARD_TOKEN = \"y\"\n",
			"[mcp_servers.toolward]\nstartup_timeout_sec = 20 # slow\nurl = \"http://127.0.0.1:8080/mcp\"\nhttp_headers = { Authorization = \"Bearer synthetic.token.value\" }\n"},
		{"codex", "[mcp_servers.toolward]\nurl = 'http://127.0.0.1:8080/mcp' # mine\n[mcp_servers.toolward.http_headers]\nX = \"1\"\n",
			"[mcp_servers.toolward]\nurl = 'http://127.0.0.1:8080/mcp' # mine\n[mcp_servers.toolward.http_headers]\nX = \"1\"\nAuthorization = \"Bearer synthetic.token.value\"\n"},
		{"codex", "mcp_servers.toolward.url = \"http://old/mcp\"\nmcp_servers.toolward.tool_timeout_sec = 5\n",
			"mcp_servers.toolward.url = \"http://127.0.0.1:8080/mcp\"\nmcp_servers.toolward.http_headers = { Authorization = \"Bearer synthetic.token.value\" }\nmcp_servers.toolward.tool_timeout_sec = 5\n"},
		{"goose", "extensions:\n  toolward: # mine\n    type: streamable_http\n    name: toolward\n    uri: http://old/mcp\n    timeout: 9 # long\n    enabled: false\n  z: {}\n",
			"extensions:\n  toolward: # mine\n    type: streamable_http\n    name: toolward\n    uri: http://127.0.0.1:8080/mcp\n    timeout: 9 # long\n    enabled: false\n    headers:\n      Authorization: Bearer synthetic.token.value\n  z: {}\n"},
		{"continue", "mcpServers:\n- name: toolward\n  command: old\n  cwd: /srv # here\n- name: z\n",
			"mcpServers:\n- name: toolward\n  cwd: /srv # here\n  type: streamable-http\n  url: http://127.0.0.1:8080/mcp\n  requestOptions:\n    headers:\n      Authorization: Bearer synthetic.token.value\n- name: z\n"},
	} {
		o := options(t.TempDir())
		o.Token = "synthetic.token.value"
		s, err := clients.Connect(tt.client, o)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, s.Path, []byte(tt.before))
		if _, err := clients.Write(tt.client, o, when); err != nil {
			t.Errorf("%s: %v", tt.client, err)
		}
		if got := mustRead(t, s.Path); got != tt.after {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.client, got, tt.after)
		}
	}
}

// What cannot be edited is left alone, and said.
func TestFilesThatCannotBeEdited(t *testing.T) {
	for _, tt := range []struct{ client, text, want string }{
		{"cursor", "\xff\xfe{\x00}\x00", "UTF-16"},
		{"cursor", "[]", "is not an object"},
		{"cursor", `{"mcpServers": [1]}`, "mcpServers: is not an object"},
		{"cursor", `{"mcpServers": "x"}`, "mcpServers: is not an object"},
		{"continue", "mcpServers: {a: 1}\n", "mcpServers: is not a list"},
		{"goose", "extensions: {a: {type: builtin}}\n", "in a way that cannot be edited"},
		{"goose", "a: [\n", "yaml"},
		{"goose", "{a: 1}\n", "in a way that cannot be edited"},
		{"codex", "mcp_servers = 1\n", "mcp_servers: is not an object"},
	} {
		o := options(t.TempDir())
		s, err := clients.Connect(tt.client, o)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, s.Path, []byte(tt.text))
		_, err = clients.Write(tt.client, o, when)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Base(s.Path)) {
			t.Errorf("%s %q: %v; want %q", tt.client, tt.text, err, tt.want)
		}
		if got := mustRead(t, s.Path); got != tt.text {
			t.Errorf("%s %q: it is %q now", tt.client, tt.text, got)
		}
	}
}

// Two edits in one second keep what the file was before each.
func TestBackupsAreNotOverwritten(t *testing.T) {
	o := options(t.TempDir())
	first := `{"mcpServers": {"a": {}}}`
	s, err := clients.Connect("cursor", o)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s.Path, []byte(first))
	one, err := clients.Write("cursor", o, when)
	if err != nil {
		t.Fatal(err)
	}
	second := mustRead(t, s.Path)
	two, err := clients.Remove("cursor", o, when)
	if err != nil {
		t.Fatal(err)
	}
	if one.Backup == two.Backup || mustRead(t, one.Backup) != first || mustRead(t, two.Backup) != second {
		t.Errorf("%s has %q, %s has %q", one.Backup, mustRead(t, one.Backup), two.Backup, mustRead(t, two.Backup))
	}
}

// A link to a file that is not there yet (on a disk that is not mounted, say) is not
// replaced by a file.
func TestLinksToNothingAreLeftAlone(t *testing.T) {
	o := options(t.TempDir())
	s, err := clients.Connect("zed", o)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(filepath.Dir(s.Path), "other"), nil)
	if err := os.Symlink(filepath.Join(o.Home, "gone", "settings.json"), s.Path); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if _, err := clients.Write("zed", o, when); err == nil || !strings.Contains(err.Error(), "which is not there") {
		t.Errorf("Write: %v", err)
	}
	if info, err := os.Lstat(s.Path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v now, %v", info, err)
	}
}
