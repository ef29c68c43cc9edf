package auth_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

func TestVerifySaysSoOfUnsetVariable(t *testing.T) {
	_, v := setup(t, nil)
	for _, token := range []string{"${TOOLWARD_TOKEN}", "$TOOLWARD_TOKEN", "${env:TOOLWARD_TOKEN}"} {
		_, err := v.Verify(t.Context(), gateway.Credentials{Token: token})
		if err == nil || !strings.Contains(err.Error(), token+"), which the client did not replace") {
			t.Errorf("Verify(%q): %v, want a refusal that names the variable", token, err)
		}
	}
}

func TestVerifyMapsClaims(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) {
		o.Issuers[0].Agent = "client_id"
		o.Issuers[0].Roles = "realm_access.roles"
		o.Issuers[0].Scopes = "scp"
	})
	a := mustAccept(t, v, iss.Sign(iss.Claims("sub-1", aud, map[string]any{
		"client_id": "agent-7", "realm_access": map[string]any{"roles": []string{"dev", "ops"}},
		"scp": "read write", "sid": "s-1", "big": json.Number("9007199254740993"),
	})))
	got, err := json.Marshal([]any{a.ID, a.Issuer == iss.Name(), a.Roles, a.Scopes, a.Session, a.Claims["big"]})
	if err != nil {
		t.Fatal(err)
	}
	if want := `["agent-7",true,["dev","ops"],["read","write"],"s-1",9007199254740993]`; string(got) != want {
		t.Errorf("agent\n got %s\nwant %s", got, want)
	}
}

func TestVerifyAcceptsEndpointAsAudience(t *testing.T) {
	for _, c := range []struct {
		name, aud, resource string
		configured          []string
		ok                  bool
	}{
		{"exact endpoint", "https://gw.example.com/mcp/files", "https://gw.example.com/mcp/files", []string{"x"}, true},
		{"exact endpoint, nothing configured", "https://gw.example.com/mcp/files", "https://gw.example.com/mcp/files", nil, true},
		{"upper case host, slash", "HTTPS://GW.example.com:443/mcp/files/", "https://gw.example.com/mcp/files", nil, true},
		{"origin, nothing configured", "https://gw.example.com/", "https://gw.example.com/mcp/files", nil, true},
		{"origin, something configured", "https://gw.example.com", "https://gw.example.com/mcp/files", []string{"x"}, false},
		{"another endpoint", "https://gw.example.com/mcp/crm", "https://gw.example.com/mcp/files", nil, false},
		{"another port", "https://gw.example.com:8443", "https://gw.example.com/mcp", nil, false},
		{"fragment", "https://gw.example.com/mcp#x", "https://gw.example.com/mcp", nil, false},
		{"user part", "https://gw.example.com@evil.example/mcp", "https://gw.example.com/mcp", nil, false},
		{"nothing to name", "https://gw.example.com", "", nil, false},
		{"empty", "", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].Audience = c.configured })
			cred := gateway.Credentials{Token: iss.Sign(iss.Claims("a", c.aud, nil)), Resource: c.resource}
			if _, err := v.Verify(t.Context(), cred); (err == nil) != c.ok {
				t.Errorf("Verify: %v, want accepted %v", err, c.ok)
			}
		})
	}
}

func TestVerifyAsksForScopesAllAtOnce(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].RequiredScopes = []string{"tools:read", "tools:call"} })
	mustAccept(t, v, iss.Sign(iss.Claims("a", aud, map[string]any{"scope": "tools:call tools:read more"})))
	_, err := v.Verify(t.Context(), gateway.Credentials{Token: iss.Sign(iss.Claims("a", aud, map[string]any{"scope": "tools:read"}))})
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != gateway.InsufficientScope || r.Scope != "tools:read tools:call" {
		t.Errorf("Verify: %v, want %s for both scopes", err, gateway.InsufficientScope)
	}
}

// RFC 9068 §4: an ID token is no access token.
func TestVerifyCanDemandAccessTokens(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].AccessTokens = true })
	claims := iss.Claims("a", aud, nil)
	mustAccept(t, v, iss.SignWith(map[string]any{"typ": "at+jwt"}, claims))
	mustAccept(t, v, iss.SignWith(map[string]any{"typ": "application/AT+JWT"}, claims))
	mustRefuse(t, v, iss.Sign(claims))
	mustRefuse(t, v, iss.SignWith(map[string]any{"typ": nil}, claims))
}

func TestEveryAlgorithmVerifies(t *testing.T) {
	for _, alg := range []string{"ES256", "ES384", "EdDSA", "RS256", "PS256"} {
		t.Run(alg, func(t *testing.T) {
			iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].Algorithms = []string{alg} }, alg)
			mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
		})
	}
}

// The key's own alg binds it, also when the issuer allows the other (RFC 8725 §3.1).
func TestVerifyPinsAlgorithmPerKey(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) { o.Issuers[0].Algorithms = []string{"RS256", "PS256", "ES384", "ES256"} }, "RS256") // its JWK says alg RS256
	mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
	mustRefuse(t, v, iss.SignAs("PS256", iss.Claims("a", aud, nil)))
	for _, alg := range []string{"PS256", "ES256", "ES384"} {
		mustRefuse(t, v, iss.SignWith(map[string]any{"alg": alg}, iss.Claims("a", aud, nil)))
	}
}

// The issuer's list binds it, also when the key would do (PEM names no algorithm).
func TestVerifyPinsAlgorithmPerIssuer(t *testing.T) {
	iss := authtest.New(t, "RS256")
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{{
		Issuer: iss.Name(), Audience: []string{aud}, PublicKeyFile: pemFile(t, iss), Algorithms: []string{"RS256"},
	}}})
	mustAccept(t, v, iss.SignAs("RS256", iss.Claims("a", aud, nil)))
	for _, alg := range []string{"RS384", "RS512", "PS256"} {
		mustRefuse(t, v, iss.SignAs(alg, iss.Claims("a", aud, nil)))
	}
}

func TestKnownHoldsForOneResourceAndUntilExpiry(t *testing.T) {
	now := time.Now()
	iss, v := setup(t, func(o *auth.Options) {
		o.Now = func() time.Time { return now }
		o.Cache = 1 // one group, so that nothing but the comparison tells entries apart
	})
	c := gateway.Credentials{Token: iss.Sign(iss.Claims("a", aud, nil))}
	if v.Known(c) != nil {
		t.Fatal("a token is known before it was verified")
	}
	a := mustAccept(t, v, c.Token)
	if v.Known(c) != a {
		t.Fatal("a verified token is not known")
	}
	if v.Known(gateway.Credentials{Token: c.Token, Resource: "https://gw.example.com/mcp/x"}) != nil {
		t.Error("a token that was verified for one resource is known for another")
	}
	if v.Known(gateway.Credentials{Token: c.Token + "A"}) != nil {
		t.Error("another token is known")
	}
	now = now.Add(time.Hour + auth.DefaultLeeway)
	if v.Known(c) != nil {
		t.Error("an expired token is known")
	}
}

// A principal with a million tokens does not fill the memory.
func TestCacheIsBounded(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) { o.Cache = 16 })
	tokens := make([]string, 200)
	for i := range tokens {
		tokens[i] = iss.Sign(iss.Claims("a", aud, map[string]any{"n": i}))
		mustAccept(t, v, tokens[i])
	}
	known := 0
	for _, token := range tokens {
		if v.Known(gateway.Credentials{Token: token}) != nil {
			known++
		}
	}
	if known == 0 || known > 16 {
		t.Errorf("%d tokens are known, want 1 to 16", known)
	}
}

func TestNewRefusesBadIssuers(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	iss := authtest.New(t)
	der, err := x509.MarshalPKIXPublicKey(iss.Public().(*ecdsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	pemFile := write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	for _, c := range []struct {
		want string
		is   auth.Issuer
	}{
		{"the issuer's name (iss) is empty", auth.Issuer{Secret: make([]byte, 32)}},
		{"needs exactly one source of keys", auth.Issuer{Issuer: "i"}},
		{"needs exactly one source of keys", auth.Issuer{Issuer: "i", Secret: make([]byte, 32), JWKSURL: "https://x.example"}},
		{"must be https", auth.Issuer{Issuer: "i", JWKSURL: "http://id.example.com/jwks"}},
		{"not an absolute URL", auth.Issuer{Issuer: "i", JWKSURL: "id.example.com"}},
		{"unknown algorithm \"none\"", auth.Issuer{Issuer: "i", JWKSURL: "https://x.example", Algorithms: []string{"none"}}},
		{"HS* needs a secret", auth.Issuer{Issuer: "i", JWKSURL: "https://x.example", Algorithms: []string{"RS256", "HS256"}}},
		{"HS* needs a secret", auth.Issuer{Issuer: "i", Secret: make([]byte, 32), Algorithms: []string{"RS256"}}},
		{"a leeway of 2m0s is over 1m0s", auth.Issuer{Issuer: "i", Secret: make([]byte, 32), Leeway: 2 * time.Minute}},
		{"a secret of 5 bytes", auth.Issuer{Issuer: "i", Secret: []byte("short")}},
		{"the key is too short for HS512", auth.Issuer{Issuer: "i", Secret: make([]byte, 32), Algorithms: []string{"HS256", "HS512"}}},
		{"or of another type", auth.Issuer{Issuer: "i", PublicKeyFile: pemFile, Algorithms: []string{"RS256", "EdDSA"}}},
		{"this is a key file, not a secret", auth.Issuer{Issuer: "i", SecretFile: pemFile}},
		{"no such file", auth.Issuer{Issuer: "i", PublicKeyFile: filepath.Join(dir, "missing")}},
		{"neither PEM nor a JWK", auth.Issuer{Issuer: "i", PublicKeyFile: write("text", "hello")}},
	} {
		_, err := auth.New(auth.Options{Issuers: []auth.Issuer{c.is}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want %q", c.is.Issuer, err, c.want)
		}
	}
	ok := auth.Issuer{Issuer: "i", PublicKeyFile: pemFile, Algorithms: []string{"ES256"}}
	if _, err := auth.New(auth.Options{Issuers: []auth.Issuer{ok, ok}}); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("New with an issuer twice: %v", err)
	}
	if _, err := auth.New(auth.Options{}); err == nil {
		t.Error("New without issuers: no error")
	}
}
