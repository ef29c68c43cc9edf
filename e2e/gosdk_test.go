//go:build e2e

// Package e2e runs the official Go SDK's client against the built binary with
// the reference servers from npm behind it. `make e2e` builds and installs
// what it needs.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// running is a gateway with the three reference servers behind it.
type running struct{ dir, url, token string }

// bearer adds the token to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func start(t *testing.T) running {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin := func(name string) string { return filepath.Join(root, "e2e", "node_modules", ".bin", name) }
	g := running{dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	g.url = "http://" + addr
	for _, d := range []string{"policies", "docs"} {
		if err := os.Mkdir(filepath.Join(g.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(g.dir, "docs", "hello.txt"), "Hello from a file.")
	write(t, filepath.Join(g.dir, "policies", "all.rego"), "package gateway\n\nallow if \"tester\" in input.agent.roles\n")
	write(t, filepath.Join(g.dir, "toolward.yaml"), fmt.Sprintf(`listen: %s
upstreams:
  everything: {command: %s}
  files: {command: %s, args: [./docs]}
  memory: {command: %s, env: {MEMORY_FILE_PATH: %s}}
policy: {path: ./policies}
limits: {default: {rate: 600000/min, burst: 100000}}
`, addr, bin("mcp-server-everything"), bin("mcp-server-filesystem"), bin("mcp-server-memory"), filepath.Join(g.dir, "memory.jsonl")))

	binary := filepath.Join(root, "bin", "toolward")
	var log bytes.Buffer
	serve := exec.Command(binary, "serve", "--config", "toolward.yaml")
	serve.Dir, serve.Stderr = g.dir, &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		if err := serve.Wait(); err != nil {
			t.Errorf("the gateway ended with %v:\n%s", err, log.String())
		}
	})
	mint := exec.Command(binary, "token", "mint", "--config", "toolward.yaml", "--subject", "go-sdk", "--role", "tester")
	mint.Dir = g.dir
	waitReady(t, g.url)
	token, err := mint.Output()
	if err != nil {
		t.Fatal(err)
	}
	g.token = strings.TrimSpace(string(token))
	return g
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func waitReady(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the gateway is not ready")
		}
	}
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
