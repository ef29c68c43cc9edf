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

// Keys are a record's secrets: the key that signs checkpoints and the key that
// stands in for redacted values. They live in a file beside the database that
// only its owner may read. Losing the file ends the record: it can be verified
// with the public key, but nothing can be added to it.
type Keys struct {
	signer note.Signer
	public string // verifier key, as x/mod/sumdb/note writes it
	hmacs  sync.Pool
}

// LoadKeys reads a key file. It refuses a file that others may read.
func LoadKeys(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("audit keys: %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	fields := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			fields[name] = value
		}
	}
	secret, err := hex.DecodeString(fields["hash"])
	if err != nil || len(secret) < 32 {
		return nil, fmt.Errorf("audit keys: %s: the hash key is missing or damaged", path)
	}
	signer, err := note.NewSigner(fields["sign"])
	if err != nil {
		return nil, fmt.Errorf("audit keys: %s: the signing key: %w", path, err)
	}
	if _, err := note.NewVerifier(fields["public"]); err != nil {
		return nil, fmt.Errorf("audit keys: %s: the public key: %w", path, err)
	}
	k := &Keys{signer: signer, public: fields["public"]}
	k.hmacs.New = func() any { return hmac.New(sha256.New, secret) }
	return k, nil
}

// createKeys makes the key file of a new record.
func createKeys(path string) (*Keys, error) {
	var id [4]byte
	var secret [32]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	_, _ = rand.Read(secret[:])
	private, public, err := note.GenerateKey(rand.Reader, "toolward-audit-"+hex.EncodeToString(id[:]))
	if err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	text := fmt.Sprintf("hash %x\nsign %s\npublic %s\n", secret, private, public)
	if err := writeWhole(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("audit keys: %w", err)
	}
	return LoadKeys(path)
}

// publish writes the public key beside the database, and refuses one that is
// there and another's: a reviewer would verify with the wrong key.
func (k *Keys) publish(path string) error {
	text, err := os.ReadFile(path)
	switch {
	case err == nil && strings.TrimSpace(string(text)) == k.public:
		return nil
	case err == nil && len(text) > 0:
		return fmt.Errorf("audit keys: %s is not the public key of this record's keys: move it away to have it written again", path)
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
	sum := k.sum([]byte(value))
	return "hmac:" + hex.EncodeToString(sum[:8])
}

// Digest is the keyed hash that stands in the record for a body that is not there.
func (k *Keys) Digest(body []byte) string {
	sum := k.sum(body)
	return "hmac-sha256:" + hex.EncodeToString(sum[:])
}

func (k *Keys) sum(value []byte) (sum [sha256.Size]byte) {
	h := k.hmacs.Get().(hash.Hash)
	h.Reset()
	h.Write(value)
	h.Sum(sum[:0])
	k.hmacs.Put(h)
	return sum
}
