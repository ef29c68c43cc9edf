package auth_test

import (
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
	if got, want := string(e.Metadata("/mcp/files")), `{"resource":"https://gw.example.com/mcp/files","authorization_servers":["https://id.example.com"],"scopes_supported":["tools"],"bearer_methods_supported":["header"],"resource_name":"toolward"}`; got != want {
		t.Errorf("metadata\n got %s\nwant %s", got, want)
	}
	if got, want := e.MetadataURL("/mcp/files"), "https://gw.example.com/.well-known/oauth-protected-resource/mcp/files"; got != want {
		t.Errorf("MetadataURL = %s, want %s", got, want)
	}
	below := endpoints(t, "https://example.com/gw")
	if got, want := below.MetadataURL("/mcp"), "https://example.com/.well-known/oauth-protected-resource/gw/mcp"; got != want {
		t.Errorf("MetadataURL under a path = %s, want %s", got, want)
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
		if got := e.Challenge("/mcp", c.refusal, c.sent); got != c.want {
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
