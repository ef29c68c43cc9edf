//go:build e2e

// Package e2e runs the official Go SDK's client against the built binary with
// the reference servers from npm behind it. `make e2e` builds and installs
// what it needs.
package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// bearer adds the token to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// running is a gateway with the three reference servers behind it.
type running struct{ dir, url, token string }

func start(t *testing.T) running {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin := func(name string) string { return filepath.Join(root, "e2e", "node_modules", ".bin", name) }
	dir := t.TempDir()
	docs := filepath.Join(dir, "docs")
	if err := os.Mkdir(docs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(docs, "hello.txt"), []byte("Hello from a file."), 0o600); err != nil {
		t.Fatal(err)
	}
	g := lab.Start(t, lab.Options{Dir: dir, Config: map[string]any{"upstreams": map[string]any{
		"everything": map[string]any{"command": bin("mcp-server-everything")},
		"files":      map[string]any{"command": bin("mcp-server-filesystem"), "args": []string{docs}},
		"memory":     map[string]any{"command": bin("mcp-server-memory"), "env": map[string]string{"MEMORY_FILE_PATH": filepath.Join(dir, "memory.jsonl")}},
	}}})
	return running{dir: dir, url: g.URL, token: g.Tester()}
}

func connect(t *testing.T, g running, path string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.url + path, HTTPClient: &http.Client{Transport: bearer(g.token)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func TestOfficialGoSDK(t *testing.T) {
	g := start(t)
	for _, tt := range []struct {
		server, tool, want string
		args               map[string]any
	}{
		{"everything", "echo", "across", map[string]any{"message": "across"}},
		{"files", "read_text_file", "Hello from a file", map[string]any{"path": filepath.Join(g.dir, "docs", "hello.txt")}},
		{"memory", "read_graph", "entities", map[string]any{}},
	} {
		for path, name := range map[string]string{"/mcp": tt.server + "__" + tt.tool, "/mcp/" + tt.server: tt.tool} {
			t.Run(strings.Trim(path, "/")+" "+name, func(t *testing.T) {
				session := connect(t, g, path)
				found := false
				for tool, err := range session.Tools(t.Context(), nil) {
					if err != nil {
						t.Fatal(err)
					}
					found = found || tool.Name == name
				}
				if !found {
					t.Fatalf("%s is not listed", name)
				}
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: tt.args})
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(result.Content)
				if err != nil {
					t.Fatal(err)
				}
				if result.IsError || !strings.Contains(string(text), tt.want) {
					t.Errorf("got %s, want %s in it", text, tt.want)
				}
			})
		}
	}
}
