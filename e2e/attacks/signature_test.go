//go:build e2e

package attacks

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/auth/authtest"
	"toolward/e2e/lab"
)

// rsaIssuer is the configuration of one issuer whose key is in a file.
func rsaIssuer(name, file string) map[string]any {
	return map[string]any{"auth": map[string]any{"issuers": []any{map[string]any{
		"issuer": name, "audience": lab.Audience, "public_key_file": file, "algorithms": []string{"PS256"},
	}}}}
}

// TestOtherSaltsOfPSS sends signatures by the right key whose salt is not as long as
// the hash (RFC 7518 section 3.5).
func TestOtherSaltsOfPSS(t *testing.T) {
	rsa, dir := authtest.New(t, "PS256"), t.TempDir()
	(&lab.Gateway{Dir: dir}).WritePEM(t, "rsa.pem", rsa)
	g := lab.Start(t, lab.Options{Dir: dir, Config: rsaIssuer(rsa.Name(), "rsa.pem")})
	g.Issuer = rsa
	g.CheckAlive(t) // with a salt of 32 bytes
	for _, salt := range []int{0, 1, 20, 31, 33, 64, 222} {
		t.Run(fmt.Sprint(salt), func(t *testing.T) {
			token := authtest.Forge(t, map[string]any{"alg": "PS256", "typ": "JWT"}, rsa.Claims("attacker", lab.Audience, map[string]any{"roles": []string{"tester"}}), func(signed string) []byte {
				sum := sha256.Sum256([]byte(signed))
				return rsa.SignPSS(sum[:], salt)
			})
			marker := lab.Marker()
			if a := lab.REST.Call(t, g, token, "echo", lab.Text(marker)); a.Status != http.StatusUnauthorized || g.Upstream.Executed(marker) > 0 {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// TestKeyOfAFaultyChip configures a public key of the form that RSALib made
// (CVE-2017-15361), whose private key can be computed from it.
func TestKeyOfAFaultyChip(t *testing.T) {
	pem, err := os.ReadFile("testdata/roca.pem")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "roca.pem"), pem, 0o600); err != nil {
		t.Fatal(err)
	}
	g := lab.Launch(t, lab.Options{Dir: dir, Config: rsaIssuer("https://id.test", "roca.pem")})
	if code := g.Wait(t); code != 2 || !strings.Contains(g.Log.String(), "ROCA") {
		t.Errorf("it ends with %d: %s", code, g.Log)
	}
}
