package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of RSA keys: less is weak (RFC 7518 §3.3), more makes every
// verification expensive for us and cheap for who sends them.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// algorithm is a JWS algorithm (RFC 7518 §3.1, RFC 8037) and the keys it goes
// with. A key of another type or curve is never tried.
type algorithm struct {
	method jwt.SigningMethod
	kind   keyKind
	least  int // bytes of a secret at least (RFC 7518 §3.2)
}

type keyKind string

const (
	kindSecret  keyKind = "secret"
	kindRSA     keyKind = "RSA"
	kindP256    keyKind = "P-256"
	kindP384    keyKind = "P-384"
	kindP521    keyKind = "P-521"
	kindEd25519 keyKind = "Ed25519"
)

func (a algorithm) secret() bool { return a.kind == kindSecret }

// algorithms is all there is: "none" is not in it, in any spelling.
var algorithms = map[string]algorithm{
	"HS256": {jwt.SigningMethodHS256, kindSecret, 32},
	"HS384": {jwt.SigningMethodHS384, kindSecret, 48},
	"HS512": {jwt.SigningMethodHS512, kindSecret, 64},
	"RS256": {jwt.SigningMethodRS256, kindRSA, 0},
	"RS384": {jwt.SigningMethodRS384, kindRSA, 0},
	"RS512": {jwt.SigningMethodRS512, kindRSA, 0},
	"PS256": {pss(jwt.SigningMethodPS256), kindRSA, 0},
	"PS384": {pss(jwt.SigningMethodPS384), kindRSA, 0},
	"PS512": {pss(jwt.SigningMethodPS512), kindRSA, 0},
	"ES256": {jwt.SigningMethodES256, kindP256, 0},
	"ES384": {jwt.SigningMethodES384, kindP384, 0},
	"ES512": {jwt.SigningMethodES512, kindP521, 0},
	"EdDSA": {jwt.SigningMethodEdDSA, kindEd25519, 0},
}

// pss is an algorithm whose salt must be as long as its hash (RFC 7518 §3.5);
// the library verifies salts of any length.
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options, VerifyOptions: m.Options}
}

// Algorithms returns the names of all algorithms, sorted.
func Algorithms() []string {
	names := make([]string, 0, len(algorithms))
	for name := range algorithms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// key is one verification key.
type key struct {
	id     string
	kind   keyKind
	alg    string // the only algorithm it may be used with; "" leaves that to the issuer
	public any    // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// newKey checks the strength of a key and names its kind.
func newKey(id, alg string, public crypto.PublicKey) (*key, error) {
	k := &key{id: id, alg: alg, public: public}
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits; %d to %d are accepted", bits, minRSABits, maxRSABits)
		}
		if p.E < 3 || p.E%2 == 0 {
			return nil, errors.New("an RSA key with an even or tiny exponent")
		}
		if roca(p.N) {
			return nil, errors.New("an RSA key made by a faulty chip (ROCA, CVE-2017-15361), whose private key can be computed: make a new one")
		}
		k.kind = kindRSA
	case *ecdsa.PublicKey:
		kinds := map[elliptic.Curve]keyKind{elliptic.P256(): kindP256, elliptic.P384(): kindP384, elliptic.P521(): kindP521}
		if k.kind = kinds[p.Curve]; k.kind == "" {
			return nil, errors.New("an EC key on a curve that is not P-256, P-384 or P-521")
		}
		if _, err := p.ECDH(); err != nil {
			return nil, errors.New("an EC key that is no point of its curve")
		}
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 key of the wrong length")
		}
		k.kind = kindEd25519
	case []byte:
		if len(p) < 32 {
			return nil, fmt.Errorf("a secret of %d bytes; HS256 needs 32 at least (RFC 7518 §3.2)", len(p))
		}
		k.kind = kindSecret
	default:
		return nil, fmt.Errorf("a key of type %T, which is not supported", public)
	}
	if alg != "" {
		if a, ok := algorithms[alg]; !ok || a.kind != k.kind {
			return nil, fmt.Errorf("a %s key that says it is for the algorithm %q", k.kind, alg)
		}
	}
	return k, nil
}

// fits reports whether the key may be used with an algorithm.
func (k *key) fits(name string) bool {
	a := algorithms[name]
	if a.kind != k.kind || k.alg != "" && k.alg != name {
		return false
	}
	secret, ok := k.public.([]byte)
	return !ok || len(secret) >= a.least
}

// keySet is what a source held at one time. Only until changes after it is
// made: [keyring] moves it on whenever a load finds the same keys.
type keySet struct {
	keys  []*key
	sum   [32]byte
	until atomic.Int64 // Unix nanoseconds; not to be used from then on
}

// support returns an error if the keys cannot be used with the algorithms: a
// secret with each of them, public keys with at least one.
func (s *keySet) support(names []string) error {
	var unfit []string
	for _, name := range names {
		if !slices.ContainsFunc(s.keys, func(k *key) bool { return k.fits(name) }) {
			unfit = append(unfit, name)
		}
	}
	if len(unfit) == len(names) || len(unfit) > 0 && algorithms[unfit[0]].secret() {
		return fmt.Errorf("the key is too short for %s, or of another type", strings.Join(unfit, ", "))
	}
	return nil
}

// find returns the key that a token names. A kid is a name to compare and
// nothing else. A token without kid, and any token where the only key has no
// ID, goes with the only key there is; with several it is ambiguous.
func (s *keySet) find(kid string, hasKid bool) *key {
	if len(s.keys) == 1 && (!hasKid || s.keys[0].id == "") {
		return s.keys[0]
	}
	if !hasKid {
		return nil
	}
	for _, k := range s.keys {
		if k.id == kid && k.id != "" {
			return k
		}
	}
	return nil
}
