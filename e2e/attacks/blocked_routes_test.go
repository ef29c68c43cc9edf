//go:build e2e

package attacks

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/web/rest"
)

// openRoutes are the routes that a blocked agent is answered on, and why. What the
// program serves is refused to them, or is here.
var openRoutes = map[string]string{
	"GET /healthz":                    "says that the process serves, to whoever asks",
	"GET /readyz":                     "says that calls would be taken, to whoever asks",
	"GET /.well-known/toolward/proof": "says that it is the gateway, before who asks has sent anything",
	"GET /metrics":                    "asks no token of who is on the gateway's machine",
}

// loginRoutes are those by which clients log in, or are told that they cannot: they reach
// no tool, and a token that they give to who is blocked is refused wherever it is used.
var loginRoutes = regexp.MustCompile(`^(POST |GET )?(/oauth/|/register$|/authorize$|/token$|/\.well-known/oauth-authorization-server)`)

// metadata is public: a client reads it before it has a token.
const metadata = "GET /.well-known/oauth-protected-resource"

var route = regexp.MustCompile(`msg=route pattern="?([^"\n]+)"?`)

// served are the routes of a running gateway, as it says them, and those of the
// handlers below.
func served(t *testing.T, g *lab.Gateway) (all []string) {
	t.Helper()
	for _, m := range route.FindAllStringSubmatch(g.Log.String(), -1) {
		switch pattern := m[1]; {
		case pattern == "/v1/":
			all = append(all, rest.Routes()...)
		case pattern == "/v1/admin/":
			all = append(all, "GET /v1/admin/me") // each operation begins with who asks
		case strings.HasSuffix(pattern, "/"):
			t.Errorf("%s: what is below it is not known here", pattern)
		default:
			all = append(all, pattern)
		}
	}
	if len(all) < 12 {
		t.Fatalf("only %q", all)
	}
	return all
}

// Every route that the program serves refuses who is blocked, whatever the HTTP
// method, or is among those that do not, with the reason.
func TestEveryRouteRefusesWhoIsBlocked(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{
		"log": map[string]any{"level": "debug"}, "admin": map[string]any{"viewers": []string{"tester"}},
	}})
	used, cells := map[string]bool{}, 0
	paths := strings.NewReplacer("{server}", "lab", "{name}", "lab__echo", "/proof", "/proof?nonce="+strings.Repeat("A", 43))
	ask := func(method, path, token string) lab.Answer {
		body := `{}`
		if method == http.MethodGet {
			body = ""
		}
		r := lab.NewRequest(t, g.URL+path, token, strings.NewReader(body))
		r.Method = method
		return lab.Do(t, r)
	}
	routes := served(t, g)
	for _, b := range stops {
		if !b.door {
			continue
		}
		agent := "routed-" + b.kind
		token := holder(g, agent)
		id := block(t, g, lab.REST, b.kind, b.name(agent))
		for _, pattern := range routes {
			only, path, ok := strings.Cut(pattern, " ")
			methods := []string{only}
			if !ok {
				path, methods = pattern, []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
			}
			path = paths.Replace(path)
			for _, method := range methods {
				a := ask(method, path, token)
				cells++
				switch {
				case loginRoutes.MatchString(pattern):
					if a.Status < 400 || strings.Contains(a.Text, "access_token") {
						t.Errorf("%s under a block of %s: %d %s", pattern, b.kind, a.Status, a.Text)
					}
				case openRoutes[pattern] != "" || strings.HasPrefix(pattern, metadata):
					used[pattern] = true
					if a.Status != http.StatusOK {
						t.Errorf("%s under a block of %s: %d %s", pattern, b.kind, a.Status, a.Text)
					}
				case b.kind == "all" && strings.HasPrefix(path, "/v1/admin/"): // or nobody could end it
					if a.Status != http.StatusOK {
						t.Errorf("%s under a block of everything: %d %s", pattern, a.Status, a.Text)
					}
				case a.Status != http.StatusForbidden || !strings.Contains(a.Text, `"blocked"`) || !strings.Contains(a.Text, stopReason):
					t.Errorf("%s %s under a block of %s: %d %s", method, path, b.kind, a.Status, a.Text)
				}
			}
		}
		lift(t, g, lab.REST, id)
		if a := ask(http.MethodGet, "/v1/tools", token); a.Status != http.StatusOK {
			t.Errorf("after the lift: %+v", a)
		}
	}
	for pattern := range openRoutes {
		if !used[pattern] {
			t.Errorf("%s is no route any more", pattern)
		}
	}
	t.Logf("%d routes, %d cells", len(routes), cells)
	g.CheckAlive(t)
}
