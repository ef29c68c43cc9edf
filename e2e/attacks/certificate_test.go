//go:build e2e

package attacks

import (
	"crypto/tls"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"toolward/auth/authtest"
)

// certificate writes the certificate that an issuer of the lab serves TLS with
// into a file that the gateway can be told to trust.
func certificate(t *testing.T, issuer *authtest.Issuer, dir string) string {
	t.Helper()
	u, err := url.Parse(issuer.Name())
	if err != nil {
		t.Fatal(err)
	}
	// Not verified: this is how the lab learns which one to trust.
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	path := filepath.Join(dir, "issuer-tls.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
