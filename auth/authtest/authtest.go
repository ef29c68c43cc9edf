// Package authtest is a small real issuer for tests: it signs tokens and serves
// its JWKS over TLS, and can be told to rotate its keys and to misbehave.
package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer is an issuer with some keys. It is safe for concurrent use, and closes
// with the test.
type Issuer struct {
	t    testing.TB
	srv  *httptest.Server
	hits atomic.Int64

	mu     sync.Mutex
	keys   []signer
	served http.HandlerFunc
	count  int
}

type signer struct {
	kid, alg string
	private  crypto.Signer
}

// New starts an issuer with a key for each algorithm, as [Issuer.AddKey] names
// them: "key-1", "key-2". Without any it has one for ES256.
func New(t testing.TB, algorithms ...string) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.srv = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that distrust it are part of the tests
	i.srv.StartTLS()
	t.Cleanup(i.srv.Close)
	if len(algorithms) == 0 {
		algorithms = []string{"ES256"}
	}
	for _, alg := range algorithms {
		i.AddKey(alg)
	}
	return i
}

// Name is the issuer's iss.
func (i *Issuer) Name() string { return i.srv.URL }

// JWKSURL is where its keys are.
func (i *Issuer) JWKSURL() string { return i.srv.URL + "/jwks" }

// Transport trusts the issuer's certificate.
func (i *Issuer) Transport() http.RoundTripper { return i.srv.Client().Transport }

// Hits is how many requests the issuer got.
func (i *Issuer) Hits() int { return int(i.hits.Load()) }

// Close takes the issuer down.
func (i *Issuer) Close() { i.srv.Close() }

// Misbehave makes h answer instead of the JWKS; nil goes back to normal.
func (i *Issuer) Misbehave(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.served = h
}

// AddKey adds a key for ES256, ES384, EdDSA, RS256 or PS256 and returns its kid.
// [Issuer.Sign] uses the newest key.
func (i *Issuer) AddKey(alg string) (kid string) {
	i.t.Helper()
	private, err := newPrivate(alg)
	if err != nil {
		i.t.Fatalf("make %s key: %v", alg, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	kid = fmt.Sprintf("key-%d", i.count)
	i.keys = append(i.keys, signer{kid, alg, private})
	return kid
}

func newPrivate(alg string) (crypto.Signer, error) {
	switch alg {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case "RS256", "PS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no keys for algorithm %q", alg)
}

// RemoveKey takes a key out of the JWKS. It can no longer sign.
func (i *Issuer) RemoveKey(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, k := range i.keys {
		if k.kid == kid {
			i.keys = append(i.keys[:n:n], i.keys[n+1:]...)
			return
		}
	}
	i.t.Errorf("no key %q to remove", kid)
}

// Public returns the newest key's public half.
func (i *Issuer) Public() crypto.PublicKey { return i.newest().private.Public() }

func (i *Issuer) newest() signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Claims are those of an ordinary token: an hour of life, and with changes
// applied; a nil value removes a claim.
func (i *Issuer) Claims(sub, aud string, changes map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{
		"iss": i.Name(), "sub": sub, "aud": aud,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for name, v := range changes {
		if v == nil {
			delete(c, name)
		} else {
			c[name] = v
		}
	}
	return c
}

// Sign makes a token with the newest key.
func (i *Issuer) Sign(claims map[string]any) string {
	return i.SignWith(nil, claims)
}

// SignWith makes a token with the newest key; header adds to alg, kid and typ
// or replaces them, and a nil value removes one. The signature is always the
// key's own, whatever alg says.
func (i *Issuer) SignWith(header, claims map[string]any) string {
	i.t.Helper()
	k := i.newest()
	h := map[string]any{"alg": k.alg, "kid": k.kid, "typ": "JWT"}
	for name, v := range header {
		if v == nil {
			delete(h, name)
		} else {
			h[name] = v
		}
	}
	return Forge(i.t, h, claims, i.signer(k.alg, k))
}

// SignAs makes a token with the newest key by another algorithm that fits it
// (PS256 with an RSA key), and says so in the header.
func (i *Issuer) SignAs(alg string, claims map[string]any) string {
	i.t.Helper()
	k := i.newest()
	return Forge(i.t, map[string]any{"alg": alg, "kid": k.kid, "typ": "JWT"}, claims, i.signer(alg, k))
}

func (i *Issuer) signer(alg string, k signer) func(string) []byte {
	return func(signed string) []byte {
		sig, err := jwt.GetSigningMethod(alg).Sign(signed, k.private)
		if err != nil {
			i.t.Fatalf("sign: %v", err)
		}
		return sig
	}
}

// SignPSS signs a SHA-256 digest with the newest key, which is one of RSA, by
// RSASSA-PSS with a salt of any length.
func (i *Issuer) SignPSS(digest []byte, salt int) []byte {
	i.t.Helper()
	o := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
	if salt == 0 { // which means a length of the library's choice
		return signPSS0(i.t, i.newest().private.(*rsa.PrivateKey), digest)
	}
	sig, err := i.newest().private.Sign(rand.Reader, digest, o)
	if err != nil {
		i.t.Fatalf("sign: %v", err)
	}
	return sig
}

// signPSS0 is RSASSA-PSS with an empty salt (RFC 8017 §8.1.1, §9.1.1), which the
// standard library cannot be asked for.
func signPSS0(t testing.TB, k *rsa.PrivateKey, digest []byte) []byte {
	t.Helper()
	bits := k.N.BitLen() - 1
	em := make([]byte, (bits+7)/8)
	h := sha256.Sum256(append(make([]byte, 8), digest...)) // M' = eight zeros, digest, salt
	db := em[:len(em)-len(h)-1]
	db[len(db)-1] = 1
	for n, at := uint32(0), 0; at < len(db); n++ { // MGF1
		block := sha256.Sum256(binary.BigEndian.AppendUint32(h[:len(h):len(h)], n))
		for _, b := range block {
			if at < len(db) {
				db[at] ^= b
				at++
			}
		}
	}
	db[0] &= 0xff >> (8*len(em) - bits)
	copy(em[len(db):], h[:])
	em[len(em)-1] = 0xbc
	return new(big.Int).Exp(new(big.Int).SetBytes(em), k.D, k.N).FillBytes(make([]byte, k.Size()))
}

// Forge puts a token together from any header and claims: a string is taken as
// written, everything else is marshalled.
func Forge(t testing.TB, header, claims any, sign func(signed string) []byte) string {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	signed := enc(marshal(t, header)) + "." + enc(marshal(t, claims))
	return signed + "." + enc(sign(signed))
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	if s, ok := v.(string); ok {
		return []byte(s)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return b
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.hits.Add(1)
	i.mu.Lock()
	served := i.served
	keys := append([]signer(nil), i.keys...)
	i.mu.Unlock()
	if served != nil {
		served(w, r)
		return
	}
	if r.URL.Path != "/jwks" {
		http.NotFound(w, r)
		return
	}
	set := map[string]any{"keys": []any{}}
	for _, k := range keys {
		j := JWK(k.private.Public())
		j["kid"], j["alg"], j["use"] = k.kid, k.alg, "sig"
		set["keys"] = append(set["keys"].([]any), j)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_ = json.NewEncoder(w).Encode(set)
}

// JWK is a public key as JWK members (RFC 7517), without kid, alg and use.
func JWK(public crypto.PublicKey) map[string]any {
	enc := base64.RawURLEncoding.EncodeToString
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, then x and y
		if err != nil {
			panic(err) // a key that this package made
		}
		half := len(point) / 2
		return map[string]any{"kty": "EC", "crv": p.Params().Name, "x": enc(point[1 : half+1]), "y": enc(point[half+1:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": enc(p)}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": enc(p.N.Bytes()), "e": enc(big.NewInt(int64(p.E)).Bytes())}
	}
	panic(fmt.Sprintf("no JWK for %T", public))
}
