package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/auth"
	"toolward/gateway"
)

// memory is a record of grants that a test needs no more of.
type memory struct{ given []gateway.Grant }

func (m *memory) Give(_ context.Context, g gateway.Grant) (gateway.Grant, error) {
	g.Turn = 1
	m.given = append(m.given, g)
	return g, nil
}
func (*memory) FindGrant(string) (gateway.Grant, error) {
	return gateway.Grant{}, gateway.ErrNoGrant
}
func (*memory) Refresh(context.Context, string, int, string) (gateway.Grant, error) {
	return gateway.Grant{}, gateway.ErrNoGrant
}
func (*memory) RevokeGrant(context.Context, string, gateway.Operator, string) error {
	return gateway.ErrNoGrant
}

// desk is a server whose clock and whose user a test moves.
type desk struct {
	*Server
	mux    *http.ServeMux
	now    time.Time
	log    bytes.Buffer
	cookie string
	memory
}

func newDesk(t *testing.T, key byte) *desk {
	t.Helper()
	local, err := auth.OpenLocal(auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "key")})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{now: time.Unix(1_800_000_000, 0), mux: http.NewServeMux()}
	d.Server, err = New(Options{
		Local: local, Grants: &d.memory, Base: "http://127.0.0.1:8080", Key: bytes.Repeat([]byte{key}, 32), Owner: gateway.Operator{Issuer: "local", Subject: "ann"},
		Endpoint: func(uri string) (string, bool) { return "/mcp", uri == "http://127.0.0.1:8080/mcp" },
		Nearby:   func(*http.Request) bool { return true }, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Now: func() time.Time { return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	d.uid = func(*http.Request) (int, bool) { return os.Geteuid(), true }
	for pattern, h := range d.Routes() {
		d.mux.HandleFunc(pattern, h)
	}
	return d
}

const verifier = "a-verifier-of-a-test-that-is-as-long-as-it-must-be"

func (d *desk) asks(redirect string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {d.clientID(registered{"a client", []string{redirect}})}, "redirect_uri": {redirect},
		"code_challenge": {b64.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "resource": {"http://127.0.0.1:8080/mcp"},
	}
}

func (d *desk) do(method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://127.0.0.1:8080")
	r.Header.Set("Cookie", d.cookie)
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	if set := w.Header().Get("Set-Cookie"); set != "" {
		d.cookie, _, _ = strings.Cut(set, ";")
	}
	return w
}

func (d *desk) form(w *httptest.ResponseRecorder) url.Values {
	_, rest, _ := strings.Cut(w.Body.String(), `name="page" value="`)
	sealed, _, _ := strings.Cut(rest, `"`)
	return url.Values{"page": {sealed}, "agent": {"ann"}, "roles": {"reader"}, "answer": {"yes"}}
}

// A page is good for ten minutes, and its code for one.
func TestPagesAndCodesEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		thinks, fetches time.Duration
		page, code      bool
	}{
		"at once":        {0, 0, true, true},
		"at the last":    {pageLife - time.Second, codeLife - time.Second, true, true},
		"a page too old": {pageLife, 0, false, false},
		"a code too old": {0, codeLife, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 1)
			ask := d.asks("http://127.0.0.1:9/callback")
			form := d.form(d.do("GET", PathConsent+"?"+ask.Encode(), ""))
			d.now = d.now.Add(tt.thinks)
			w := d.do("POST", PathConsent, form.Encode())
			to, err := url.Parse(w.Header().Get("Location"))
			if err != nil || (to.Query().Get("code") != "") != tt.page {
				t.Fatalf("%d, to %s", w.Code, to)
			}
			if !tt.page {
				return
			}
			d.now = d.now.Add(tt.fetches)
			w = d.do("POST", PathToken, url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "client_id": ask["client_id"], "redirect_uri": ask["redirect_uri"], "code_verifier": {verifier}}.Encode())
			if (w.Code == http.StatusOK) != tt.code || len(d.given) == 1 != tt.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// What the person says they are, and what they let the client be.
func TestAgentsOnThePage(t *testing.T) {
	for name, tt := range map[string]struct {
		agent, roles string
		ok           bool
	}{
		"as suggested": {"ann", "reader", true}, "no roles": {"ann", "", true}, "many blanks": {" ann ", "  a \t b ", true},
		"nobody": {"", "reader", false}, "blanks": {"   ", "", false}, "turned around": {"a\u202eb", "", false}, "nobody sees it": {"a\u200bb", "", false},
		"a role that nobody sees": {"ann", "rea\u200bder", false}, "too long": {strings.Repeat("a", 257), "", false}, "too many": {"ann", strings.Repeat("r ", 257), false},
		"two lines": {"ann\nroot", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 1)
			form := d.form(d.do("GET", PathConsent+"?"+d.asks("http://127.0.0.1:9/callback").Encode(), ""))
			form.Set("agent", tt.agent)
			form.Set("roles", tt.roles)
			if w := d.do("POST", PathConsent, form.Encode()); (w.Code == http.StatusSeeOther) != tt.ok {
				t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
			} else if !tt.ok && !strings.Contains(w.Body.String(), "It cannot be so") {
				t.Errorf("it does not say why: %s", w.Body)
			}
		})
	}
}

// What one gateway made is nothing to another: IDs of clients, pages, refresh tokens.
func TestAnotherGateways(t *testing.T) {
	ours, theirs := newDesk(t, 1), newDesk(t, 2)
	ask := theirs.asks("http://127.0.0.1:9/callback")
	if w := ours.do("GET", PathConsent+"?"+ask.Encode(), ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "does not know the client") {
		t.Errorf("a client: %d", w.Code)
	}
	form := theirs.form(theirs.do("GET", PathConsent+"?"+ask.Encode(), ""))
	ours.cookie = theirs.cookie
	if w := ours.do("POST", PathConsent, form.Encode()); w.Code != http.StatusForbidden {
		t.Errorf("a page: %d", w.Code)
	}
	if _, _, ok := ours.readRefresh(theirs.refreshToken("ABCDEFGHIJKL", 1)); ok {
		t.Error("a refresh token")
	}
	if id, turn, ok := ours.readRefresh(ours.refreshToken("ABCDEFGHIJKL", 7)); !ok || id != "ABCDEFGHIJKL" || turn != 7 {
		t.Errorf("our own is %q, %d, %v", id, turn, ok)
	}
}

// The page's form leads to where the client is answered, as a browser's policy can say it.
func TestWhereTheFormLeads(t *testing.T) {
	for redirect, want := range map[string]string{
		"http://127.0.0.1:9/callback": "form-action 'self' http://127.0.0.1:9;", "http://[::1]:9/callback": "form-action 'self' http:;",
		"https://vscode.dev/redirect": "form-action 'self' https://vscode.dev;", "cursor://anysphere.cursor-mcp/oauth/callback": "form-action 'self' cursor:;",
	} {
		d := newDesk(t, 1)
		w := d.do("GET", PathConsent+"?"+d.asks(redirect).Encode(), "")
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", redirect, got)
		}
		if away := strings.Contains(w.Body.String(), "which is not on this machine"); away != strings.HasPrefix(redirect, "https:") {
			t.Errorf("%s: said to be elsewhere: %v", redirect, away)
		}
	}
}

// A no is told to the client, after which there is no code.
func TestNo(t *testing.T) {
	d := newDesk(t, 1)
	form := d.form(d.do("GET", PathConsent+"?"+d.asks("http://127.0.0.1:9/callback").Encode(), ""))
	for _, answer := range []string{"no", "", "YES"} {
		form.Set("answer", answer)
		w := d.do("POST", PathConsent, form.Encode())
		if to := w.Header().Get("Location"); !strings.Contains(to, "error=access_denied") || strings.Contains(to, "code=") {
			t.Errorf("%q: %d, to %s", answer, w.Code, to)
		}
	}
}
