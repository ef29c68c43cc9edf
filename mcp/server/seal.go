package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// sealer makes opaque strings that only this gateway can make and read, and
// only for the purpose they were made for: AES-256-GCM with a random nonce over
// the expiry and the content, the purpose being authenticated with it.
type sealer struct{ aead cipher.AEAD }

const sealPrefix = "tw1."

var errSeal = errors.New("not sealed here, or not for this")

func newSealer(key []byte) (*sealer, error) {
	if len(key) != 32 {
		return nil, errors.New("mcp/server: Key must have 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// sealed reports whether s looks like one of ours.
func sealed(s string) bool { return strings.HasPrefix(s, sealPrefix) }

// close seals content for a purpose until a time.
func (s *sealer) close(content string, until time.Time, purpose ...string) string {
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(content)), uint64(until.Unix()))
	plain = append(plain, content...)
	return sealPrefix + base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, purposeOf(purpose)))
}

// open returns the content if s was sealed for the purpose and has not expired.
func (s *sealer) open(text string, now time.Time, purpose ...string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, sealPrefix))
	if !sealed(text) || err != nil {
		return "", errSeal
	}
	plain, err := s.aead.Open(nil, nil, raw, purposeOf(purpose))
	if err != nil || len(plain) < 8 || now.Unix() > int64(binary.BigEndian.Uint64(plain)) {
		return "", errSeal
	}
	return string(plain[8:]), nil
}

// purposeOf hashes the parts with their lengths, so that no two lists of parts
// are the same purpose.
func purposeOf(parts []string) []byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
