//go:build e2e

package attacks

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"testing"

	"toolward/e2e/lab"
)

// A stream that was opened with a client's token ends when the client gives back what
// it has, and when a refresh token shows up in other hands; another client's goes on.
func TestStreamsEndWithTheirGrant(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	ends := map[string]func(lab.Tokens){
		"given back": func(got lab.Tokens) {
			g.PostForm(t, "/oauth/revoke", url.Values{"token": {got.Refresh}, "client_id": {c.ID}})
		},
		"used twice": func(got lab.Tokens) {
			second := g.PostForm(t, "/oauth/token", c.Again(got.Refresh))
			g.PostForm(t, "/oauth/token", c.Again(second.Refresh))
			g.PostForm(t, "/oauth/token", c.Again(got.Refresh))
		},
	}
	for _, s := range streams {
		for how, end := range ends {
			t.Run(s.name+" "+s.path+"/"+how, func(t *testing.T) {
				c.Resource = g.URL + s.path
				got, other := g.LogIn(t, c), g.LogIn(t, c)
				resp, bystander := s.open(t, g, got.Access, s.path), s.open(t, g, other.Access, s.path)
				first := bufio.NewReader(resp.Body)
				if _, err := first.ReadString('\n'); err != nil {
					t.Fatalf("%d: %v", resp.StatusCode, err)
				}
				end(got)
				if rest, err := io.ReadAll(first); err != nil { // returns when the stream ends
					t.Errorf("the stream ended with %v after %q", err, rest)
				}
				if status := reaches(t, g, got.Access, s.path); s.path != "/sse" && status != http.StatusUnauthorized {
					t.Errorf("the token: %d", status)
				}
				if _, err := bufio.NewReader(bystander.Body).ReadString('\n'); err != nil {
					t.Errorf("the other client's: %v", err)
				}
			})
		}
	}
	g.CheckAlive(t)
}
