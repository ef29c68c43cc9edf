package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
)

// A server that refuses and says where to log in is one that a person can log in to:
// the remedy says how, unless the configuration has it already.
func TestServersThatWantALogin(t *testing.T) {
	const login = "toolward login s"
	metadata := `Bearer realm="x", resource_metadata="https://s.example/.well-known/oauth-protected-resource"`
	for _, tt := range []struct {
		name        string
		status      int
		challenges  []string
		credentials client.Credentials
		want        string
	}{
		{"it says where", 401, []string{metadata}, nil, login},
		{"in other letters, behind another", 401, []string{`Basic realm="x"`, strings.ToUpper(metadata)}, nil, login},
		{"it does not say where", 401, []string{`Bearer realm="x"`}, nil, "check the headers or oauth"},
		{"it says nothing", 401, nil, nil, "check the headers or oauth"},
		{"another scheme", 401, []string{`Basic realm="resource_metadata"`}, nil, "check the headers or oauth"},
		{"there is a login", 403, []string{metadata}, &scoped{}, "synthetic remedy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for _, c := range tt.challenges {
					w.Header().Add("WWW-Authenticate", c)
				}
				w.WriteHeader(tt.status)
			}))
			defer front.Close()
			c, err := client.New(client.Options{Name: "s", URL: front.URL, Credentials: tt.credentials})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Dial(t.Context(), nil, func(gateway.Event) {})
			wantCode(t, err, gateway.UpstreamDown)
			if r := gateway.AsRefusal("", err); !strings.Contains(r.Remedy, tt.want) {
				t.Errorf("remedy %q", r.Remedy)
			}
		})
	}
}
