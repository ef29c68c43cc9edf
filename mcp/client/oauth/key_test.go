package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// The claims are RFC 7523's, and another implementation accepts the signature.
func TestClientProvesItselfByKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, tt := range map[string]struct {
		key    any
		verify func(text, signature []byte) bool
	}{
		"ES256": {ec, func(text, s []byte) bool {
			sum := sha256.Sum256(text)
			return len(s) == 64 && ecdsa.Verify(&ec.PublicKey, sum[:], new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:]))
		}},
		"RS256": {rs, func(text, s []byte) bool {
			sum := sha256.Sum256(text)
			return rsa.VerifyPKCS1v15(&rs.PublicKey, crypto.SHA256, sum[:], s) == nil
		}},
		"EdDSA": {ed, func(text, s []byte) bool { return ed25519.Verify(edPublic, text, s) }},
	} {
		t.Run(alg, func(t *testing.T) {
			i := newIssuer(t)
			o := i.options()
			o.ClientSecret = ""
			if o.ClientKey, err = ParseKey(pemOf(t, tt.key)); err != nil {
				t.Fatal(err)
			}
			authorization(t, source(t, o), t.Context())
			form := i.asked()[0]
			if got := form.Get("client_assertion_type"); got != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || i.clients[0] != "" {
				t.Errorf("%q, %q", got, i.clients[0])
			}
			parts := strings.Split(form.Get("client_assertion"), ".")
			var bytes [3][]byte
			for n := range bytes {
				if bytes[n], err = base64.RawURLEncoding.DecodeString(parts[n]); err != nil {
					t.Fatal(err)
				}
			}
			if !tt.verify([]byte(parts[0]+"."+parts[1]), bytes[2]) {
				t.Error("the signature does not verify")
			}
			var header struct{ Alg string }
			var claims struct {
				Iss, Sub, Aud, Jti string
				Exp                int64
			}
			if err := json.Unmarshal(bytes[0], &header); err != nil || header.Alg != alg {
				t.Errorf("%v, %q", err, header.Alg)
			}
			if err := json.Unmarshal(bytes[1], &claims); err != nil {
				t.Fatal(err)
			}
			left := time.Until(time.Unix(claims.Exp, 0))
			if claims.Iss != "gw:1" || claims.Sub != "gw:1" || claims.Aud != i.URL || claims.Jti == "" || left <= 0 || left > time.Minute {
				t.Errorf("claims %+v, good for %s", claims, left)
			}
		})
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	rs, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"no PEM": []byte("x"), "no key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
		"P-384": pemOf(t, ec), "RSA of 1024 bits": pemOf(t, rs),
	} {
		if _, err := ParseKey(raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Platforms replace a workload's token: it is read for each request.
func TestWorkloadAssertionIsReadAnew(t *testing.T) {
	i := newIssuer(t)
	o := i.options()
	o.Grant, o.AssertionFile = JWTBearer, filepath.Join(t.TempDir(), "token")
	s := source(t, o)
	if _, err := s.Authorization(t.Context()); err == nil || len(i.asked()) > 0 {
		t.Errorf("without a file: %v", err)
	}
	for n, content := range []string{"a.b.c\n", "d.e.f"} {
		if err := os.WriteFile(o.AssertionFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		value := authorization(t, s, t.Context())
		form := i.asked()[n]
		if form.Get("assertion") != strings.TrimSpace(content) || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || form.Get("resource") != o.URL {
			t.Errorf("form %v", form)
		}
		s.Denied(value, 401, nil)
	}
}
