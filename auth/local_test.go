package auth_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

func pemFile(t *testing.T, iss *authtest.Issuer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(iss.Public())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openLocal(t testing.TB, o auth.LocalOptions) *auth.Local {
	t.Helper()
	l, err := auth.OpenLocal(o)
	if err != nil {
		t.Fatalf("OpenLocal: %v", err)
	}
	return l
}

func mint(t testing.TB, l *auth.Local, o auth.MintOptions) string {
	t.Helper()
	made, err := l.Mint(o)
	if err != nil {
		t.Fatalf("Mint: %v", err)
	}
	return made.Token
}

func TestLocalIssuerMintsWhatIsAccepted(t *testing.T) {
	for _, alg := range []string{"", "HS256"} {
		t.Run("alg "+alg, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "signing.jwk")
			l := openLocal(t, auth.LocalOptions{KeyFile: path, Algorithm: alg})
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("the key file has mode %v, want 0600", info.Mode().Perm())
			}
			v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}})
			a := mustAccept(t, v, mint(t, l, auth.MintOptions{Subject: "dev", Roles: []string{"admin"}, Scopes: []string{"a", "b"}, Session: "s"}))
			if a.ID != "dev" || len(a.Roles) != 1 || len(a.Scopes) != 2 || a.Session != "s" {
				t.Errorf("agent %+v", a)
			}
			if left := time.Until(a.Expires); left > auth.DefaultTTL || left < auth.DefaultTTL-time.Minute {
				t.Errorf("lives %v, want %v", left, auth.DefaultTTL)
			}
			again := openLocal(t, auth.LocalOptions{KeyFile: path}) // the key is kept, whatever algorithm is asked for
			mustAccept(t, v, mint(t, again, auth.MintOptions{Subject: "dev"}))
			mustRefuse(t, v, mint(t, l, auth.MintOptions{Subject: "dev", Audience: "https://elsewhere.example"}))
		})
	}
}

func TestLocalIssuerRefusesReadableKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.jwk")
	openLocal(t, auth.LocalOptions{KeyFile: path})
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenLocal(auth.LocalOptions{KeyFile: path}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("OpenLocal of a readable key: %v, want the remedy", err)
	}
}

// Two processes that start at once use the same key.
func TestLocalIssuersThatStartAtOnceShareTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.jwk")
	locals := make([]*auth.Local, 8)
	var wg sync.WaitGroup
	for i := range locals {
		wg.Go(func() {
			l, err := auth.OpenLocal(auth.LocalOptions{KeyFile: path})
			if err != nil {
				t.Errorf("OpenLocal: %v", err)
			}
			locals[i] = l
		})
	}
	wg.Wait()
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{locals[0].Issuer()}})
	for _, l := range locals {
		mustAccept(t, v, mint(t, l, auth.MintOptions{Subject: "dev"}))
	}
}

func TestMintRefuses(t *testing.T) {
	l := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k")})
	for name, o := range map[string]auth.MintOptions{
		"no subject":      {},
		"control in it":   {Subject: "a\nb"},
		"a long lifetime": {Subject: "a", TTL: 1000 * time.Hour},
	} {
		if made, err := l.Mint(o); err == nil {
			t.Errorf("%s: minted %+v", name, made)
		}
	}
}

func TestInspectExplains(t *testing.T) {
	l := openLocal(t, auth.LocalOptions{KeyFile: filepath.Join(t.TempDir(), "k")})
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{l.Issuer()}})
	good := mint(t, l, auth.MintOptions{Subject: "dev"})
	other := mint(t, l, auth.MintOptions{Subject: "dev", Audience: "x"})
	for _, c := range []struct{ token, problem string }{
		{good, ""},
		{other, "aud names no audience"},
		{good[:len(good)-8] + "AAAAAAAA", "signature is not valid"},
		{"abc", "not a JWT in compact form"},
		{"", "no token was sent"},
	} {
		i := v.Inspect(t.Context(), gateway.Credentials{Token: c.token})
		if i.Valid != (c.problem == "") || !strings.Contains(i.Problem, c.problem) {
			t.Errorf("Inspect: valid %v, problem %q; want %q", i.Valid, i.Problem, c.problem)
		}
		if strings.Count(c.token, ".") == 2 && !strings.Contains(string(i.Claims), `"sub":"dev"`) {
			t.Errorf("claims %s, want them shown whether valid or not", i.Claims)
		}
	}
}
