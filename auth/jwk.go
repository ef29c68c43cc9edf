package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"toolward/gateway"
)

// maxKeys is how many keys a set may have.
const maxKeys = 64

// parseKeys reads public keys: a JWKS or a JWK (RFC 7517), or PEM blocks. Keys
// that cannot be used are left out, as RFC 7517 §5 asks, and described in
// notes. A set without any usable key is an error, and so is one where two
// keys have the same ID: which one was meant would depend on the reader.
func parseKeys(data []byte) (set *keySet, notes []string, err error) {
	set = &keySet{sum: sha256.Sum256(data)}
	data = bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(data, []byte("-----BEGIN")):
		err = set.addPEM(data)
	case bytes.HasPrefix(data, []byte("{")):
		notes, err = set.addJSON(data)
	default:
		err = errors.New("neither PEM nor a JWK or JWKS")
	}
	if err != nil {
		return nil, notes, err
	}
	if len(set.keys) == 0 {
		return nil, notes, errors.New("no usable key")
	}
	ids := map[string]bool{}
	for _, k := range set.keys {
		if k.id != "" && ids[k.id] {
			return nil, notes, errors.New("two keys have the same kid")
		}
		ids[k.id] = true
	}
	return set, notes, nil
}

func (s *keySet) addPEM(data []byte) error {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		public, err := publicFromPEM(block)
		if err != nil {
			return err
		}
		k, err := newKey("", "", public)
		if err != nil {
			return err
		}
		if s.keys = append(s.keys, k); len(s.keys) > maxKeys {
			return fmt.Errorf("more than %d keys", maxKeys)
		}
	}
	if len(bytes.TrimSpace(data)) > 0 {
		return errors.New("something other than PEM after the last block")
	}
	if len(s.keys) > 1 {
		return errors.New("several keys in PEM, which has no key IDs; write them as JWKS")
	}
	return nil
}

func publicFromPEM(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return nil, errors.New("a private key: the gateway needs the public one only")
	}
	return nil, fmt.Errorf("a PEM block of type %q", block.Type)
}

func (s *keySet) addJSON(data []byte) (notes []string, err error) {
	if err := gateway.CheckJSON(data); err != nil {
		return nil, errors.New("broken JSON, or a name that stands twice")
	}
	var doc struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errors.New("keys is not an array")
	}
	keys := []json.RawMessage{data}
	if doc.Keys != nil {
		keys = *doc.Keys
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("%d keys; at most %d are accepted", len(keys), maxKeys)
	}
	for i, raw := range keys {
		k, err := parseJWK(raw)
		switch {
		case err != nil:
			notes = append(notes, fmt.Sprintf("key %d is not used: %v", i+1, err))
		case k != nil:
			s.keys = append(s.keys, k)
		}
	}
	return notes, nil
}

// jwk is the part of RFC 7517 and RFC 7518 §6 that public keys need. D tells a
// private key apart.
type jwk struct {
	Kty string   `json:"kty"`
	Use string   `json:"use,omitempty"`
	Ops []string `json:"key_ops,omitempty"`
	Alg string   `json:"alg,omitempty"`
	Kid string   `json:"kid,omitempty"`
	Crv string   `json:"crv,omitempty"`
	N   string   `json:"n,omitempty"`
	E   string   `json:"e,omitempty"`
	X   string   `json:"x,omitempty"`
	Y   string   `json:"y,omitempty"`
	D   string   `json:"d,omitempty"`
	K   string   `json:"k,omitempty"`
}

// parseJWK returns nil without an error for a key that is not for signatures.
func parseJWK(raw json.RawMessage) (*key, error) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, errors.New("not a JWK")
	}
	if j.Use != "" && j.Use != "sig" || len(j.Ops) > 0 && !slices.Contains(j.Ops, "verify") {
		return nil, nil
	}
	if len(j.Kid) > maxKid {
		return nil, errors.New("its kid is too long")
	}
	if j.D != "" {
		return nil, errors.New("it is a private key, which nobody but the issuer should hold")
	}
	public, err := j.public()
	if err != nil {
		return nil, err
	}
	return newKey(j.Kid, j.Alg, public)
}

func (j *jwk) public() (crypto.PublicKey, error) {
	switch {
	case j.Kty == "RSA":
		n, err1 := decodeInt(j.N)
		e, err2 := decodeInt(j.E)
		if err1 != nil || err2 != nil || e.BitLen() > 31 {
			return nil, errors.New("n or e is not a number of the expected form")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case j.Kty == "EC":
		curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
		curve := curves[j.Crv]
		if curve == nil {
			return nil, errors.New("its curve is not P-256, P-384 or P-521")
		}
		x, err1 := strict.DecodeString(j.X)
		y, err2 := strict.DecodeString(j.Y)
		size := (curve.Params().BitSize + 7) / 8
		if err1 != nil || err2 != nil || len(x) != size || len(y) != size {
			return nil, errors.New("x or y does not have the length of its curve")
		}
		point := append(append([]byte{4}, x...), y...) // uncompressed, SEC 1 §2.3.3
		return ecdsa.ParseUncompressedPublicKey(curve, point)
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		x, err := strict.DecodeString(j.X)
		if err != nil {
			return nil, errors.New("x is not base64url")
		}
		return ed25519.PublicKey(x), nil
	case j.Kty == "oct":
		return nil, errors.New("it is a secret, which does not belong among public keys")
	}
	return nil, errors.New("its type is not RSA, EC or Ed25519")
}

func decodeInt(s string) (*big.Int, error) {
	b, err := strict.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > maxRSABits/8+1 {
		return nil, errors.New("not a number")
	}
	return new(big.Int).SetBytes(b), nil
}

// thumbprint is the key ID that RFC 7638 gives an Ed25519 key.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + strict.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// parseSecret reads a shared secret: the bytes of the file but for line ends
// at its end. A public key is refused, since everybody has it.
func parseSecret(data []byte) (*keySet, error) {
	secret := bytes.TrimRight(data, "\r\n")
	if bytes.Contains(secret, []byte("-----BEGIN ")) || bytes.Contains(secret, []byte(`"kty"`)) {
		return nil, errors.New("this is a key file, not a secret; use public_key_file")
	}
	k, err := newKey("", "", bytes.Clone(secret))
	if err != nil {
		return nil, err
	}
	return &keySet{keys: []*key{k}, sum: sha256.Sum256(secret)}, nil
}
