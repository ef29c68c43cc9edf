package auth_test

import (
	"strings"
	"testing"

	"toolward/auth"
	"toolward/gateway"
)

func endpoints(t *testing.T, base string, scopes ...string) *auth.Endpoints {
	t.Helper()
	e, err := auth.NewEndpoints(base, []string{"https://id.example.com", auth.LocalIssuer}, scopes)
	if err != nil {
		t.Fatalf("NewEndpoints: %v", err)
	}
	return e
}

func TestMetadataPerEndpoint(t *testing.T) {
	e := endpoints(t, "HTTPS://GW.example.com:443/", "tools", "offline_access")
	if got, want := string(e.Metadata("", "/mcp/files")), `{"resource":"https://gw.example.com/mcp/files","authorization_servers":["https://id.example.com"],"scopes_supported":["tools"],"bearer_methods_supported":["header"],"resource_name":"toolward"}`; got != want {
		t.Errorf("metadata\n got %s\nwant %s", got, want)
	}
	if got, want := e.MetadataURL("", "/mcp/files"), "https://gw.example.com/.well-known/oauth-protected-resource/mcp/files"; got != want {
		t.Errorf("MetadataURL = %s, want %s", got, want)
	}
	below := endpoints(t, "https://example.com/gw")
	if got, want := below.MetadataURL("", "/mcp"), "https://example.com/.well-known/oauth-protected-resource/gw/mcp"; got != want {
		t.Errorf("MetadataURL under a path = %s, want %s", got, want)
	}
}

// People write localhost or 127.0.0.1, and a client holds the resource against what it
// was given. A name that is not the gateway's gets the gateway's own.
func TestMetadataByTheNameThatIsAsked(t *testing.T) {
	for base, names := range map[string]map[string]string{
		"http://127.0.0.1:8080": {
			"localhost:8080": "http://localhost:8080", "[::1]:8080": "http://[::1]:8080", "LOCALHOST:8080": "http://localhost:8080", "127.0.0.1:8080": "http://127.0.0.1:8080",
			"localhost": "http://127.0.0.1:8080", "localhost:80": "http://127.0.0.1:8080", "evil.example": "http://127.0.0.1:8080", "127.0.0.2:8080": "http://127.0.0.1:8080", "": "http://127.0.0.1:8080",
		},
		"http://[::1]:9":         {"localhost:9": "http://localhost:9", "127.0.0.1:9": "http://127.0.0.1:9"},
		"http://localhost":       {"[::1]": "http://[::1]", "127.0.0.1": "http://127.0.0.1"},
		"https://gw.example.com": {"localhost": "https://gw.example.com", "evil.example": "https://gw.example.com"},
	} {
		e := endpoints(t, base)
		for host, want := range names {
			if got := string(e.Metadata(host, "/mcp")); !strings.Contains(got, `"resource":"`+want+`/mcp"`) {
				t.Errorf("%s asked as %q: %s", base, host, got)
			}
			if got := e.MetadataURL(host, "/mcp"); got != want+"/.well-known/oauth-protected-resource/mcp" {
				t.Errorf("%s asked as %q: %s", base, host, got)
			}
			if path, ok := e.Path(want + "/mcp/"); !ok || path != "/mcp" {
				t.Errorf("%s: %s/mcp/ is %q, %v", base, want, path, ok)
			}
		}
	}
	for _, uri := range []string{"http://127.0.0.1:80801/mcp", "http://127.0.0.1:8080.evil.example/mcp", "http://evil.example/mcp", "https://127.0.0.1:8080/mcp", "http://u@127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp?x", "mcp", ""} {
		if path, ok := endpoints(t, "http://127.0.0.1:8080").Path(uri); ok {
			t.Errorf("%s is the endpoint %q", uri, path)
		}
	}
}

func TestChallenge(t *testing.T) {
	const meta = `resource_metadata="https://gw.example.com/.well-known/oauth-protected-resource/mcp"`
	e := endpoints(t, "https://gw.example.com", "tools", "files:read")
	unauthenticated := gateway.Refuse("auth", gateway.Unauthenticated, "x")
	scope := gateway.RequireScopes(&gateway.Agent{}, "a", "b")
	for _, c := range []struct {
		name    string
		refusal *gateway.Refusal
		sent    bool
		want    string
	}{
		{"no token", unauthenticated, false, `Bearer scope="tools files:read", ` + meta},
		{"bad token", unauthenticated, true, `Bearer error="invalid_token", error_description="the token is not valid for this endpoint", scope="tools files:read", ` + meta},
		{"scope", scope, true, `Bearer error="insufficient_scope", error_description="the token lacks a scope that is needed here", scope="a b", ` + meta},
		{"something else", gateway.Refuse("limit", gateway.RateLimited, "x"), true, ""},
	} {
		if got := e.Challenge("", "/mcp", c.refusal, c.sent); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestNewEndpointsRefuses(t *testing.T) {
	for _, base := range []string{"", "gw.example.com", "ftp://gw.example.com", "https://gw.example.com/?q", "https://gw.example.com/#f", "https://u:p@gw.example.com"} {
		if _, err := auth.NewEndpoints(base, nil, nil); err == nil {
			t.Errorf("NewEndpoints(%q): no error", base)
		}
	}
	for _, scope := range []string{"", `a"b`, "a b", "a\nb", "ü"} {
		if _, err := auth.NewEndpoints("https://gw.example.com", nil, []string{scope}); err == nil {
			t.Errorf("scope %q: no error", scope)
		}
	}
}
