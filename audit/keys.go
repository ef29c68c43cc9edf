package audit

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
)

// Keys are a record's secrets: the key that signs checkpoints, the key that says
// of each event that the gateway wrote it, and the key that stands in for
// redacted values. They live in a file beside the database that only its owner
// may read. Losing the file ends the record: it can be verified
// with the public key, but nothing can be added to it.
type Keys struct {
	signer    note.Signer
	public    string // verifier key, as x/mod/sumdb/note writes it
	hash, mac []byte
	hmacs     sync.Pool
	macs      sync.Pool
	former    []formerKey // by age, the oldest first
}

// macSize is the length of an event's MAC: HMAC-SHA-256 cut to half, as
// RFC 2104 §5 allows.
const macSize = 16

// LoadKeys reads a key file. It refuses a file that others may read.
func LoadKeys(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	if !info.Mode().IsRegular() { // a pipe that nobody writes to would hold up the start
		return nil, fmt.Errorf("audit keys: %s is no regular file: restore the record's keys there", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("audit keys: %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	fields := map[string]string{}
	var former []formerKey
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != "former" {
			fields[name] = value
			continue
		}
		f, err := parseFormer(value)
		if err != nil {
			return nil, fmt.Errorf("audit keys: %s: a former key: %w", path, err)
		}
		former = append(former, f)
	}
	secrets := map[string][]byte{}
	for _, name := range []string{"hash", "mac"} {
		secret, err := hex.DecodeString(fields[name])
		if err != nil || len(secret) < 32 {
			return nil, fmt.Errorf("audit keys: %s: the %s key is missing or damaged", path, name)
		}
		secrets[name] = secret
	}
	signer, err := note.NewSigner(fields["sign"])
	if err != nil {
		return nil, fmt.Errorf("audit keys: %s: the signing key: %w", path, err)
	}
	if _, err := note.NewVerifier(fields["public"]); err != nil {
		return nil, fmt.Errorf("audit keys: %s: the public key: %w", path, err)
	}
	return &Keys{
		signer: signer, public: fields["public"], former: former,
		hash: secrets["hash"], mac: secrets["mac"], hmacs: makers(secrets["hash"]), macs: makers(secrets["mac"]),
	}, nil
}

// createKeys makes the key file of a new record.
func createKeys(path string) (*Keys, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	text, err := newKeyText(secret[:])
	if err != nil {
		return nil, err
	}
	if err := writeWhole(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	return LoadKeys(path)
}

// newKeyText is a key file with new keys, but for that of redacted values.
func newKeyText(hash []byte) (string, error) {
	var id [4]byte
	var mac [32]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	_, _ = rand.Read(mac[:])
	private, public, err := note.GenerateKey(rand.Reader, "toolward-audit-"+hex.EncodeToString(id[:]))
	if err != nil {
		return "", fmt.Errorf("audit keys: %w", err)
	}
	return fmt.Sprintf("hash %x\nmac %x\nsign %s\npublic %s\n", hash, mac, private, public), nil
}

// publish writes the public key beside the database, and refuses one that is
// there and another record's: a reviewer would verify with the wrong key.
func (k *Keys) publish(path string) error {
	text, err := os.ReadFile(path)
	switch {
	case err == nil && strings.TrimSpace(string(text)) == k.public:
		return nil
	case err == nil && len(text) > 0 && !k.isFormer(strings.TrimSpace(string(text))):
		return fmt.Errorf("audit keys: %s is not the public key of this record's keys, and either may be the false one: compare with the public key that you kept elsewhere, and restore the keys, or move %s away to have it written again", path, path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("audit keys: %w", err)
	}
	if err := writeWhole(path, k.public+"\n", 0o644); err != nil {
		return fmt.Errorf("audit keys: %w", err)
	}
	return nil
}

// writeWhole makes a file that is there as a whole or not at all, durably.
func writeWhole(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// Public is the key that verifies the record's checkpoints, in the form of
// golang.org/x/mod/sumdb/note. It may be published.
func (k *Keys) Public() string { return k.public }

// Token is what stands in the record for a redacted value. Equal values have
// equal tokens, and without the key a token says nothing about its value:
// looking for a known value in the record is looking for its token.
func (k *Keys) Token(value string) string {
	sum := sumOf(&k.hmacs, []byte(value))
	return "hmac:" + hex.EncodeToString(sum[:8])
}

// Digest is the keyed hash that stands in the record for a body that is not there.
func (k *Keys) Digest(body []byte) string {
	sum := sumOf(&k.hmacs, body)
	return "hmac-sha256:" + hex.EncodeToString(sum[:])
}

// seal is the MAC of a new event's hash.
func (k *Keys) seal(hash [sha256.Size]byte) (mac [macSize]byte) { return sealBy(&k.macs, hash) }

// sealAt is the MAC that the hash of an event has, new or old.
func (k *Keys) sealAt(seq int64, hash [sha256.Size]byte) [macSize]byte {
	for _, f := range k.former {
		if seq <= f.through {
			return sealBy(f.macs, hash)
		}
	}
	return k.seal(hash)
}

func sealBy(macs *sync.Pool, hash [sha256.Size]byte) (mac [macSize]byte) {
	m := macs.Get().(*maker)
	m.h.Reset()
	m.sum = hash // what goes in lies where it does not escape anew
	m.h.Write(m.sum[:])
	m.h.Sum(m.sum[:0])
	copy(mac[:], m.sum[:])
	macs.Put(m)
	return mac
}

// sealLine is the MAC of a line of the standby that follows the one with the MAC
// before, after an event with a hash. It is over more bytes than an event's, so
// neither can stand for the other.
func (k *Keys) sealLine(hash [sha256.Size]byte, before [macSize]byte, line []byte) (mac [macSize]byte) {
	sum := sumOf(&k.macs, hash[:], before[:], []byte("standby"), line)
	copy(mac[:], sum[:])
	return mac
}

// maker makes HMACs. It keeps what escapes to the hash, so that a MAC allocates
// nothing.
type maker struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

func makers(secret []byte) sync.Pool {
	return sync.Pool{New: func() any { return &maker{h: hmac.New(sha256.New, secret)} }}
}

func sumOf(makers *sync.Pool, parts ...[]byte) [sha256.Size]byte {
	m := makers.Get().(*maker)
	m.h.Reset()
	for _, part := range parts {
		m.h.Write(part)
	}
	m.h.Sum(m.sum[:0])
	sum := m.sum
	makers.Put(m)
	return sum
}
