//go:build e2e

package attacks

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/auth/authtest"
	"toolward/e2e/lab"
)

// TestForgedTokens sends what is no token of this gateway (RFC 8725): each is
// 401 with one text for all, on record, and never reaches the upstream.
func TestForgedTokens(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	rsa := authtest.New(t, "RS256")
	unsigned := func(string) []byte { return nil }
	claims := func(changes map[string]any) map[string]any {
		return g.Issuer.Claims("attacker", lab.Audience, changes)
	}
	hmacWith := func(secret []byte) func(string) []byte {
		return func(signed string) []byte {
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(signed))
			return m.Sum(nil)
		}
	}
	public, err := os.ReadFile(filepath.Join(g.Dir, "issuer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	good := g.Token("attacker", "tester")
	texts := map[string]bool{}
	for name, token := range map[string]string{
		"no token at all":                    "",
		"no JWT":                             "x.y.z",
		"alg none":                           authtest.Forge(t, map[string]any{"alg": "none"}, claims(nil), unsigned),
		"alg nOnE":                           authtest.Forge(t, map[string]any{"alg": "nOnE"}, claims(nil), unsigned),
		"no alg":                             authtest.Forge(t, map[string]any{"typ": "JWT"}, claims(nil), unsigned),
		"signature cut off":                  good[:strings.LastIndex(good, ".")+1],
		"public key as HMAC secret":          authtest.Forge(t, map[string]any{"alg": "HS256"}, claims(nil), hmacWith(public)),
		"public key as secret, no line end":  authtest.Forge(t, map[string]any{"alg": "HS256"}, claims(nil), hmacWith([]byte(strings.TrimSpace(string(public))))),
		"empty HMAC secret":                  authtest.Forge(t, map[string]any{"alg": "HS256"}, claims(nil), hmacWith(nil)),
		"another algorithm, another key":     rsa.Sign(claims(nil)),
		"another issuer":                     g.Issuer.Sign(claims(map[string]any{"iss": g.Issuer.Name() + "/"})),
		"another issuer's key":               authtest.New(t).Sign(claims(nil)),
		"another audience":                   g.Issuer.Sign(claims(map[string]any{"aud": "someone-else"})),
		"no audience":                        g.Issuer.Sign(claims(map[string]any{"aud": nil})),
		"expired":                            g.Issuer.Sign(claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})),
		"expired and unsigned":               authtest.Forge(t, map[string]any{"alg": "none"}, claims(map[string]any{"exp": 1}), unsigned),
		"no expiry":                          g.Issuer.Sign(claims(map[string]any{"exp": nil})),
		"an expiry that is no number":        g.Issuer.Sign(claims(map[string]any{"exp": "tomorrow"})),
		"not valid yet":                      g.Issuer.Sign(claims(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})),
		"a critical extension":               g.Issuer.SignWith(map[string]any{"crit": []string{"x"}, "x": 1}, claims(nil)),
		"its own key in the header":          rsa.SignWith(map[string]any{"jwk": authtest.JWK(rsa.Public())}, claims(nil)),
		"no subject":                         g.Issuer.Sign(claims(map[string]any{"sub": nil})),
		"a claim that stands twice":          authtest.Forge(t, map[string]any{"alg": "ES256"}, `{"sub":"a","sub":"b"}`, unsigned),
		"a megabyte of dots in 16 KiB parts": strings.Repeat(".", 16<<10),
	} {
		t.Run(name, func(t *testing.T) {
			before := g.Count(t, "", "code = 'unauthenticated'")
			marker := lab.Marker()
			a := lab.REST.Call(t, g, token, "echo", lab.Text(marker))
			if a.Status != http.StatusUnauthorized || a.Code != "unauthenticated" {
				t.Errorf("got %+v, want 401", a)
			}
			if c := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(c, "Bearer ") || !strings.Contains(c, "resource_metadata=") {
				t.Errorf("WWW-Authenticate: %q", c)
			}
			// Whose signature holds may know that its time is over; a forger learns nothing.
			if expired := strings.Contains(a.Text, "has expired"); expired != (name == "expired") {
				t.Errorf("says %q", a.Text)
			} else if token != "" && name != "no JWT" && !expired {
				texts[strings.ReplaceAll(a.Text, a.ID, "")] = true
			}
			if g.Upstream.Executed(marker) > 0 {
				t.Error("the upstream was called")
			}
			if after := g.Count(t, "", "code = 'unauthenticated'"); after != before+1 {
				t.Errorf("%d refusals are on record, want one", after-before)
			}
		})
	}
	if len(texts) != 1 {
		t.Errorf("the answers tell the attempts apart: %v", texts)
	}
	g.CheckAlive(t)
}

// TestRSAKeyAsHMACSecret is the classic confusion: an issuer whose public RSA
// key is in a file, and a token signed with that file as a shared secret.
func TestRSAKeyAsHMACSecret(t *testing.T) {
	rsa, dir := authtest.New(t, "RS256"), t.TempDir()
	g := &lab.Gateway{Dir: dir}
	g.WritePEM(t, "rsa.pem", rsa)
	g = lab.Start(t, lab.Options{Dir: dir, Config: map[string]any{"auth": map[string]any{"issuers": []any{map[string]any{
		"issuer": rsa.Name(), "audience": lab.Audience, "public_key_file": "rsa.pem", "algorithms": []string{"RS256"},
	}}}}})
	g.Issuer = rsa
	public, err := os.ReadFile(filepath.Join(dir, "rsa.pem"))
	if err != nil {
		t.Fatal(err)
	}
	token := authtest.Forge(t, map[string]any{"alg": "HS256", "typ": "JWT"}, rsa.Claims("attacker", lab.Audience, map[string]any{"roles": []string{"tester"}}), func(signed string) []byte {
		m := hmac.New(sha256.New, public)
		m.Write([]byte(signed))
		return m.Sum(nil)
	})
	marker := lab.Marker()
	if a := lab.Modern.Call(t, g, token, "echo", lab.Text(marker)); a.Status != http.StatusUnauthorized || g.Upstream.Executed(marker) > 0 {
		t.Errorf("got %+v", a)
	}
	g.CheckAlive(t) // with a token that the RSA key did sign
}

// TestKidFlood sends tokens that name keys nobody has: the issuer's key set is
// not fetched for each, and an agent with a good token goes on.
func TestKidFlood(t *testing.T) {
	issuer, dir := authtest.New(t), t.TempDir()
	g := lab.Start(t, lab.Options{Dir: dir, Env: []string{"SSL_CERT_FILE=" + certificate(t, issuer, dir)}, Config: map[string]any{
		"auth": map[string]any{"issuers": []any{map[string]any{
			"issuer": issuer.Name(), "audience": lab.Audience, "jwks_url": issuer.JWKSURL(), "algorithms": []string{"ES256"},
		}}},
		"limits": map[string]any{"failures": map[string]any{"rate": "600000/min", "burst": 100000}},
	}})
	g.Issuer = issuer
	g.CheckAlive(t)
	before := issuer.Hits()
	for i := range 300 {
		token := issuer.SignWith(map[string]any{"kid": fmt.Sprint("../../etc/passwd' OR 1=1 -- ", i)}, issuer.Claims("attacker", lab.Audience, nil))
		if a := lab.REST.Call(t, g, token, "echo", lab.Text("flood")); a.Status != http.StatusUnauthorized {
			t.Fatalf("got %+v", a)
		}
	}
	// At most one fetch in ten seconds, and the flood may have taken some of them.
	if hits := issuer.Hits() - before; hits == 0 || hits > 6 {
		t.Errorf("300 tokens caused %d fetches of the key set", hits)
	}
	g.CheckAlive(t)
}

// TestTokenElsewhere offers a good token where it must not count (RFC 6750
// section 2; MCP 2026-07-28 basic/authorization).
func TestTokenElsewhere(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for name, change := range map[string]func(*http.Request){
		"in the query": func(r *http.Request) { r.URL.RawQuery = "access_token=" + g.Tester() },
		"in a cookie":  func(r *http.Request) { r.Header.Set("Cookie", "token="+g.Tester()) },
		"as Basic":     func(r *http.Request) { r.SetBasicAuth("tester", g.Tester()) },
		"twice": func(r *http.Request) {
			r.Header["Authorization"] = []string{"Bearer " + g.Tester(), "Bearer " + g.Tester()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			marker := lab.Marker()
			r := lab.NewRequest(t, g.URL+"/v1/tools/lab__echo/call", "", strings.NewReader(lab.Text(marker)))
			change(r)
			if a := lab.Do(t, r); a.Status != http.StatusUnauthorized && a.Status != http.StatusBadRequest {
				t.Errorf("got %+v", a)
			}
			if g.Upstream.Executed(marker) > 0 {
				t.Error("the upstream was called")
			}
		})
	}
	g.CheckAlive(t)
}
