package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/config"
)

// pair writes a certificate that names nobody, as one for another name does not
// name loopback.
func pair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gw.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A command that found the gateway beside its record sends the credential to whoever
// has the configuration's certificate, and to nobody else.
func TestAttackAnotherCertificateAtTheGatewaysAddress(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, "ours")
	otherCert, otherKey := pair(t, dir, "other")
	for name, tt := range map[string]struct {
		cert, key string
		want      bool
	}{"ours": {cert, key, true}, "another": {otherCert, otherKey, false}} {
		t.Run(name, func(t *testing.T) {
			asked := false
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.Header.Get("Authorization") != "" }))
			srv.Config.ErrorLog = nil
			served, err := tls.LoadX509KeyPair(tt.cert, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{served}}
			srv.StartTLS()
			defer srv.Close()
			cfg := config.Default()
			cfg.TLS = &config.TLS{Cert: cert, Key: key}
			client, err := clientFor(cfg, srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			o := &operations{client: client, base: srv.URL, token: "synthetic-credential", close: nothing}
			answer, err := o.send(t.Context(), http.MethodGet, "me", nil)
			if err == nil {
				_, _ = io.Copy(io.Discard, answer)
				answer.Close()
			}
			if (err == nil) != tt.want || asked != tt.want {
				t.Errorf("error %v, the credential was sent: %v", err, asked)
			}
			if !tt.want && !strings.Contains(err.Error(), "another certificate") {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestWhereOperatorsAre(t *testing.T) {
	for _, tt := range []struct {
		name                string
		listen, public, own string
		tls                 bool
		want                string
	}{
		{"the default", "127.0.0.1:8080", "", "", false, "http://127.0.0.1:8080"},
		{"TLS", "127.0.0.1:8443", "", "", true, "https://127.0.0.1:8443"},
		{"behind a name", "0.0.0.0:8443", "https://gw.example.com/", "", true, "https://gw.example.com"},
		{"a listener of its own", "0.0.0.0:8443", "https://gw.example.com", "127.0.0.1:9090", true, "https://127.0.0.1:9090"},
		{"a plain one of its own", "127.0.0.1:8080", "", "127.0.0.1:9090", false, "http://127.0.0.1:9090"},
	} {
		cfg := config.Default()
		cfg.Listen, cfg.PublicURL, cfg.Admin.Listen = tt.listen, tt.public, tt.own
		if tt.tls {
			cfg.TLS = &config.TLS{}
		}
		if got := adminURL(cfg); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for base, want := range map[string]string{
		"http://0.0.0.0:8080": "http://127.0.0.1:8080", "https://[::]:8443": "https://127.0.0.1:8443",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080", "https://10.0.0.5:8443": "https://10.0.0.5:8443", "http://[::1]:8080": "http://[::1]:8080",
	} {
		if got := nearAddress(base); got != want {
			t.Errorf("near %s: %s, want %s", base, got, want)
		}
	}
}
