//go:build e2e

package attacks

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// A yes that does not come from the gateway's own page, in the browser that was shown
// it, is none: what a web page, another program's page on this machine, or somebody in
// between can send.
func TestForgedAnswers(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	for name, change := range map[string]func(r *http.Request, f url.Values){
		"a web page":                          func(r *http.Request, _ url.Values) { r.Header.Set("Origin", "https://evil.example") },
		"a web page, as the browser names it": func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port of this machine":        func(r *http.Request, _ url.Values) { r.Header.Set("Origin", "http://127.0.0.1:1") },
		"the same, as the browser names it":   func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"an address that was typed":           func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Site", "none") },
		"localhost, where 127.0.0.1 was shown": func(r *http.Request, _ url.Values) {
			r.Header.Set("Origin", strings.Replace(g.URL, "127.0.0.1", "localhost", 1))
		},
		"https": func(r *http.Request, _ url.Values) {
			r.Header.Set("Origin", strings.Replace(g.URL, "http:", "https:", 1))
		},
		"a page without an origin":               func(r *http.Request, _ url.Values) { r.Header.Set("Origin", "null") },
		"a program that says nothing":            func(r *http.Request, _ url.Values) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") },
		"two origins":                            func(r *http.Request, _ url.Values) { r.Header.Add("Origin", "https://evil.example") },
		"a frame":                                func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Dest", "iframe") },
		"a script":                               func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Dest", "empty") },
		"a proxy":                                func(r *http.Request, _ url.Values) { r.Header.Set("X-Forwarded-For", "203.0.113.9") },
		"another name of the machine":            func(r *http.Request, _ url.Values) { r.Host = "gw.example.com" },
		"another browser":                        func(r *http.Request, _ url.Values) { r.Header.Set("Cookie", "x=y") },
		"a page that was changed":                func(_ *http.Request, f url.Values) { f.Set("page", flip(f.Get("page"), 20)) },
		"a page whose MAC was changed":           func(_ *http.Request, f url.Values) { f.Set("page", flip(f.Get("page"), len(f.Get("page"))-3)) },
		"a page that was cut":                    func(_ *http.Request, f url.Values) { f.Set("page", f.Get("page")[:40]) },
		"a client's ID as page":                  func(_ *http.Request, f url.Values) { f.Set("page", strings.TrimPrefix(c.ID, "twc_")) },
		"no page":                                func(_ *http.Request, f url.Values) { f.Del("page") },
		"two pages":                              func(_ *http.Request, f url.Values) { f.Add("page", f.Get("page")) },
		"JSON":                                   func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "application/json") },
		"text that a form can send across sites": func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "text/plain") },
	} {
		t.Run(name, func(t *testing.T) {
			b := g.NewBrowser(t)
			form := lab.Form(b.Open(t, c.Ask()))
			draft := b.Request(t, form)
			change(draft, form)
			r := b.Request(t, form) // the form may have changed
			r.Header, r.Host = draft.Header, draft.Host
			if r.Header.Get("Cookie") != "" {
				b = g.NewBrowser(t)
			}
			a := b.Do(t, r)
			if a.Status < 400 || a.Header.Get("Location") != "" {
				t.Errorf("%d, to %q", a.Status, a.Header.Get("Location"))
			}
		})
	}
	t.Run("the query instead of the body", func(t *testing.T) {
		b := g.NewBrowser(t)
		form := lab.Form(b.Open(t, c.Ask()))
		r := b.Request(t, nil)
		r.URL.RawQuery = form.Encode()
		if a := b.Do(t, r); a.Status < 400 {
			t.Errorf("%d, to %q", a.Status, a.Header.Get("Location"))
		}
	})
	g.CheckAlive(t)
}

// flip changes one character.
func flip(s string, at int) string {
	with := "A"
	if s[at] == 'A' {
		with = "B"
	}
	return s[:at] + with + s[at+1:]
}

// The page stands in no frame, runs nothing, and is kept nowhere.
func TestPageIsBare(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	a := g.NewBrowser(t).Open(t, c.Ask())
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, want := range []string{"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' http://127.0.0.1:9"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(a.Text, "<script") || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.Header)
	}
	if cookie := a.Header.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || !strings.Contains(cookie, "Path=/oauth/authorize") {
		t.Errorf("cookie %q", cookie)
	}
	for _, dest := range []string{"iframe", "frame", "embed", "object", "image", "script", "empty"} { // also before a document is asked for
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/oauth/authorize?"+c.Ask().Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Dest", dest)
		if a := g.NewBrowser(t).Do(t, r); a.Status != http.StatusForbidden {
			t.Errorf("as %s: %d", dest, a.Status)
		}
	}
}

// What a client says of itself misleads nobody who reads the page.
func TestNamesOnThePage(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	for name, said := range map[string]string{
		"a script":       `<script>alert(1)</script>`,
		"an attribute":   `" autofocus onfocus="alert(1)`,
		"a template":     `{{.Page}} {{template "x"}}`,
		"an entity":      `&lt;img src=x onerror=alert(1)&gt;`,
		"a comment":      `--><form action="https://evil.example">`,
		"turned around":  "Claude\u202e edoC\u2066x\u2069\u200f",
		"nobody sees it": "Clau\u200bde\u2060 Co\ufeffde\u00ad\u3164",
		"lines":          "Claude Code\r\n\r\nSet-Cookie: x\u2028y\u0085z",
		"no UTF-8":       "Claude\xff\xfeCode",
		"without end":    strings.Repeat("Claude Code ", 4000),
		"stacked":        "Z" + strings.Repeat("\u0353", 500),
		"nothing":        "",
		"blanks":         " \u00a0\u2800 ",
	} {
		t.Run(name, func(t *testing.T) {
			r := lab.NewRequest(t, g.URL+"/oauth/register", "", strings.NewReader(`{"client_name":`+lab.Quote(strings.NewReplacer("\r", "", "\n", " ").Replace(said))+
				`,"redirect_uris":["http://127.0.0.1:9/callback"],"logo_uri":"https://evil.example/logo.png","client_uri":"javascript:alert(1)","tos_uri":"https://evil.example/"}`))
			a := lab.Do(t, r)
			if a.Status != http.StatusCreated {
				return // refused is as good
			}
			id, _, _ := strings.Cut(strings.SplitN(a.Text, `"client_id":"`, 2)[1], `"`)
			c := g.Register(t, "x", "http://127.0.0.1:9/callback")
			c.ID = id
			page := g.NewBrowser(t).Open(t, c.Ask())
			_, body, _ := strings.Cut(page.Text, "</style>")
			if page.Status != http.StatusOK || len(body) > 8<<10 {
				t.Fatalf("%d, %d bytes", page.Status, len(body))
			}
			for _, bad := range []string{"<script", "onfocus=\"", "<img", "<!--", `action="https`, `src="`, `href="`, "logo", "javascript:", "\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u3164", "\u2800", "\u2028", "\ufffd", strings.Repeat("\u0353", 4)} {
				if strings.Contains(body, bad) {
					t.Errorf("the page has %q", bad)
				}
			}
			if strings.Count(body, "<form") != 1 || strings.Count(body, "<button") != 2 {
				t.Error("the page has another form")
			}
		})
	}
	g.CheckAlive(t)
}

// Another user of the machine cannot say yes: not with a page of their own, and not
// to the page that the owner was shown. The code that the gateway wrote to its log can.
func TestAnotherUsersClick(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	g := lab.StartLogin(t, lab.Options{})
	c := g.Register(t, "a client", "http://127.0.0.1:9/callback")
	as := func(cookie string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-s", "-i", "-H", "Origin: " + g.URL, "-H", "Sec-Fetch-Dest: document", "-H", "Cookie: " + cookie}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	post := func(cookie string, form url.Values) string {
		return as(cookie, "--data", form.Encode(), g.URL+"/oauth/authorize")
	}
	open := func() (url.Values, string) {
		t.Helper()
		shown := as("", g.URL+"/oauth/authorize?"+c.Ask().Encode())
		_, cookie, _ := strings.Cut(shown, "Set-Cookie: ")
		cookie, _, _ = strings.Cut(cookie, ";")
		if !strings.Contains(shown, `name="code"`) {
			t.Fatalf("it asks for no code: %s", shown)
		}
		return lab.Form(lab.Answer{Text: shown}), cookie
	}
	form, cookie := open()
	for _, code := range []string{"", "AAAA-AAAA", "AAAAAAAA", " "} {
		form.Set("code", code)
		if answer := post(cookie, form); strings.Contains(answer, "Location:") {
			t.Fatalf("with code %q: %s", code, answer)
		}
	}
	b := g.NewBrowser(t) // of the owner, whose page and cookie the other user has got hold of
	page := b.Open(t, c.Ask())
	stolen, _, _ := strings.Cut(page.Header.Get("Set-Cookie"), ";")
	if answer := post(stolen, lab.Form(page)); strings.Contains(answer, "Location:") {
		t.Fatalf("the owner's page: %s", answer)
	}
	form, cookie = open()
	_, code, _ := strings.Cut(g.Log.String()[strings.LastIndex(g.Log.String(), "somebody asks"):], "code=")
	form.Set("code", " "+strings.ToLower(code[:9])+" ")
	if answer := post(cookie, form); !strings.Contains(answer, "Location: http://127.0.0.1:9/callback?code=") {
		t.Errorf("the code that the log shows (%s) does not do: %s", code[:9], answer)
	}
	tried := 0
	for ; tried < 100; tried++ { // 40 bits, and few tries
		form.Set("code", "AAAA-AAAA")
		if strings.Contains(post(cookie, form), " 429 ") {
			break
		}
	}
	if tried > 10 {
		t.Errorf("%d guesses", tried)
	}
	if n := strings.Count(g.Log.String(), "somebody asks"); n > 10 {
		t.Errorf("%d lines of the log", n)
	}
	g.CheckAlive(t)
}
