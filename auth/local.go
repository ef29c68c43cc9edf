package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Defaults of the local issuer.
const (
	LocalIssuer   = "toolward-local"
	LocalAudience = "toolward"
	DefaultTTL    = time.Hour
)

// LocalOptions configure the local issuer. KeyFile is required.
type LocalOptions struct {
	KeyFile   string // its signing key as JWK; made with mode 0600 if it does not exist
	Issuer    string // iss of its tokens; "" means [LocalIssuer]
	Audience  string // aud of its tokens; "" means [LocalAudience]
	Algorithm string // EdDSA or HS256 for a key that is made; "" means EdDSA
}

// Local is an issuer of our own, for a single machine and for trying things:
// it mints tokens with a key from a file. It is safe for concurrent use.
type Local struct {
	issuer, audience string
	alg              string
	kid              string
	private          any // ed25519.PrivateKey or []byte
	set              *keySet
}

// OpenLocal reads the signing key, or makes one on first use. It refuses a key
// file that others can read.
func OpenLocal(o LocalOptions) (*Local, error) {
	orString(&o.Issuer, LocalIssuer)
	orString(&o.Audience, LocalAudience)
	orString(&o.Algorithm, "EdDSA")
	data, err := readPrivate(o.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(o.KeyFile, o.Algorithm); err != nil {
			return nil, fmt.Errorf("make signing key: %w", err)
		}
		data, err = readPrivate(o.KeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	l := &Local{issuer: o.Issuer, audience: o.Audience}
	if err := l.useKey(data); err != nil {
		return nil, fmt.Errorf("signing key %s: %w", o.KeyFile, err)
	}
	return l, nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // nobody may write to a pipe in its place
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: delete it to get a new key", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has mode %#o: others could read it and mint tokens; chmod 600 it, or delete it to get a new one", path, mode)
	}
	return readAll(f)
}

// makeKey writes a new key. It is written whole beside its place and then
// linked there, so that of two processes that start at once one wins and both
// read the same key.
func makeKey(path, alg string) error {
	j, err := generate(alg)
	if err != nil {
		return err
	}
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".signing-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func generate(alg string) (*jwk, error) {
	switch alg {
	case "EdDSA":
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return &jwk{
			Kty: "OKP", Crv: "Ed25519", Alg: alg, Use: "sig", Kid: thumbprint(public),
			X: strict.EncodeToString(public), D: strict.EncodeToString(private.Seed()),
		}, nil
	case "HS256":
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		return &jwk{Kty: "oct", Alg: alg, Use: "sig", K: strict.EncodeToString(secret)}, nil
	}
	return nil, fmt.Errorf("algorithm %q: EdDSA or HS256", alg)
}

func (l *Local) useKey(data []byte) error {
	var j jwk
	if err := json.Unmarshal(data, &j); err != nil {
		return errors.New("not a JWK")
	}
	var public any
	switch {
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		seed, err := strict.DecodeString(j.D)
		if err != nil || len(seed) != ed25519.SeedSize {
			return errors.New("d is not an Ed25519 private key")
		}
		private := ed25519.NewKeyFromSeed(seed)
		pub := private.Public().(ed25519.PublicKey)
		l.alg, l.private, public = "EdDSA", private, pub
		l.kid = thumbprint(pub)
	case j.Kty == "oct":
		secret, err := strict.DecodeString(j.K)
		if err != nil {
			return errors.New("k is not base64url")
		}
		l.alg, l.private, public = "HS256", secret, secret
	default:
		return errors.New("neither an Ed25519 key nor a secret")
	}
	k, err := newKey(l.kid, l.alg, public)
	if err != nil {
		return err
	}
	l.set = &keySet{keys: []*key{k}}
	return nil
}

// KeyID names the signing key, for what ends when it is replaced. It says nothing
// about a secret.
func (l *Local) KeyID() string {
	if l.kid != "" {
		return l.kid
	}
	sum := sha256.Sum256(append([]byte("toolward key\x00"), l.private.([]byte)...))
	return strict.EncodeToString(sum[:12])
}

// Issuer is the entry for [Options] that accepts this issuer's tokens.
func (l *Local) Issuer() Issuer {
	return Issuer{Issuer: l.issuer, Audience: []string{l.audience}, Algorithms: []string{l.alg}, local: l.set}
}

// MintOptions say what is in a token. Subject is required.
type MintOptions struct {
	Subject  string
	Roles    []string
	Scopes   []string
	Audience string        // "" means the issuer's
	TTL      time.Duration // 0 means [DefaultTTL]; a day at most
	Session  string        // sid, which labels accumulate by; "" leaves it out
	Client   string        // client_id (RFC 9068 §2.2), "" leaves it out
	Grant    string        // ID of the grant that the token ends with; "" for none

	// Name makes it a named token, which is good only while the record holds it: it
	// can be revoked, so it may live for [MaxNamedTTL], and does for [DefaultNamedTTL].
	Name string
}

// maxTTL bounds what nobody can revoke: a leaked token should not outlive a day.
const maxTTL = 24 * time.Hour

// How long named tokens live.
const (
	DefaultNamedTTL = 90 * 24 * time.Hour
	MaxNamedTTL     = 366 * 24 * time.Hour
)

// claimNamed is the claim that tells a named token from others.
const claimNamed = "name"

// digestOf is what the record has of a named token.
func digestOf(jti string) string {
	sum := sha256.Sum256([]byte(jti))
	return hex.EncodeToString(sum[:])
}

// Minted is a token, and what may be said of it: all but the token itself.
type Minted struct {
	Token    string    `json:"-"`
	ID       string    `json:"jti"`
	Subject  string    `json:"subject"`
	Roles    []string  `json:"roles,omitempty"`
	Scopes   []string  `json:"scopes,omitempty"`
	Audience string    `json:"audience"`
	Session  string    `json:"session,omitempty"`
	Expires  time.Time `json:"expires"`
}

// Digest is what the record has of a named token instead of its ID.
func (m *Minted) Digest() string { return digestOf(m.ID) }

// EventMinted is the event that says which token the local issuer made: a [Minted],
// and by whom.
const EventMinted = "token.minted"

// Mint makes an access token (RFC 9068, typ at+jwt) that is valid from now on.
func (l *Local) Mint(o MintOptions) (Minted, error) {
	if err := errors.Join(o.check(), o.lifetime()); err != nil {
		return Minted{}, err
	}
	orString(&o.Audience, l.audience)
	now := time.Now()
	made := Minted{
		ID: uuid.NewString(), Subject: o.Subject, Roles: o.Roles, Scopes: o.Scopes, Audience: o.Audience, Session: o.Session,
		Expires: now.Add(o.TTL).UTC().Truncate(time.Second),
	}
	m := jwt.MapClaims{
		"iss": l.issuer, "sub": o.Subject, "aud": o.Audience, "jti": made.ID,
		"iat": now.Unix(), "exp": made.Expires.Unix(),
	}
	if len(o.Roles) > 0 {
		m["roles"] = o.Roles
	}
	if len(o.Scopes) > 0 {
		m["scope"] = strings.Join(o.Scopes, " ")
	}
	if o.Session != "" {
		m["sid"] = o.Session
	}
	if o.Client != "" {
		m["client_id"] = o.Client
	}
	if o.Grant != "" {
		m[claimGrant] = o.Grant
	}
	if o.Name != "" {
		m[claimNamed] = o.Name
	}
	t := jwt.NewWithClaims(algorithms[l.alg].method, m)
	t.Header["typ"] = "at+jwt"
	if l.kid != "" {
		t.Header["kid"] = l.kid
	}
	var err error
	if made.Token, err = t.SignedString(l.private); err == nil && len(made.Token) > MaxToken {
		err = fmt.Errorf("the token would be over %d bytes", MaxToken)
	}
	return made, err
}

// check says what would be in the token that the gateway would not accept.
func (o *MintOptions) check() error {
	words := append(append([]string{o.Subject}, o.Roles...), o.Scopes...)
	if o.Session != "" {
		words = append(words, o.Session)
	}
	for _, w := range words {
		c := claims{m: map[string]any{"": w}}
		if _, err := c.identifier(claimPath{}); err != nil {
			return fmt.Errorf("%q: %w", short(w), err)
		}
	}
	for _, s := range o.Scopes {
		if !isScope(s) {
			return fmt.Errorf("the scope %q has characters that no scope has (RFC 6749 §3.3)", short(s))
		}
	}
	if len(o.Roles) > maxWords || len(o.Scopes) > maxWords {
		return fmt.Errorf("more than %d roles or scopes", maxWords)
	}
	return nil
}

// short is the beginning of a name that is too long to be shown.
func short(s string) string {
	if len(s) > maxID {
		return s[:32] + "…"
	}
	return s
}

// lifetime completes and bounds how long the token lives.
func (o *MintOptions) lifetime() error {
	switch {
	case o.Name != "":
		orDuration(&o.TTL, DefaultNamedTTL)
		if o.TTL > MaxNamedTTL {
			return fmt.Errorf("a named token lives for %d days at most", MaxNamedTTL/(24*time.Hour))
		}
	default:
		orDuration(&o.TTL, DefaultTTL)
		if o.TTL > maxTTL {
			return fmt.Errorf("a lifetime of %s is over %s, and nobody could revoke it: `toolward token create` makes one that lives longer and can be revoked", o.TTL, maxTTL)
		}
	}
	return nil
}
