//go:build e2e

package attacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// Where the gateway cannot know who is in front of the browser there is no login, and
// a client that looks for one is told what to do, in the words that it shows.
func TestNoLoginElsewhere(t *testing.T) {
	local := map[string]any{"local": map[string]any{}}
	for name, o := range map[string]lab.Options{
		"issuers only":        {},
		"behind a proxy":      {Config: map[string]any{"auth": local, "public_url": "https://gw.example.com"}},
		"a proxy on loopback": {Config: map[string]any{"auth": local, "public_url": "http://127.0.0.1:9999"}},
		"open to a network":   {Config: map[string]any{"auth": local, "listen": "0.0.0.0:0", "insecure": true}},
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Launch(t, o)
			g.Until(t, "it does not listen", func() bool { return strings.Contains(g.Log.String(), "msg=listening") })
			base := listening(t, g)
			for _, path := range []string{"/register", "/authorize", "/token", "/oauth/register", "/oauth/authorize", "/oauth/token", "/oauth/revoke", "/.well-known/oauth-authorization-server"} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					r := lab.NewRequest(t, base+path, "", strings.NewReader("{}"))
					r.Method = method
					a := lab.Do(t, r)
					if a.Status != http.StatusNotFound || !strings.Contains(a.Text, `"error":"invalid_request"`) || !strings.Contains(a.Text, "toolward connect") {
						t.Errorf("%s %s: %d %s", method, path, a.Status, a.Text)
					}
				}
			}
			r := lab.NewRequest(t, base+"/.well-known/oauth-protected-resource/mcp", "", nil)
			r.Method = http.MethodGet
			if a := lab.Do(t, r); a.Status != http.StatusOK || strings.Contains(a.Text, `"authorization_servers":["http:`) {
				t.Errorf("the metadata names the gateway: %s", a.Text)
			}
		})
	}
}

// listening is where a gateway listens, whatever it tells agents.
func listening(t *testing.T, g *lab.Gateway) string {
	t.Helper()
	_, rest, _ := strings.Cut(g.Log.String(), "msg=listening url=")
	line, _, _ := strings.Cut(rest, "\n")
	u, err := url.Parse(strings.Trim(line, `" `))
	if err != nil || u.Port() == "" {
		t.Fatalf("%q in %s", line, g.Log)
	}
	return "http://127.0.0.1:" + u.Port()
}
