//go:build e2e

package attacks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestLoginLeadsNowhereInside has an upstream name an authorization server whose
// address leads back inside in another spelling: a login does not go there.
func TestLoginLeadsNowhereInside(t *testing.T) {
	server := ""
	mux := http.NewServeMux()
	up := httptest.NewServer(mux)
	defer up.Close()
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+up.URL+`/.well-known/oauth-protected-resource/mcp"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("/.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, up.URL+"/mcp", server)
	})
	g := lab.Launch(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": map[string]any{
		"url": up.URL + "/mcp", "oauth": map[string]any{"grant": "authorization_code"},
	}}}})
	for name, address := range map[string]string{
		"NAT64": "64:ff9b::7f00:1", "NAT64 of its own": "64:ff9b:1::7f00:1", "6to4": "2002:7f00:1::1", "Teredo": "2001::7f00:1",
		"a cloud's metadata": "::ffff:169.254.169.254", "link-local": "fe80::1",
	} {
		t.Run(name, func(t *testing.T) {
			server = "https://[" + address + "]"
			code, out := g.Run(t, "login", "lab", "--config", "toolward.yaml")
			if code == 0 || !strings.Contains(out, "stands for another address or for none") {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
}
