package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Local lets in who can read a file of this machine's.
type Local struct {
	Credential *Credential
	User       string // the Unix user that the file belongs to
}

// Credential is the local operator's: a random value in a file that only the
// gateway's user can read, and here only its hash. The file also says where the
// gateway listens, so that commands find it, and nobody who took the port of a
// gateway that is gone gets the value.
//
//	{"token": "twop_…43 characters…", "url": "http://127.0.0.1:8080"}
type Credential struct{ hash [sha256.Size]byte }

// credentialFile is the file's content.
type credentialFile struct {
	Token string `json:"token"`
	URL   string `json:"url"`
}

// prefix tells the credential from tokens of issuers, which are JWTs.
const prefix = "twop_"

func isCredential(token string) bool { return strings.HasPrefix(token, prefix) }

// OpenCredential reads the credential, or makes one, and notes in the file where
// the gateway listens now. Like every key it must be its owner's alone, who is the
// user that the gateway runs as: root may read what another user wrote and knows.
func OpenCredential(path, url string) (*Credential, error) {
	f, info, err := readOwned(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Token = newCredential()
	case err != nil:
		return nil, err
	case ofAnother(info):
		return nil, fmt.Errorf("operator's credential: %s belongs to another user, who knows it: delete it to get a new one", path)
	}
	f.URL = url
	if err := writeCredential(path, f); err != nil {
		return nil, fmt.Errorf("operator's credential: %w", err)
	}
	return &Credential{sha256.Sum256([]byte(f.Token))}, nil
}

// NewCredential is one that no file has, for a command that asks a handler of its
// own.
func NewCredential() (c *Credential, token string) {
	token = newCredential()
	return &Credential{sha256.Sum256([]byte(token))}, token
}

func newCredential() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// ReadCredential is for commands: the credential, and where the gateway listens.
func ReadCredential(path string) (token, url string, err error) {
	f, err := readCredential(path)
	return f.Token, f.URL, err
}

func readCredential(path string) (f credentialFile, err error) {
	f, _, err = readOwned(path)
	return f, err
}

// readOwned also says whose the file is. What is no file is not waited for: a pipe
// that nobody writes to would hold up the start.
func readOwned(path string) (f credentialFile, info fs.FileInfo, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return f, nil, fmt.Errorf("operator's credential: %w", err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return f, nil, fmt.Errorf("operator's credential: %w", err)
	}
	if !info.Mode().IsRegular() {
		return f, nil, fmt.Errorf("operator's credential: %s is no regular file: delete it to get a new one", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return f, nil, fmt.Errorf("operator's credential: %s has mode %#o: others could read it and decide; chmod 600 it, or delete it to get a new one", path, mode)
	}
	raw, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err != nil {
		return f, nil, fmt.Errorf("operator's credential: %w", err)
	}
	if err := json.Unmarshal(raw, &f); err != nil || len(f.Token) != len(prefix)+43 || !isCredential(f.Token) {
		return f, nil, fmt.Errorf("operator's credential: %s is damaged: delete it to get a new one at the next start", path)
	}
	return f, info, nil
}

// writeCredential replaces the file as a whole: a command that reads it sees the
// old one or the new one.
func writeCredential(path string, f credentialFile) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".operator-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(raw, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// is compares in constant time.
func (c *Credential) is(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 1
}
