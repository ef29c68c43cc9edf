//go:build e2e

package attacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// reaches is the status that an endpoint answers a token with.
func reaches(t *testing.T, g *lab.Gateway, token, path string) int {
	t.Helper()
	r := lab.NewRequest(t, g.URL+path, token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}`))
	return lab.Do(t, r).Status
}

// A client that is told the URL alone finds out where to log in, and its token is for
// the endpoint that it named.
func TestClientLogsIn(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	refused := lab.Do(t, lab.NewRequest(t, g.URL+"/mcp", "", strings.NewReader("{}")))
	if refused.Status != http.StatusUnauthorized || !strings.Contains(refused.Header.Get("WWW-Authenticate"), "resource_metadata=") {
		t.Fatalf("%d %v", refused.Status, refused.Header)
	}
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	b := g.NewBrowser(t)
	form := lab.Form(b.Open(t, c.Ask()))
	if form.Get("roles") != "tester" || form.Get("agent") == "" {
		t.Errorf("the page suggests %v", form)
	}
	back := lab.Back(t, b.Submit(t, form))
	if back.Get("iss") != g.URL || back.Get("state") != c.State { // RFC 9207
		t.Errorf("sent back with %v", back)
	}
	got := g.PostForm(t, "/oauth/token", c.Redeem(back.Get("code")))
	if got.Type != "Bearer" || got.Expires != 3600 {
		t.Errorf("%+v", got)
	}
	for path, want := range map[string]int{"/mcp": http.StatusOK, "/mcp/lab": http.StatusUnauthorized} {
		if status := reaches(t, g, got.Access, path); status != want {
			t.Errorf("%s answers %d, want %d", path, status, want)
		}
	}
	for resource, paths := range map[string]map[string]int{
		g.URL + "/mcp/lab": {"/mcp/lab": http.StatusOK, "/mcp": http.StatusUnauthorized},
		"":                 {"/mcp/lab": http.StatusOK, "/mcp": http.StatusOK},
	} {
		c.Resource = resource
		got := g.LogIn(t, c)
		for path, want := range paths {
			if status := reaches(t, g, got.Access, path); status != want {
				t.Errorf("with resource %q, %s answers %d, want %d", resource, path, status, want)
			}
		}
	}
	rows := g.Rows(t, "", "SELECT type, body FROM events WHERE type = 'grant.given'")
	if len(rows) != 3 || strings.Contains(rows[0]["body"].(string), got.Refresh) {
		t.Errorf("the record has %v", rows)
	}
	g.CheckAlive(t)
}

// What is wrong with a request of a client that is known, and whose redirect is its
// own: it is told, with a redirect to this machine, and no code.
func TestWrongRequests(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	away := g.Register(t, "elsewhere", "https://client.example/callback")
	for name, change := range map[string]func(url.Values){
		"no PKCE": func(v url.Values) { v.Del("code_challenge"); v.Del("code_challenge_method") },
		"PKCE plain": func(v url.Values) {
			v.Set("code_challenge_method", "plain")
			v.Set("code_challenge", strings.Repeat("a", 43))
		},
		"PKCE without a method":           func(v url.Values) { v.Del("code_challenge_method") },
		"a short challenge":               func(v url.Values) { v.Set("code_challenge", "abc") },
		"two challenges":                  func(v url.Values) { v.Add("code_challenge", v.Get("code_challenge")) },
		"token":                           func(v url.Values) { v.Set("response_type", "token") },
		"code and token":                  func(v url.Values) { v.Set("response_type", "code token") },
		"the answer as a form":            func(v url.Values) { v.Set("response_mode", "form_post") },
		"the answer behind a #":           func(v url.Values) { v.Set("response_mode", "fragment") },
		"a request object":                func(v url.Values) { v.Set("request", "e30.e30.") },
		"a request object from elsewhere": func(v url.Values) { v.Set("request_uri", "http://127.0.0.1:1/") },
		"another server":                  func(v url.Values) { v.Set("resource", "https://other.example/mcp") },
		"another port":                    func(v url.Values) { v.Set("resource", "http://127.0.0.1:1/mcp") },
		"a path that is no endpoint":      func(v url.Values) { v.Set("resource", g.URL+"/mcp/nothing") },
		"an endpoint with a query":        func(v url.Values) { v.Set("resource", g.URL+"/mcp?x=1") },
		"an endpoint with a #":            func(v url.Values) { v.Set("resource", g.URL+"/mcp#x") },
		"the gateway as a user of another": func(v url.Values) {
			v.Set("resource", "http://"+strings.TrimPrefix(g.URL, "http://")+"@other.example/mcp")
		},
		"a name that begins like ours": func(v url.Values) { v.Set("resource", g.URL+".other.example/mcp") },
		"two resources":                func(v url.Values) { v.Add("resource", g.URL+"/mcp/lab") },
		"an empty resource":            func(v url.Values) { v.Set("resource", "") },
		"two states":                   func(v url.Values) { v.Add("state", "x") },
		"a state without end":          func(v url.Values) { v.Set("state", strings.Repeat("s", 3000)) },
	} {
		t.Run(name, func(t *testing.T) {
			v := c.Ask()
			change(v)
			a := g.NewBrowser(t).Open(t, v)
			back := lab.Back(t, a)
			if back.Get("error") == "" || back.Get("code") != "" || !strings.HasPrefix(a.Header.Get("Location"), c.Redirect+"?") {
				t.Errorf("sent back with %v", back)
			}
			v = away.Ask() // a link to the gateway is no way to send people elsewhere
			change(v)
			if a := g.NewBrowser(t).Open(t, v); a.Status != http.StatusBadRequest || a.Header.Get("Location") != "" {
				t.Errorf("elsewhere: %d, to %q", a.Status, a.Header.Get("Location"))
			}
		})
	}
	g.CheckAlive(t)
}

// A redirect goes to what was registered and nowhere else, however alike it looks.
func TestRedirectMixUps(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	const local, away, program = "http://127.0.0.1:4711/callback?x=1", "https://client.example/callback", "cursor://anysphere.cursor-mcp/oauth/callback"
	c := g.Register(t, "a client", local, away, program)
	for _, redirect := range []string{local, "http://127.0.0.1:9/callback?x=1", "http://127.0.0.1/callback?x=1", away, program} {
		c.Redirect = redirect
		got := g.LogIn(t, c)
		if got.Access == "" {
			t.Errorf("%s: %+v", redirect, got)
		}
	}
	for _, redirect := range []string{
		"http://localhost:4711/callback?x=1", "http://[::1]:4711/callback?x=1", "http://127.0.0.2:4711/callback?x=1", "http://127.1:4711/callback?x=1",
		"http://2130706433:4711/callback?x=1", "http://0x7f.1:4711/callback?x=1", "http://0:4711/callback?x=1", "http://127.0.0.1.evil.example/callback?x=1",
		"http://127.0.0.1:4711@evil.example/callback?x=1", "http://evil.example#@127.0.0.1:4711/callback?x=1", "http://evil.example\\@127.0.0.1:4711/callback?x=1",
		"http://127.0.0.1:4711/callback", "http://127.0.0.1:4711/callback?x=2", "http://127.0.0.1:4711/callback?x=1&y=2", "http://127.0.0.1:4711/callback/?x=1",
		"http://127.0.0.1:4711/Callback?x=1", "http://127.0.0.1:4711/x/../callback?x=1", "http://127.0.0.1:4711/%63allback?x=1", "http://127.0.0.1:4711/callback?x=1#f",
		"http://127.0.0.1:0/callback?x=1", "http://127.0.0.1:04711/callback?x=1", "http://127.0.0.1:65536/callback?x=1", "http://127.0.0.1:/callback?x=1", "http://127.0.0.1:+80/callback?x=1",
		"HTTP://127.0.0.1:4711/callback?x=1", "https://127.0.0.1:4711/callback?x=1", "//127.0.0.1:4711/callback?x=1", "http:/127.0.0.1:4711/callback?x=1", "http:127.0.0.1:4711/callback?x=1",
		"https://client.example:443/callback", "https://client.example:8443/callback", "https://Client.example/callback", "https://client.example./callback", "https://client.example/callback/",
		"https://client.example/callback?", "https://client.example/callback%00", "https://client.example/callback%2f..", "https://sub.client.example/callback", "https://client.example@evil.example/callback",
		"https://client.example.evil.example/callback", "https://client.example\t/callback", "https://client.example /callback", "http://client.example/callback", "https://сlient.example/callback",
		"cursor://anysphere.cursor-mcp:1/oauth/callback", "cursor://ANYSPHERE.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp/oauth/callback?x", "cursor:/oauth/callback",
		"vscode://anysphere.cursor-mcp/oauth/callback", "Cursor://anysphere.cursor-mcp/oauth/callback", "javascript:alert(1)", "data:text/html,x", "/callback", "", "*",
	} {
		c.Redirect = redirect
		if a := g.NewBrowser(t).Open(t, c.Ask()); a.Status != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%q: %d, to %q", redirect, a.Status, a.Header.Get("Location"))
		}
	}
	v := c.Ask()
	v["redirect_uri"] = []string{local, "https://evil.example/"}
	if a := g.NewBrowser(t).Open(t, v); a.Status != http.StatusBadRequest || a.Header.Get("Location") != "" {
		t.Errorf("two redirects: %d, to %q", a.Status, a.Header.Get("Location"))
	}
	g.CheckAlive(t)
}

// A code is good once, for who asked for it.
func TestCodesInOtherHands(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	mine := g.Register(t, "mine", "http://127.0.0.1:9/callback")
	other := g.Register(t, "other", "http://127.0.0.1:9/callback")
	for name, change := range map[string]func(url.Values){
		"another client":          func(v url.Values) { v.Set("client_id", other.ID) },
		"another verifier":        func(v url.Values) { v.Set("code_verifier", other.Verifier) },
		"no verifier":             func(v url.Values) { v.Del("code_verifier") },
		"the challenge":           func(v url.Values) { v.Set("code_verifier", mine.Ask().Get("code_challenge")) },
		"another redirect":        func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1:10/callback") },
		"no redirect":             func(v url.Values) { v.Del("redirect_uri") },
		"another endpoint":        func(v url.Values) { v.Set("resource", g.URL+"/mcp/lab") },
		"two codes":               func(v url.Values) { v.Add("code", "x") },
		"a code in lower case":    func(v url.Values) { v.Set("code", strings.ToLower(v.Get("code"))) },
		"a code as refresh token": func(v url.Values) { v.Set("grant_type", "refresh_token"); v.Set("refresh_token", v.Get("code")) },
		"an implicit grant":       func(v url.Values) { v.Set("grant_type", "password") },
	} {
		t.Run(name, func(t *testing.T) {
			v := mine.Redeem(g.Code(t, mine))
			change(v)
			if got := g.PostForm(t, "/oauth/token", v); got.Status != http.StatusBadRequest || got.Error == "" || got.Access != "" {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("used twice", func(t *testing.T) {
		v := mine.Redeem(g.Code(t, mine))
		first := g.PostForm(t, "/oauth/token", v)
		if status := reaches(t, g, first.Access, "/mcp"); status != http.StatusOK {
			t.Fatalf("the first: %d", status)
		}
		if second := g.PostForm(t, "/oauth/token", v); second.Error != "invalid_grant" {
			t.Errorf("the second: %+v", second)
		}
		if status := reaches(t, g, first.Access, "/mcp"); status != http.StatusUnauthorized {
			t.Errorf("what the first got still works: %d", status)
		}
		if again := g.PostForm(t, "/oauth/token", mine.Again(first.Refresh)); again.Error != "invalid_grant" {
			t.Errorf("and is renewed: %+v", again)
		}
	})
	g.CheckAlive(t)
}
