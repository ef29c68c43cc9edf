package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/config"
)

func runImport(t *testing.T, args ...string) (out, talk string, err error) {
	t.Helper()
	cmd := newImport()
	var o, e bytes.Buffer
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// With a file of variables nothing is left to set, nobody else can read it, and a
// second import does not write over it.
func TestImportWritesValuesApart(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers": {"a": {"command": "x", "args": ["--token", "synthetic-secret"], "env": {"LOG_LEVEL": "debug"}}}}`)
	t.Chdir(dir)
	out, talk, err := runImport(t, "mcp.json", "--env-file", "toolward.env")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out+talk, "synthetic-secret") || strings.Contains(talk, "set these") || !strings.Contains(out, "env_file: toolward.env\n") {
		t.Errorf("printed\n%s\nsaid\n%s", out, talk)
	}
	info, err := os.Stat("toolward.env")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of variables: %v, %v", info.Mode(), err)
	}
	if first, _, _ := strings.Cut(out, "\n"); first != config.Modeline {
		t.Errorf("the first line is %q, not the one for editors", first)
	}
	put(t, "toolward.yaml", out)
	cfg, err := config.Load("toolward.yaml")
	if err != nil || cfg.Upstreams[0].Args[1] != "synthetic-secret" {
		t.Errorf("read again: %v", err)
	}
	if _, _, err := runImport(t, "mcp.json", "--env-file", "toolward.env"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: %v", err)
	}
}

// A server that answers 401 with OAuth's metadata gets oauth:, one that does not
// gets none, and --offline asks nobody.
func TestImportAsksServers(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/login":
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="http://x/.well-known/oauth-protected-resource"`)
			w.WriteHeader(http.StatusUnauthorized)
		case "/key":
			w.WriteHeader(http.StatusUnauthorized)
		case "/away":
			http.Redirect(w, r, "/login", http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "mcp.json")
	put(t, file, `{"mcpServers": {"login": {"url": "`+srv.URL+`/login"}, "key": {"url": "`+srv.URL+`/key"}, "open": {"url": "`+srv.URL+`/open"}, "away": {"url": "`+srv.URL+`/away"}, "down": {"url": "http://127.0.0.1:1/mcp"}}}`)
	out, talk, err := runImport(t, file)
	if err != nil || strings.Count(out, "oauth:") != 1 || !strings.Contains(out, "/login\n    oauth: {grant: authorization_code}") || !strings.Contains(talk, "toolward login login") || asked != 4 {
		t.Errorf("%v, asked %d times\n%s\n%s", err, asked, out, talk)
	}
	asked = 0
	if out, _, err := runImport(t, file, "--offline"); err != nil || strings.Contains(out, "oauth:") || asked != 0 {
		t.Errorf("offline: %v, asked %d times\n%s", err, asked, out)
	}
}

// The version that npx fetched last is the one that the client has been starting.
func TestInstalledIsTheNewest(t *testing.T) {
	cache := t.TempDir()
	for folder, about := range map[string]string{"aa": `{"version": "1.0.0"}`, "bb": `{"version": "1.2.0"}`, "cc": `{`} {
		put(t, filepath.Join(cache, "_npx", folder, "node_modules", "@s", "p", "package.json"), about)
	}
	at := func(folder string, when time.Time) {
		if err := os.Chtimes(filepath.Join(cache, "_npx", folder, "node_modules", "@s", "p", "package.json"), when, when); err != nil {
			t.Fatal(err)
		}
	}
	at("aa", time.Unix(1000, 0))
	at("bb", time.Unix(2000, 0))
	at("cc", time.Unix(3000, 0))
	if got := installed(cache, "@s/p"); got != "1.2.0" {
		t.Errorf("got %q", got)
	}
	if got := installed(cache, "other"); got != "" {
		t.Errorf("of one that is not there: %q", got)
	}
}
