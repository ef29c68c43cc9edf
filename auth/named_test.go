package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"toolward/auth"
	"toolward/gateway"
)

// register is a record of named tokens.
type register struct {
	mu    sync.Mutex
	has   map[string]bool
	asked int
}

func (r *register) Holds(a *gateway.Agent) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.has[a.Named]
}

func (r *register) set(digest string, has bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.has[digest] = has
}

// localWith is an issuer whose secret the test has too.
func localWith(t *testing.T, held auth.Held) (v *auth.Verifier, sign func(claims map[string]any) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signing.jwk")
	l := openLocal(t, auth.LocalOptions{KeyFile: path, Algorithm: "HS256"})
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var key struct{ K string }
	if err := json.Unmarshal(raw, &key); err != nil {
		t.Fatal(err)
	}
	k, err := base64.RawURLEncoding.DecodeString(key.K)
	if err != nil {
		t.Fatal(err)
	}
	return newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}, Held: held}), func(claims map[string]any) string {
		tok := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims))
		tok.Header["typ"] = "at+jwt"
		text, err := tok.SignedString(k)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// A named token is good while the record holds it, from the next request on and also
// where it was verified before; others never ask.
func TestNamedTokensAreHeldByTheRecord(t *testing.T) {
	for _, alg := range []string{"EdDSA", "HS256"} {
		reg := &register{has: map[string]bool{}}
		l := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k"), Algorithm: alg})
		v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}, Held: reg})
		plain := mint(t, l, auth.MintOptions{Subject: "dev"})
		mustAccept(t, v, plain)
		if reg.asked != 0 {
			t.Errorf("%s: a token without a name is asked for", alg)
		}
		made, err := l.Mint(auth.MintOptions{Subject: "dev", Roles: []string{"r"}, Name: "laptop", TTL: 90 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c := gateway.Credentials{Token: made.Token}
		refused := func(when string) {
			t.Helper()
			if v.Known(c) != nil {
				t.Errorf("%s %s: it is known", alg, when)
			}
			_, err := v.Verify(t.Context(), c)
			r := gateway.AsRefusal("auth", err)
			if r.Code != gateway.Unauthenticated || auth.Reason(r) != "revoked" || r.Reasons[0] != "the token was revoked; get a new one (`toolward token create NAME` makes one)" || strings.Contains(r.Error(), made.ID) {
				t.Errorf("%s %s: %v", alg, when, r)
			}
			if got := endpoints(t, "https://gw.test").Challenge("gw.test", "/mcp", r, true); !strings.Contains(got, `error="invalid_token", error_description="the token was revoked"`) {
				t.Errorf("%s %s: %s", alg, when, got)
			}
		}
		refused("before it is on record")
		reg.set(made.Digest(), true)
		a := mustAccept(t, v, made.Token)
		if a.Named != made.Digest() || len(made.Digest()) != 64 || strings.Contains(made.Digest(), made.ID) || a.ID != "dev" || len(a.Roles) != 1 {
			t.Errorf("%s: %+v", alg, a)
		}
		if v.Known(c) != a {
			t.Errorf("%s: it is not remembered", alg)
		}
		reg.set(made.Digest(), false)
		refused("once it is revoked")
		reg.set(made.Digest(), true)
		mustAccept(t, v, made.Token)

		nobody := newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}})
		if _, err := nobody.Verify(t.Context(), c); err == nil {
			t.Errorf("%s: accepted where there is no record", alg)
		}
		mustAccept(t, nobody, plain)
	}
}

// However a claim of the name is written, a token that has one stands only by the record.
func TestAttackNamesThatAreNone(t *testing.T) {
	reg := &register{has: map[string]bool{}}
	v, sign := localWith(t, reg)
	claims := func(change map[string]any) map[string]any {
		m := map[string]any{"iss": auth.LocalIssuer, "aud": auth.LocalAudience, "sub": "dev", "jti": "j", "exp": time.Now().Add(time.Hour).Unix()}
		for k, x := range change {
			if m[k] = x; x == nil && k == "jti" {
				delete(m, k)
			}
		}
		return m
	}
	mustAccept(t, v, sign(claims(nil)))
	for name, change := range map[string]map[string]any{
		"a name":            {"name": "laptop"},
		"an empty one":      {"name": ""},
		"null":              {"name": nil},
		"a number":          {"name": 1},
		"false":             {"name": false},
		"a list":            {"name": []string{}},
		"an object":         {"name": map[string]any{}},
		"without a jti":     {"name": "laptop", "jti": nil},
		"an empty jti":      {"name": "laptop", "jti": ""},
		"a jti of a number": {"name": "laptop", "jti": 7},
	} {
		if _, err := v.Verify(t.Context(), gateway.Credentials{Token: sign(claims(change))}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What is no secret to its holder is one to who forges: a token of a digest that is
// revoked, or in use, without its signature reads as any other.
func TestAttackGuessedNamedTokens(t *testing.T) {
	reg := &register{has: map[string]bool{}}
	l := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k")})
	other := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k")}) // the key was made anew
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}, Held: reg})
	for _, held := range []bool{true, false} {
		made, err := l.Mint(auth.MintOptions{Subject: "dev", Name: "laptop"})
		if err != nil {
			t.Fatal(err)
		}
		reg.set(made.Digest(), held)
		asked := reg.asked
		parts := strings.Split(made.Token, ".")
		again, err := other.Mint(auth.MintOptions{Subject: "dev", Name: "laptop"})
		if err != nil {
			t.Fatal(err)
		}
		reg.set(again.Digest(), true)
		for _, guess := range []string{
			parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
			parts[0] + "." + parts[1] + ".",
			strings.Split(again.Token, ".")[0] + "." + parts[1] + "." + parts[2],
			again.Token,
		} {
			mustRefuse(t, v, guess)
		}
		if reg.asked != asked {
			t.Error("the record is asked for tokens whose signature does not hold")
		}
	}
}

// Other issuers call the person's full name so (OpenID Connect Core §5.1).
func TestNamesOfOtherIssuersMeanNothing(t *testing.T) {
	reg := &register{has: map[string]bool{}}
	issuer, v := setup(t, func(o *auth.Options) { o.Held = reg })
	a := mustAccept(t, v, issuer.Sign(issuer.Claims("ann", aud, map[string]any{"name": "Ann Example", "jti": "j"})))
	if a.Named != "" || reg.asked != 0 {
		t.Errorf("%+v, asked %d times", a, reg.asked)
	}
}

// What is minted is accepted: what would not be, or lives too long, is not made.
func TestMintRefusesWhatWouldNotBeAccepted(t *testing.T) {
	l := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k")})
	many := strings.Split(strings.Repeat("r,", 300)+"r", ",")
	for name, o := range map[string]auth.MintOptions{
		"a year and more":           {Subject: "a", Name: "n", TTL: 367 * 24 * time.Hour},
		"two days without a name":   {Subject: "a", TTL: 48 * time.Hour},
		"a session with a line end": {Subject: "a", Session: "x\ny"},
		"a session too long":        {Subject: "a", Session: strings.Repeat("x", 300)},
		"an empty role":             {Subject: "a", Roles: []string{""}},
		"a role nobody sees":        {Subject: "a", Roles: []string{"\u3164"}},
		"many roles":                {Subject: "a", Roles: many},
		"a scope that is two":       {Subject: "a", Scopes: []string{"a b"}},
		"over 8 KiB":                {Subject: "a", Roles: []string{strings.Repeat("a", 250)}, Scopes: strings.Split(strings.Repeat(strings.Repeat("s", 250)+",", 40)+"s", ",")},
	} {
		if made, err := l.Mint(o); err == nil {
			t.Errorf("%s: minted %d bytes", name, len(made.Token))
		}
	}
	made, err := l.Mint(auth.MintOptions{Subject: "a", Name: "n"})
	if left := time.Until(made.Expires); err != nil || left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("%v, lives %v", err, left)
	}
}
