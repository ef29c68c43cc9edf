//go:build e2e

package attacks

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// A refresh token is good for who has it last. Of two hands one is not the client's,
// and nobody knows which: both lose what the person gave.
func TestRefreshTokensInTwoHands(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	other := g.Register(t, "other", "http://127.0.0.1:9/callback")
	refresh := func(c *lab.Client, token string) lab.Tokens {
		t.Helper()
		return g.PostForm(t, "/oauth/token", c.Again(token))
	}
	first := g.LogIn(t, c)
	if got := refresh(other, first.Refresh); got.Error != "invalid_grant" {
		t.Errorf("another client: %+v", got)
	}
	for name, v := range map[string]url.Values{
		"another endpoint": {"resource": {g.URL + "/mcp/lab"}},
		"more scopes":      {"scope": {"admin"}},
		"no client":        {"client_id": {""}},
	} {
		w := c.Again(first.Refresh)
		for key, value := range v {
			w[key] = value
		}
		if got := g.PostForm(t, "/oauth/token", w); got.Access != "" || got.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, token := range map[string]string{
		"one character": flip(first.Refresh, 30), "the turn": flip(first.Refresh, 4+20), "cut": first.Refresh[:len(first.Refresh)-4], "longer": first.Refresh + "AAAA",
		"a line end": first.Refresh[:20] + "\n" + first.Refresh[20:], "an access token": first.Access, "a client's ID": c.ID, "empty": "",
	} {
		if got := refresh(c, token); got.Error != "invalid_grant" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	second := refresh(c, first.Refresh) // the others cost nothing
	third := refresh(c, second.Refresh)
	if second.Access == "" || third.Access == "" || second.Refresh == first.Refresh {
		t.Fatalf("%+v %+v", second, third)
	}
	if got := refresh(c, second.Refresh); got.Refresh != third.Refresh {
		t.Errorf("the answer to the last was lost, and the client asks again: %+v", got)
	}
	if got := refresh(c, first.Refresh); got.Error != "invalid_grant" {
		t.Errorf("an old one: %+v", got)
	}
	if got := refresh(c, third.Refresh); got.Error != "invalid_grant" {
		t.Errorf("the last one, after that: %+v", got)
	}
	for _, token := range []string{first.Access, second.Access, third.Access} {
		if status := reaches(t, g, token, "/mcp"); status != http.StatusUnauthorized {
			t.Errorf("an access token of it: %d", status)
		}
	}
	if n := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'grant.revoked' AND body ->> '$.reason' LIKE '%used twice%'")); n != 1 {
		t.Errorf("%d revocations on record", n)
	}
	g.CheckAlive(t)
}

// Many that use one token at once get one chain, not many.
func TestRefreshRace(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	first := g.LogIn(t, c)
	var mu sync.Mutex
	next := map[string]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got := g.PostForm(t, "/oauth/token", c.Again(first.Refresh))
			mu.Lock()
			defer mu.Unlock()
			next[got.Refresh] = true
		})
	}
	wg.Wait()
	if len(next) != 1 || next[""] {
		t.Errorf("%d chains: %v", len(next), next)
	}
}

// What a client gave back, and what it gives back in another's name.
func TestRevocation(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	other := g.Register(t, "other", "http://127.0.0.1:9/callback")
	for name, token := range map[string]func(lab.Tokens) string{
		"the refresh token": func(got lab.Tokens) string { return got.Refresh }, "the access token": func(got lab.Tokens) string { return got.Access },
	} {
		got := g.LogIn(t, c)
		for who, v := range map[string]url.Values{
			"another client": {"token": {token(got)}, "client_id": {other.ID}},
			"a forged token": {"token": {flip(token(got), len(token(got))-8)}, "client_id": {c.ID}},
		} {
			if a := g.PostForm(t, "/oauth/revoke", v); a.Status != http.StatusOK || reaches(t, g, got.Access, "/mcp") != http.StatusOK {
				t.Errorf("%s, with %s: %+v", name, who, a)
			}
		}
		if a := g.PostForm(t, "/oauth/revoke", url.Values{"token": {token(got)}, "client_id": {c.ID}}); a.Status != http.StatusOK {
			t.Errorf("%s: %+v", name, a)
		}
		if status := reaches(t, g, got.Access, "/mcp"); status != http.StatusUnauthorized {
			t.Errorf("%s: the next call gets %d", name, status)
		}
		if again := g.PostForm(t, "/oauth/token", c.Again(got.Refresh)); again.Error != "invalid_grant" {
			t.Errorf("%s: and is renewed: %+v", name, again)
		}
	}
	g.CheckAlive(t)
}

// Whatever ends the process, and between whichever two steps: what was answered holds,
// and what was not can be done again or says why not.
func TestLoginOverRestarts(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{Config: map[string]any{"listen": freeAddress(t)}})
	restart := func() {
		g.Kill()
		g.Restart(t)
	}
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	restart()
	b := g.NewBrowser(t)
	page := b.Open(t, c.Ask())
	restart()
	code := lab.Back(t, b.Submit(t, lab.Form(page))).Get("code")
	restart()
	if got := g.PostForm(t, "/oauth/token", c.Redeem(code)); got.Error != "invalid_grant" || !strings.Contains(got.About, "log in again") {
		t.Errorf("a code that the gateway forgot: %+v", got)
	}
	first := g.LogIn(t, c)
	restart()
	if status := reaches(t, g, first.Access, "/mcp"); status != http.StatusOK {
		t.Errorf("the token, after a restart: %d", status)
	}
	second := g.PostForm(t, "/oauth/token", c.Again(first.Refresh))
	restart() // the answer was lost
	if again := g.PostForm(t, "/oauth/token", c.Again(first.Refresh)); again.Refresh != second.Refresh || again.Refresh == "" {
		t.Errorf("the client asks again: %+v", again)
	}
	third := g.PostForm(t, "/oauth/token", c.Again(second.Refresh))
	restart()
	if got := g.PostForm(t, "/oauth/token", c.Again(first.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("an old one, after a restart: %+v", got)
	}
	restart()
	if status := reaches(t, g, third.Access, "/mcp"); status != http.StatusUnauthorized {
		t.Errorf("what was revoked works again after a restart: %d", status)
	}
	fourth := g.LogIn(t, c)
	g.Kill()
	if err := os.Remove(filepath.Join(g.Dir, "toolward.key")); err != nil {
		t.Fatal(err)
	}
	g.Restart(t)
	if got := g.PostForm(t, "/oauth/token", c.Again(fourth.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("with another signing key: %+v", got)
	}
	if got := g.LogIn(t, c); reaches(t, g, got.Access, "/mcp") != http.StatusOK {
		t.Errorf("logged in again: %+v", got)
	}
	g.CheckAlive(t)
}

// A gateway that is killed while clients renew: each of them goes on with what it has.
func TestKilledWhileRenewing(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{Config: map[string]any{"listen": freeAddress(t)}})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	held := make([]string, 8)
	for i := range held {
		held[i] = g.LogIn(t, c).Refresh
	}
	for range 3 {
		var wg sync.WaitGroup
		began := make(chan struct{}, len(held))
		for i := range held {
			wg.Go(func() {
				for {
					resp, err := http.PostForm(g.URL+"/oauth/token", c.Again(held[i]))
					if err != nil {
						return // it was killed
					}
					got := lab.ReadTokens(resp)
					if got.Refresh == "" {
						return
					}
					held[i] = got.Refresh
					select {
					case began <- struct{}{}:
					default:
					}
				}
			})
		}
		for range held {
			<-began
		}
		g.Kill()
		wg.Wait()
		g.Restart(t)
		for i := range held {
			got := g.PostForm(t, "/oauth/token", c.Again(held[i]))
			if got.Refresh == "" {
				t.Fatalf("client %d has to log in again: %+v", i, got)
			}
			held[i] = got.Refresh
		}
	}
	g.CheckAlive(t)
}

// A client that renews without end writes a bounded number of rows, and keeps its token.
func TestRenewingWithoutEnd(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	last := g.LogIn(t, c)
	refused := 0
	for range 150 {
		got := g.PostForm(t, "/oauth/token", c.Again(last.Refresh))
		switch {
		case got.Status == http.StatusTooManyRequests && got.Error != "":
			refused++
		case got.Status == http.StatusOK:
			last = got
		default:
			t.Fatalf("%+v", got)
		}
	}
	if n := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'grant.refreshed'")); n > 120 || refused == 0 {
		t.Errorf("%d rows, %d refused", n, refused)
	}
	if status := reaches(t, g, last.Access, "/mcp"); status != http.StatusOK {
		t.Errorf("its token: %d", status)
	}
	other := g.LogIn(t, c)
	if got := g.PostForm(t, "/oauth/token", c.Again(other.Refresh)); got.Status != http.StatusOK {
		t.Errorf("another login: %+v", got)
	}
}

// Strangers that register without end cost no memory and no row of the record.
func TestRegistrationFlood(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	rows := len(g.Rows(t, "", "SELECT 1 FROM events"))
	body := `{"client_name":"` + strings.Repeat("n", 60) + `","redirect_uris":["http://127.0.0.1:9/` + strings.Repeat("a", 400) + `"]}`
	flood := func(n int) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range n / 4 {
					if a := lab.Do(t, lab.NewRequest(t, g.URL+"/oauth/register", "", strings.NewReader(body))); a.Status != http.StatusCreated {
						t.Errorf("%d %s", a.Status, a.Text)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	flood(8000) // whatever a first use takes
	before := rss(t, g)
	flood(8000)
	if grown := rss(t, g) - before; grown > 24 {
		t.Errorf("8000 registrations took %d MiB", grown)
	}
	if n := len(g.Rows(t, "", "SELECT 1 FROM events")) - rows; n != 0 {
		t.Errorf("%d rows", n)
	}
	for name, body := range map[string]string{
		"too long": `{"client_name":"` + strings.Repeat("n", 70<<10) + `"}`, "not JSON": `client_name=x`, "an array": `[]`, "nothing": ``, "a name twice": `{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":["http://127.0.0.1/"]}`,
		"no redirects": `{}`, "eleven redirects": `{"redirect_uris":["http://127.0.0.1/"` + strings.Repeat(`,"http://127.0.0.1/"`, 10) + `]}`, "a redirect that is none": `{"redirect_uris":[7]}`,
		"redirects without end": `{"redirect_uris":["http://127.0.0.1/` + strings.Repeat("a", 480) + `"` + strings.Repeat(`,"http://127.0.0.1/`+strings.Repeat("a", 480)+`"`, 9) + `]}`,
	} {
		if a := lab.Do(t, lab.NewRequest(t, g.URL+"/oauth/register", "", strings.NewReader(body))); a.Status != http.StatusBadRequest || !strings.Contains(a.Text, `"error"`) {
			t.Errorf("%s: %d %s", name, a.Status, a.Text)
		}
	}
	g.CheckAlive(t)
}
