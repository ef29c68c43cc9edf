package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Vault keeps refresh tokens in a file, encrypted with AES-256-GCM under a key
// in another, so that a copy of the one is of no use. The file is
//
//	{"version": 1, "logins": {"<server>": "<base64 of nonce and ciphertext>"}}
//
// The name of the server is authenticated with its entry: entries cannot be
// swapped. Both files are made with mode 0600 when first needed.
type Vault struct {
	path, keyPath string
	mu            sync.Mutex
}

// Kept is what is kept of a login.
type Kept struct {
	RefreshToken string `json:"refresh_token"`
	Resource     string `json:"resource"`
	ClientID     string `json:"client_id"`
}

// ErrNoLogin says that nobody has logged in to a server yet.
var ErrNoLogin = errors.New("no login is stored")

// NewVault uses the file at path and the key at keyPath; neither need exist.
func NewVault(path, keyPath string) *Vault { return &Vault{path: path, keyPath: keyPath} }

type vaultDocument struct {
	Version int               `json:"version"`
	Logins  map[string][]byte `json:"logins"`
}

// Load returns the login of a server, or an error that is [ErrNoLogin].
func (v *Vault) Load(server string) (Kept, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	doc, err := v.read()
	if err != nil {
		return Kept{}, err
	}
	sealed, ok := doc.Logins[server]
	if !ok {
		return Kept{}, fmt.Errorf("upstream %s: %w: run `toolward login %s`", server, ErrNoLogin, server)
	}
	aead, err := v.cipher(false)
	if err != nil {
		return Kept{}, err
	}
	if len(sealed) < aead.NonceSize() {
		return Kept{}, fmt.Errorf("%s: the login of %s is damaged", v.path, server)
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(server))
	if err != nil {
		return Kept{}, fmt.Errorf("%s: the login of %s is damaged or of another key", v.path, server)
	}
	var l Kept
	return l, json.Unmarshal(plain, &l)
}

// Store keeps the login of a server. When it returns nil it is on disk.
func (v *Vault) Store(server string, l Kept) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	doc, err := v.read()
	if err != nil {
		return err
	}
	aead, err := v.cipher(true)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(l)
	if err != nil {
		return err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	doc.Logins[server] = aead.Seal(nonce, nonce, plain, []byte(server))
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return writeSecret(v.path, append(raw, '\n'))
}

func (v *Vault) read() (vaultDocument, error) {
	doc := vaultDocument{Version: 1, Logins: map[string][]byte{}}
	raw, err := os.ReadFile(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return doc, nil
	}
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.Version != 1 || doc.Logins == nil {
		return doc, fmt.Errorf("%s is not a file of logins that this toolward knows", v.path)
	}
	return doc, nil
}

// cipher reads the key, making one if there is none and create is set.
func (v *Vault) cipher(create bool) (cipher.AEAD, error) {
	key, err := os.ReadFile(v.keyPath)
	if errors.Is(err, fs.ErrNotExist) && create {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		err = writeSecret(v.keyPath, key)
	}
	if err != nil {
		return nil, err
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("%s: a key has 32 bytes", v.keyPath)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// writeSecret replaces a file as a whole, readable by its owner only.
func writeSecret(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
