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
	"time"
)

// Vault keeps refresh tokens in a file, encrypted with AES-256-GCM under a key
// in another, so that a copy of the one is of no use. The file is
//
//	{"version": 1, "logins": {"<server>": "<base64 of nonce and ciphertext>"}}
//
// The name of the server is authenticated with its entry: entries cannot be
// swapped. Both files are made with mode 0600 when first needed.
//
// The file is replaced as a whole, so it can be read at any time; changes wait
// for each other by a lock on a file beside it. A vault is safe for concurrent use, by
// several processes too.
type Vault struct{ path, keyPath string }

// Kept is what is kept of a login. All of it is for one upstream and one
// authorization server: a token or a secret of one is never shown to another,
// whatever the upstream says later of who its authorization server is.
type Kept struct {
	Login    string   `json:"login"`     // names this login; the same while its refresh token rotates
	URL      string   `json:"url"`       // of the upstream
	Resource string   `json:"resource"`  // as the tokens are for (RFC 8707)
	Issuer   string   `json:"issuer"`    //
	TokenURL string   `json:"token_url"` //
	Client   identity `json:"client"`    // without what the configuration has
	Scopes   []string `json:"scopes,omitempty"`

	RefreshToken string `json:"refresh_token,omitempty"`
	// AccessToken is kept only where the server gave no refresh token.
	AccessToken string    `json:"access_token,omitempty"`
	Expires     time.Time `json:"expires,omitzero"` // of AccessToken; zero if the server did not say
}

// ErrNoLogin says that nobody has logged in to a server yet.
var ErrNoLogin = errors.New("no login is stored")

// LoginError says that a person has to log in, or to log in again.
type LoginError struct {
	Server string
	Why    error
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("upstream %s: %v: %s", e.Server, e.Why, e.Remedy())
}

// Remedy is what to do.
func (e *LoginError) Remedy() string { return "run `toolward login " + e.Server + "`" }

func (e *LoginError) Unwrap() error { return e.Why }

// NewVault uses the file at path and the key at keyPath; neither need exist.
func NewVault(path, keyPath string) *Vault { return &Vault{path: path, keyPath: keyPath} }

type vaultDocument struct {
	Version int               `json:"version"`
	Logins  map[string][]byte `json:"logins"`
}

// Load returns the login of a server, or an error that is [ErrNoLogin].
func (v *Vault) Load(server string) (Kept, error) {
	doc, err := v.read()
	if err != nil {
		return Kept{}, err
	}
	sealed, ok := doc.Logins[server]
	if !ok {
		return Kept{}, &LoginError{Server: server, Why: ErrNoLogin}
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
	return locked(v.path, func() error { return v.store(server, l) })
}

// Renew stores what follows on a login, unless another one has been stored
// meanwhile: a person logged in while the old refresh token was being used.
func (v *Vault) Renew(server string, l Kept) error {
	return locked(v.path, func() error {
		now, err := v.Load(server)
		if err != nil || now.Login != l.Login {
			return err
		}
		return v.store(server, l)
	})
}

// store rewrites the file. The lock is held.
func (v *Vault) store(server string, l Kept) error {
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
