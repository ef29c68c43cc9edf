//go:build e2e

package lab

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// StartLogin is [Start] of a gateway where clients log in, beside the lab's issuer,
// and may have scopes.
func StartLogin(t testing.TB, o Options, scopes ...string) *Gateway {
	t.Helper()
	g := Launch(t, o)
	g.Kill()
	g.config["auth"].(map[string]any)["local"] = map[string]any{"roles": []string{"tester"}}
	if len(scopes) > 0 {
		g.config["auth"].(map[string]any)["scopes"] = scopes
	}
	g.writeConfig(t, "toolward.yaml", g.config)
	g.Restart(t)
	return g
}

// Client is a program that logs in at the gateway.
type Client struct {
	ID, Redirect, Verifier, State string
	Resource, Scope               string // "" for none
}

// Register makes a client known.
func (g *Gateway) Register(t testing.TB, name string, redirects ...string) *Client {
	t.Helper()
	a := g.PostJSON(t, "/oauth/register", map[string]any{"client_name": name, "redirect_uris": redirects})
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal([]byte(a.Text), &made); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("registration: %d %s", a.Status, a.Text)
	}
	return &Client{ID: made.ID, Redirect: redirects[0], Verifier: rand.Text() + rand.Text(), State: rand.Text(), Resource: g.URL + "/mcp"}
}

// PostJSON posts a document to the gateway.
func (g *Gateway) PostJSON(t testing.TB, path string, doc any) Answer {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return Do(t, NewRequest(t, g.URL+path, "", bytes.NewReader(text)))
}

// Ask are the parameters of an authorization request.
func (c *Client) Ask() url.Values {
	sum := sha256.Sum256([]byte(c.Verifier))
	v := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {c.Redirect}, "state": {c.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if c.Resource != "" {
		v.Set("resource", c.Resource)
	}
	if c.Scope != "" {
		v.Set("scope", c.Scope)
	}
	return v
}

// Redeem are the parameters of a token request.
func (c *Client) Redeem(code string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {c.ID}, "redirect_uri": {c.Redirect}, "code_verifier": {c.Verifier}}
	if c.Resource != "" {
		v.Set("resource", c.Resource)
	}
	return v
}

// Again are the parameters of a request with a refresh token.
func (c *Client) Again(refresh string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {c.ID}}
}

// Browser is the owner's: it keeps cookies, and says where a form stood.
type Browser struct {
	g    *Gateway
	http *http.Client
}

// NewBrowser returns one without cookies. A transport may come from elsewhere.
func (g *Gateway) NewBrowser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{g, &http.Client{Jar: jar, Timeout: Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Do sends a request as it is, but for cookies.
func (b *Browser) Do(t testing.TB, r *http.Request) Answer {
	t.Helper()
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Text: string(text)}
}

// Open is the page of an authorization request.
func (b *Browser) Open(t testing.TB, ask url.Values) Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.g.URL+"/oauth/authorize?"+ask.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "none")
	return b.Do(t, r)
}

var field = regexp.MustCompile(`name="(page|agent|roles)" value="([^"]*)"`)

// Form is what the page's form holds.
func Form(page Answer) url.Values {
	v := url.Values{"answer": {"yes"}}
	for _, m := range field.FindAllStringSubmatch(page.Text, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// Submit sends the form, as the page does.
func (b *Browser) Submit(t testing.TB, form url.Values) Answer {
	t.Helper()
	return b.Do(t, b.Request(t, form))
}

// Request is the form's.
func (b *Browser) Request(t testing.TB, form url.Values) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.g.URL+"/oauth/authorize", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.g.URL)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return r
}

// Back are the parameters that an answer hands to the client.
func Back(t testing.TB, a Answer) url.Values {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status != http.StatusSeeOther {
		t.Fatalf("not sent back: %d %s\n%s", a.Status, a.Header.Get("Location"), a.Text)
	}
	return u.Query()
}

// Code has the owner say yes.
func (g *Gateway) Code(t testing.TB, c *Client) string {
	t.Helper()
	b := g.NewBrowser(t)
	page := b.Open(t, c.Ask())
	code := Back(t, b.Submit(t, Form(page))).Get("code")
	if code == "" {
		t.Fatalf("no code: %d %s", page.Status, page.Text)
	}
	return code
}

// Tokens is what the token endpoint answers.
type Tokens struct {
	Status  int    `json:"-"`
	Text    string `json:"-"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
	About   string `json:"error_description"`
}

// PostForm posts a form to one of the endpoints.
func (g *Gateway) PostForm(t testing.TB, path string, v url.Values) Tokens {
	t.Helper()
	r := NewRequest(t, g.URL+path, "", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := Do(t, r)
	got := Tokens{Status: a.Status, Text: a.Text}
	if a.Text != "" {
		if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
			t.Fatalf("%s: %d %s", path, a.Status, a.Text)
		}
	}
	return got
}

// LogIn goes all the way.
func (g *Gateway) LogIn(t testing.TB, c *Client) Tokens {
	t.Helper()
	got := g.PostForm(t, "/oauth/token", c.Redeem(g.Code(t, c)))
	if got.Access == "" || got.Refresh == "" {
		t.Fatalf("no tokens: %d %s", got.Status, got.Text)
	}
	return got
}

// ReadTokens is what an answer says, nothing if it was cut.
func ReadTokens(resp *http.Response) (got Tokens) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(text, &got) != nil {
		return Tokens{}
	}
	return got
}
