//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// Made up, and put together here so that no file holds them.
var (
	filePassword = "s00per" + "s3cretPw!"
	fileToken    = "ghp_" + "16C7e42F292c6912E7710c838347Ae17ABcd"
	fileCard     = "4111 1111 " + "1111 1111"
	fileKey      = "-----BEGIN RSA PRIVATE " + "KEY-----\n" +
		"MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n" +
		"KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm\n" +
		"-----END RSA PRIVATE " + "KEY-----"
)

// configFile is a file as programs have them, with what nobody should see.
func configFile(port string) string {
	return "listen_port: " + port + "\npassword: \"" + filePassword + "\"\ngithub_token: " + fileToken + "\n" +
		"card: " + fileCard + "\nprivate_key: |\n  " + strings.ReplaceAll(fileKey, "\n", "\n  ") + "\nnote: ünïcode \\ \"quoted\"\n"
}

// fileSecrets are parts of what must be nowhere but on disk.
var fileSecrets = []string{"s3cretPw", "16C7e42F292c6912", "1111 1111", "MIIBOgIBAAJBAKj34Gkx", "KUpRKfFLfRYC9AIKjbJT"}

// filesServer is the filesystem server from npm, as the upstream "lab".
func filesServer(t *testing.T, dir string, more map[string]any) map[string]any {
	t.Helper()
	file, err := filepath.Abs("../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%v: `npm ci` in e2e installs it", err)
	}
	entry := map[string]any{"command": "node", "args": []string{file, dir}}
	for name, v := range more {
		entry[name] = v
	}
	return entry
}

// shown is the text of an answer that holds a word, out of JSON in JSON if need be.
func shown(t *testing.T, text, word string) string {
	t.Helper()
	if _, data, ok := strings.Cut(text, "data: "); ok && !strings.HasPrefix(text, "{") {
		text, _, _ = strings.Cut(data, "\n")
	}
	var find func(v any) string
	find = func(v any) string {
		switch v := v.(type) {
		case map[string]any:
			for _, sub := range v {
				if found := find(sub); found != "" {
					return found
				}
			}
		case []any:
			for _, sub := range v {
				if found := find(sub); found != "" {
					return found
				}
			}
		case string:
			var inner any
			if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
				return find(inner)
			}
			if strings.Contains(v, word) {
				return v
			}
		}
		return ""
	}
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	found := find(doc)
	if found == "" {
		t.Fatalf("%q is not in %s", word, text)
	}
	return found
}

// clean fails the test where a text holds what only the disk may.
func clean(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range fileSecrets {
		if strings.Contains(text, s) {
			t.Errorf("%s holds %q", where, s)
		}
	}
}

// recordIsClean reads the bytes of the record, its log included.
func recordIsClean(t *testing.T, g *lab.Gateway, db string) {
	t.Helper()
	if db == "" {
		db = "toolward.db"
	}
	names, err := filepath.Glob(filepath.Join(g.Dir, db+"*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no record: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // a socket or what only the owner of another lock reads
		}
		clean(t, name, string(b))
	}
	clean(t, "the log", g.Log.String())
}

var onePlaceholder = regexp.MustCompile(`\[redacted [a-z0-9.-]+ [0-9a-z]{12}\]`)

// A file with a password, a token, a card and a key is read, changed and written back, and
// edited in place, through every surface: the disk keeps them, the model and the record
// never have them.
func TestFilesKeepTheirSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.yaml")
	for _, action := range []string{"redact", "tokenize"} {
		g := lab.Start(t, lab.Options{Config: map[string]any{
			"upstreams": map[string]any{"lab": filesServer(t, dir, nil)},
			"guard":     map[string]any{"secrets": action, "pii": action},
		}})
		token := g.Tester()
		for _, s := range lab.Surfaces {
			t.Run(action+" over "+s.Name, func(t *testing.T) {
				call := func(tool string, args map[string]any) string {
					t.Helper()
					var raw bytes.Buffer
					enc := json.NewEncoder(&raw)
					enc.SetEscapeHTML(false)
					if err := enc.Encode(args); err != nil {
						t.Fatal(err)
					}
					a := s.Call(t, g, token, tool, strings.TrimSpace(raw.String()))
					if a.Code != "" {
						t.Fatalf("%s: %s\n%s", tool, a.Code, a.Text)
					}
					clean(t, "the answer of "+tool, a.Text)
					return a.Text
				}
				onDisk := func(want string) {
					t.Helper()
					got, err := os.ReadFile(path)
					if err != nil || string(got) != want {
						t.Fatalf("on disk %q\nwant    %q (%v)", got, want, err)
					}
				}
				if err := os.WriteFile(path, []byte(configFile("5432")), 0o600); err != nil {
					t.Fatal(err)
				}
				text := shown(t, call("read_text_file", map[string]any{"path": path}), "listen_port")
				if n := len(onePlaceholder.FindAllString(text, -1)); n < 4 {
					t.Fatalf("%d placeholders in %s", n, text)
				}
				changed := strings.Replace(text, "5432", "5433", 1)
				call("write_file", map[string]any{"path": path, "content": changed})
				onDisk(configFile("5433"))
				if again := shown(t, call("read_text_file", map[string]any{"path": path}), "listen_port"); again != changed {
					t.Errorf("read again %q\nwant       %q", again, changed)
				}
				lines := strings.SplitAfter(changed, "\n")
				call("edit_file", map[string]any{"path": path, "edits": []any{map[string]any{
					"oldText": lines[0] + lines[1], "newText": lines[1] + "listen_port: 5434\n"}}})
				onDisk(strings.Replace(configFile("5433"), "listen_port: 5433\npassword: \""+filePassword+"\"\n", "password: \""+filePassword+"\"\nlisten_port: 5434\n", 1))
				recordIsClean(t, g, s.DB)
			})
		}
		g.CheckChain(t, "")
	}
}
