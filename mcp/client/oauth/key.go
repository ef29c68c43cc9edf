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
	"errors"
	"time"
)

// Key is the private key with which the gateway proves who it is to an
// authorization server (private_key_jwt, RFC 7523 §2.2).
type Key struct {
	signer crypto.Signer
	alg    string
}

// ParseKey reads a private key in PEM: P-256 (ES256), RSA of 2048 bits or more
// (RS256) or Ed25519 (EdDSA), in PKCS #8, SEC 1 or PKCS #1.
func ParseKey(raw []byte) (*Key, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("it is no PEM file")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("it holds no private key that can be read")
	}
	switch k := parsed.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return &Key{k, "ES256"}, nil
		}
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return &Key{k, "RS256"}, nil
		}
	case ed25519.PrivateKey:
		return &Key{k, "EdDSA"}, nil
	}
	return nil, errors.New("it must be a P-256, Ed25519 or RSA key, RSA with 2048 bits or more")
}

// assertion is a JWT that says who the client is, to one audience, for a minute.
func (k *Key) assertion(client, audience string) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": k.alg, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": client, "sub": client, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	signature, err := k.sign([]byte(text))
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (k *Key) sign(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	switch key := k.signer.(type) {
	case *ecdsa.PrivateKey: // JWS wants r and s side by side, not ASN.1 (RFC 7518 §3.4)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, text), nil
	}
	return k.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
}
