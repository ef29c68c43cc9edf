package auth_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

var silent = slog.New(slog.DiscardHandler)

const aud = "https://gw.example.com/mcp"

// setup is one issuer, with an ES256 key if no algorithms are given, and a
// verifier of its tokens. The options' first issuer is that issuer; change
// edits it.
func setup(t testing.TB, change func(*auth.Options), algorithms ...string) (*authtest.Issuer, *auth.Verifier) {
	t.Helper()
	iss := authtest.New(t, algorithms...)
	o := auth.Options{
		Issuers:   []auth.Issuer{{Issuer: iss.Name(), Audience: []string{aud}, JWKSURL: iss.JWKSURL()}},
		Transport: iss.Transport(),
		Log:       silent,
	}
	if change != nil {
		change(&o)
	}
	return iss, newVerifier(t, o)
}

func newVerifier(t testing.TB, o auth.Options) *auth.Verifier {
	t.Helper()
	v, err := auth.New(o)
	if err != nil {
		t.Fatalf("auth.New: %v", err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return v
}

func mustAccept(t testing.TB, v *auth.Verifier, token string) *gateway.Agent {
	t.Helper()
	a, err := v.Verify(t.Context(), gateway.Credentials{Token: token})
	if err != nil {
		t.Fatalf("Verify: %v, want an agent", err)
	}
	return a
}

// mustRefuse wants the one generic refusal, nothing of the token in its full
// text, and nothing remembered.
func mustRefuse(t testing.TB, v *auth.Verifier, token string) {
	t.Helper()
	c := gateway.Credentials{Token: token}
	_, err := v.Verify(t.Context(), c)
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != gateway.Unauthenticated {
		t.Fatalf("Verify: %v, want a refusal with code %s", err, gateway.Unauthenticated)
	}
	const generic = "the token is not valid here: it must be of an accepted issuer, meant for this endpoint, and not expired"
	want := generic
	if auth.Reason(r) == "expired" {
		want = "the token has expired; get a new one" // behind a signature that holds, see TestExpiredIsToldBehindASignature
	}
	if len(r.Reasons) != 1 || r.Reasons[0] != want {
		t.Errorf("reasons %q, want the generic one: another text is an oracle", r.Reasons)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 3 && strings.Contains(r.Error(), part) {
			t.Errorf("the refusal's text holds a part of the token: %s", clip(r.Error()))
		}
	}
	if v.Known(c) != nil {
		t.Error("a refused token is known afterwards")
	}
}

func clip(s string) string { return s[:min(len(s), 200)] }

func hs256(secret []byte) func(string) []byte {
	return func(signed string) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(signed))
		return m.Sum(nil)
	}
}

func fixedSignature(b string) func(string) []byte {
	return func(string) []byte { return []byte(b) }
}

// Attack 1: RFC 8725 §2.1, unsecured tokens.
func TestVerifyRefusesAlgNone(t *testing.T) {
	iss, v := setup(t, nil)
	claims := iss.Claims("a", aud, nil)
	for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
		h := map[string]any{"alg": alg, "kid": "key-1"}
		mustRefuse(t, v, authtest.Forge(t, h, claims, fixedSignature("")))
		mustRefuse(t, v, authtest.Forge(t, h, claims, fixedSignature("x")))
	}
	mustRefuse(t, v, authtest.Forge(t, map[string]any{"kid": "key-1"}, claims, fixedSignature("x")))
	mustRefuse(t, v, authtest.Forge(t, `{"alg":null}`, claims, fixedSignature("x")))
	mustRefuse(t, v, authtest.Forge(t, `{"alg":["ES256"],"kid":"key-1"}`, claims, fixedSignature("x")))
	good := iss.Sign(claims)
	mustRefuse(t, v, good[:strings.LastIndex(good, ".")+1])
	mustRefuse(t, v, good[:strings.LastIndex(good, ".")])
}

// Attack 2: RFC 8725 §2.1, the public key as HMAC secret.
func TestVerifyRefusesPublicKeyAsSecret(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) {
		o.Issuers[0].Algorithms = []string{"RS256"}
	}, "RS256")
	const kid = "key-1"
	claims := iss.Claims("a", aud, nil)
	mustAccept(t, v, iss.Sign(claims))
	public := iss.Public().(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk, err := json.Marshal(authtest.JWK(public))
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"PEM":                 pemKey,
		"PEM without newline": []byte(strings.TrimSpace(string(pemKey))),
		"PKIX DER":            der,
		"PKCS1 DER":           x509.MarshalPKCS1PublicKey(public),
		"JWK":                 jwk,
		"modulus":             public.N.Bytes(),
		"modulus base64":      []byte(base64.RawURLEncoding.EncodeToString(public.N.Bytes())),
	} {
		t.Run(name, func(t *testing.T) {
			for _, alg := range []string{"HS256", "RS256"} {
				mustRefuse(t, v, authtest.Forge(t, map[string]any{"alg": alg, "kid": kid}, claims, hs256(secret)))
			}
		})
	}
}

// Attack 3: a key of issuer B signs a token that says it is of issuer A.
func TestVerifyRefusesOtherIssuersKey(t *testing.T) {
	other := authtest.New(t)
	iss, v := setup(t, func(o *auth.Options) {
		o.Issuers = append(o.Issuers, auth.Issuer{Issuer: other.Name(), Audience: []string{aud}, JWKSURL: other.JWKSURL()})
		o.Transport = trustBoth{o.Transport, other}
	})
	mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
	mustAccept(t, v, other.Sign(other.Claims("a", aud, nil)))
	mustRefuse(t, v, other.Sign(iss.Claims("a", aud, nil))) // same kid, same algorithm
	mustRefuse(t, v, iss.Sign(other.Claims("a", aud, nil)))
}

type trustBoth struct {
	first  http.RoundTripper
	second *authtest.Issuer
}

func (b trustBoth) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(b.second.JWKSURL(), "https://"+r.URL.Host+"/") {
		return b.second.Transport().RoundTrip(r)
	}
	return b.first.RoundTrip(r)
}

// Attack 4: tokens for somebody else.
func TestVerifyRefusesOtherAudienceAndIssuer(t *testing.T) {
	iss, v := setup(t, nil)
	for name, changes := range map[string]map[string]any{
		"no aud":             {"aud": nil},
		"other aud":          {"aud": "https://other.example.com"},
		"aud prefix":         {"aud": aud + "/more"},
		"aud slash":          {"aud": aud + "/"},
		"aud case":           {"aud": "https://gw.example.com/MCP"},
		"aud array without":  {"aud": []string{"https://other.example.com", "x"}},
		"aud empty array":    {"aud": []string{}},
		"aud number":         {"aud": 5},
		"aud mixed array":    {"aud": []any{aud, 5}},
		"aud object":         {"aud": map[string]any{aud: aud}},
		"iss trailing slash": {"iss": iss.Name() + "/"},
		"iss upper case":     {"iss": strings.ToUpper(iss.Name())},
		"no iss":             {"iss": nil},
		"iss array":          {"iss": []string{iss.Name()}},
		"no sub":             {"sub": nil},
		"empty sub":          {"sub": ""},
		"sub number":         {"sub": 7},
		"sub with newline":   {"sub": "admin\nlevel=info"},
		"sub with bidi":      {"sub": "adm\u202ein"},
		"sub too long":       {"sub": strings.Repeat("a", 300)},
		"sub of a blank":     {"sub": " "},
		"sub with a blank":   {"sub": "admin "},
		"sub behind a blank": {"sub": " admin"},
		"sid with newline":   {"sid": "a\nb"},
		"roles number":       {"roles": 7},
		"scope array mixed":  {"scope": []any{"a", 1}},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, iss.Sign(iss.Claims("a", aud, changes))) })
	}
	mustAccept(t, v, iss.Sign(iss.Claims("a", "", map[string]any{"aud": []string{"https://other.example.com", aud}})))
}

// Attack 5: dates.
// written is a date as an issuer writes it.
func written(format string, sec int64) json.Number { return json.Number(fmt.Sprintf(format, sec)) }

func TestVerifyRefusesTokensOutOfTime(t *testing.T) {
	const leeway = 10 * time.Second
	now := time.Now().Truncate(time.Second)
	iss, v := setup(t, func(o *auth.Options) {
		o.Issuers[0].Leeway = leeway
		o.Issuers[0].MaxLifetime = 2 * time.Hour
		o.Now = func() time.Time { return now }
	})
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name    string
		changes map[string]any
		ok      bool
	}{
		{"exp just inside leeway", map[string]any{"exp": at(-leeway + time.Second)}, true},
		{"exp at leeway", map[string]any{"exp": at(-leeway)}, false},
		{"exp past", map[string]any{"exp": at(-time.Hour)}, false},
		{"exp missing", map[string]any{"exp": nil}, false},
		{"exp string", map[string]any{"exp": "9999999999"}, false},
		{"exp fraction", map[string]any{"exp": written("%d.5", at(time.Hour))}, true},
		{"exp huge", map[string]any{"exp": json.Number("1e308")}, false},
		{"exp exponent", map[string]any{"exp": written("%de0", at(time.Hour))}, true},
		{"exp fraction past", map[string]any{"exp": json.Number("1000.5")}, false},
		{"exp fraction over the end", map[string]any{"exp": json.Number("9000000000.5")}, false},
		{"exp no reader can hold", map[string]any{"exp": json.Number("1e50000000")}, false},
		{"exp zero no reader can hold", map[string]any{"exp": json.Number("0e50000000")}, false},
		{"nbf fraction", map[string]any{"nbf": json.Number("1000.25")}, true},
		{"nbf fraction to come", map[string]any{"nbf": json.Number("4102444800.5")}, false},
		{"iat fraction", map[string]any{"iat": written("%d.75", at(-time.Minute))}, true},
		{"lifetime over limit by a fraction", map[string]any{"iat": written("%d.5", at(-time.Second)), "exp": at(2*time.Hour + time.Second)}, false},
		{"exp over int64", map[string]any{"exp": json.Number("9223372036854775808")}, false},
		{"exp far", map[string]any{"exp": json.Number("9223372036854775807")}, false},
		{"exp that wraps around in nanoseconds", map[string]any{"exp": 18446744074 + at(time.Hour)}, false},
		{"exp negative", map[string]any{"exp": -1}, false},
		{"exp true", map[string]any{"exp": true}, false},
		{"exp array", map[string]any{"exp": []any{at(time.Hour)}}, false},
		{"nbf at leeway", map[string]any{"nbf": at(leeway)}, true},
		{"nbf past leeway", map[string]any{"nbf": at(leeway + time.Second)}, false},
		{"nbf negative", map[string]any{"nbf": -5}, false},
		{"nbf string", map[string]any{"nbf": "1"}, false},
		{"iat at leeway", map[string]any{"iat": at(leeway)}, true},
		{"iat past leeway", map[string]any{"iat": at(leeway + time.Second)}, false},
		{"iat negative", map[string]any{"iat": -5}, false},
		{"iat missing with a longest lifetime", map[string]any{"iat": nil}, false},
		{"lifetime at limit", map[string]any{"iat": at(0), "exp": at(2 * time.Hour)}, true},
		{"lifetime over limit", map[string]any{"iat": at(0), "exp": at(2*time.Hour + time.Second)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := iss.Sign(iss.Claims("a", aud, c.changes))
			if c.ok {
				mustAccept(t, v, token)
			} else {
				mustRefuse(t, v, token)
			}
		})
	}
}

// Attack 6: the key ID as a path, a query, a flood of bytes, or ambiguous.
func TestVerifyTakesKidAsNameOnly(t *testing.T) {
	iss, v := setup(t, nil)
	claims := iss.Claims("a", aud, nil)
	for _, kid := range []any{"../../etc/passwd", "' OR 1=1 --", "", "KEY-1", "key-1 ", "key-1\x00", 1, []string{"key-1"}, strings.Repeat("k", 300), strings.Repeat("k", 1<<20)} {
		mustRefuse(t, v, iss.SignWith(map[string]any{"kid": kid}, claims))
	}
	mustAccept(t, v, iss.SignWith(map[string]any{"kid": nil}, claims)) // one key: no doubt which
}

func TestVerifyRefusesMissingKidAmongSeveralKeys(t *testing.T) {
	iss, v := setup(t, nil)
	claims := iss.Claims("a", aud, nil)
	withFirst := iss.SignWith(map[string]any{"kid": nil}, claims)
	iss.AddKey("ES256")
	mustAccept(t, v, iss.Sign(claims)) // the set has both now
	mustRefuse(t, v, withFirst)
	mustRefuse(t, v, iss.SignWith(map[string]any{"kid": nil}, claims))
}

// Attack 7: keys brought along (RFC 8725 §3.10).
func TestVerifyIgnoresKeysInHeader(t *testing.T) {
	evil := authtest.New(t)
	iss, v := setup(t, nil)
	mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
	for name, value := range map[string]any{
		"jku": evil.JWKSURL(), "x5u": evil.JWKSURL(), "jwk": authtest.JWK(evil.Public()), "x5c": []string{"AAAA"},
	} {
		mustRefuse(t, v, evil.SignWith(map[string]any{name: value}, iss.Claims("a", aud, nil)))
	}
	if n := evil.Hits(); n != 0 {
		t.Errorf("the attacker's server got %d requests, want 0", n)
	}
}

// Attack 8: extensions and other serializations (RFC 7515 §4.1.11, RFC 7797, RFC 7516).
func TestVerifyRefusesOtherForms(t *testing.T) {
	iss, v := setup(t, nil)
	claims := iss.Claims("a", aud, nil)
	good := iss.Sign(claims)
	parts := strings.Split(good, ".")
	enc := base64.RawURLEncoding.EncodeToString
	for name, token := range map[string]string{
		"crit":              iss.SignWith(map[string]any{"crit": []string{"x"}, "x": 1}, claims),
		"crit empty":        iss.SignWith(map[string]any{"crit": []string{}}, claims),
		"b64 false":         iss.SignWith(map[string]any{"b64": false, "crit": []string{"b64"}}, claims),
		"b64 without crit":  iss.SignWith(map[string]any{"b64": false}, claims),
		"JWE of five parts": good + ".AAAA.AAAA",
		"four parts":        good + ".AAAA",
		"two parts":         parts[0] + "." + parts[1],
		"JSON":              `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"padding":           parts[0] + "=." + parts[1] + "." + parts[2],
		"newline in it":     parts[0] + "." + parts[1] + "." + parts[2][:8] + "\n" + parts[2][8:],
		"blank":             good + " ",
		"standard base64":   "+/+/." + parts[1] + "." + parts[2],
		"no header":         "." + parts[1] + "." + parts[2],
		"folded crit":       iss.SignWith(map[string]any{"Crit": []string{"x"}}, claims),
		"folded kid":        iss.SignWith(map[string]any{"kid": nil, "Kid": "key-1"}, claims),
		"header twice alg":  authtest.Forge(t, `{"alg":"none","alg":"ES256","kid":"key-1"}`, claims, fixedSignature("x")),
		"header folded alg": authtest.Forge(t, `{"alg":"ES256","Alg":"none","kid":"key-1"}`, claims, fixedSignature("x")),
		"header not JSON":   enc([]byte("alg: ES256")) + "." + parts[1] + "." + parts[2],
		"header array":      enc([]byte("[]")) + "." + parts[1] + "." + parts[2],
		"typ of an ID":      iss.SignWith(map[string]any{"typ": "logout+jwt"}, claims),
		"typ number":        iss.SignWith(map[string]any{"typ": 1}, claims),
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, token) })
	}
}

// RFC 7519 §4: a claim that stands twice; claims that differ only in case.
func TestVerifyRefusesAmbiguousClaims(t *testing.T) {
	secret := []byte(strings.Repeat("synthetic-test-secret", 3))
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{{Issuer: "i", Audience: []string{aud}, Secret: secret}}})
	h := map[string]any{"alg": "HS256"}
	rest := `"iss":"i","aud":"` + aud + `","exp":4102444800`
	mustAccept(t, v, authtest.Forge(t, h, `{"sub":"a",`+rest+`}`, hs256(secret)))
	for name, claims := range map[string]string{
		"sub twice":     `{"sub":"a","sub":"admin",` + rest + `}`,
		"folded sub":    `{"sub":"a","Sub":"admin",` + rest + `}`,
		"long s":        `{"sub":"a","ſub":"admin",` + rest + `}`,
		"nested twice":  `{"sub":"a","x":{"y":1,"y":2},` + rest + `}`,
		"escaped twice": `{"sub":"a","s\u0075b":"admin",` + rest + `}`,
		"bad UTF-8":     "{\"sub\":\"a\xff\"," + rest + `}`,
		"array":         `[]`,
		"null":          `null`,
		"more after":    `{"sub":"a",` + rest + `} {}`,
		"deep":          `{"sub":"a","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,` + rest + `}`,
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, authtest.Forge(t, h, claims, hs256(secret))) })
	}
}

// Attack 9: an answer that differs tells what was right.
func TestVerifyGivesNoOracle(t *testing.T) {
	iss, v := setup(t, nil)
	expired := map[string]any{"exp": 1000}
	tampered := func(token string) string { return token[:len(token)-6] + "AAAAAA" }
	mustRefuse(t, v, tampered(iss.Sign(iss.Claims("a", aud, expired))))
	mustRefuse(t, v, tampered(iss.Sign(iss.Claims("a", aud, nil))))
	mustRefuse(t, v, iss.Sign(iss.Claims("a", aud, expired)))
	mustRefuse(t, v, iss.Sign(iss.Claims("a", "x", nil)))
}

// Attack 10: sizes (CVE-2025-30204 is a token of dots).
func TestVerifyBoundsSize(t *testing.T) {
	iss, v := setup(t, nil)
	mustRefuse(t, v, strings.Repeat(".", 1<<20))
	mustRefuse(t, v, iss.Sign(iss.Claims("a", aud, map[string]any{"x": strings.Repeat("y", 64<<10)})))
	allocs := testing.AllocsPerRun(10, func() {
		_, _ = v.Verify(t.Context(), gateway.Credentials{Token: strings.Repeat(".", auth.MaxToken)})
	})
	if allocs > 20 {
		t.Errorf("refusing %d dots takes %v allocations", auth.MaxToken, allocs)
	}
}

// Attack 14: where the token may stand.
func TestTokenIsReadFromOneHeaderOnly(t *testing.T) {
	for _, c := range []struct {
		name    string
		target  string
		headers []string
		cookie  string
		want    string
		refused bool
	}{
		{"bearer", "/mcp", []string{"Bearer abc"}, "", "abc", false},
		{"lower case scheme", "/mcp", []string{"bearer abc"}, "", "abc", false},
		{"two blanks", "/mcp", []string{"Bearer  abc"}, "", "", true},
		{"none", "/mcp", nil, "", "", false},
		{"basic", "/mcp", []string{"Basic YTpi"}, "", "", false},
		{"cookie", "/mcp", nil, "access_token=abc", "", false},
		{"query", "/mcp?access_token=abc", nil, "", "", true},
		{"query beside header", "/mcp?access_token=abc", []string{"Bearer abc"}, "", "", true},
		{"two headers", "/mcp", []string{"Bearer abc", "Bearer def"}, "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", c.target, nil)
			r.Header["Authorization"] = c.headers
			if c.cookie != "" {
				r.Header.Set("Cookie", c.cookie)
			}
			if c.headers == nil {
				r.Header.Del("Authorization")
			}
			got, err := auth.Token(r)
			var refusal *gateway.Refusal
			if got != c.want || errors.As(err, &refusal) != c.refused {
				t.Errorf("Token = %q, %v; want %q, refused %v", got, err, c.want, c.refused)
			}
		})
	}
}

// Attack: names that look like another's, or like nothing.
func TestVerifyRefusesUnseenCharactersInNames(t *testing.T) {
	iss, v := setup(t, nil)
	for _, r := range []rune{0x85, 0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x1680, 0x17b4, 0x180b, 0x180e, 0x2000, 0x2003, 0x200b, 0x200d, 0x200e, 0x2028, 0x202e, 0x202f,
		0x205f, 0x2060, 0x2066, 0x2800, 0x3000, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff9, 0x16fe4, 0x1bca0, 0x1d159, 0x1d173, 0xe0001, 0xe0061, 0xe0100} {
		for _, sub := range []string{string(r), "admin" + string(r), "ad" + string(r) + "min"} {
			mustRefuse(t, v, iss.Sign(iss.Claims(sub, aud, nil)))
		}
		mustRefuse(t, v, iss.Sign(iss.Claims("admin", aud, map[string]any{"sid": "a" + string(r)})))
	}
	for _, sub := range []string{"CN=Anna Müller,O=Example", "अन्ना", "アンナ", "안나", "анна", "auth0|5f7c8ec7", "ana\u0301"} {
		mustAccept(t, v, iss.Sign(iss.Claims(sub, aud, nil)))
	}
}

// Attack: RFC 7518 §3.5 has salts of PSS as long as the hash, and verifiers
// that take any length take signatures of other schemes.
func TestVerifyRefusesOtherSaltLengths(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].Algorithms = []string{"PS256"} }, "PS256")
	claims := iss.Claims("a", aud, nil)
	mustAccept(t, v, iss.Sign(claims))
	for _, length := range []int{0, 1, 20, 31, 33, 48, 64, 222} {
		t.Run(strconv.Itoa(length), func(t *testing.T) {
			mustRefuse(t, v, authtest.Forge(t, map[string]any{"alg": "PS256", "kid": "key-1", "typ": "JWT"}, claims, func(signed string) []byte {
				sum := sha256.Sum256([]byte(signed))
				return iss.SignPSS(sum[:], length)
			}))
		})
	}
}

// Attack: base64url with padding, in the other alphabet, with bits to spare or
// with white space is another spelling of a token (RFC 7515 §2).
func TestVerifyRefusesOtherSpellings(t *testing.T) {
	iss, v := setup(t, nil)
	good := iss.Sign(iss.Claims("a", aud, map[string]any{"x": "???>>>"}))
	parts := strings.Split(good, ".")
	for i := range parts {
		for name, respell := range map[string]func(string) string{
			"padding":           func(s string) string { return s + "=" },
			"two of padding":    func(s string) string { return s + "==" },
			"dot":               func(s string) string { return s + "." },
			"blank":             func(s string) string { return s + " " },
			"blank before":      func(s string) string { return " " + s },
			"tab before":        func(s string) string { return "\t" + s },
			"line end":          func(s string) string { return s + "\n" },
			"line end inside":   func(s string) string { return s[:4] + "\r\n" + s[4:] },
			"standard alphabet": func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) + "+" },
			"per cent":          func(s string) string { return "%" + strconv.FormatUint(uint64(s[0]), 16) + s[1:] },
			"no-break space":    func(s string) string { return s + "\u00a0" },
			"cut":               func(s string) string { return s[:len(s)-1] },
		} {
			changed := slices.Clone(parts)
			changed[i] = respell(parts[i])
			t.Run(name, func(t *testing.T) { mustRefuse(t, v, strings.Join(changed, ".")) })
		}
	}
}
