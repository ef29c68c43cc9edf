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
//	{"token": "twop_…43 characters…", "url": "http://127.0.0.1:9090", "agents": "http://127.0.0.1:8080"}
type Credential struct{ hash [sha256.Size]byte }

// Way is how a command reaches the gateway, and the file's content: the credential,
// and base URLs of where the gateway listens.
type Way struct {
	Token     string `json:"token"`
	Operators string `json:"url"`
	Agents    string `json:"agents,omitempty"` // "" where agents do not reach it by network
}

// prefix tells the credential from tokens of issuers, which are JWTs.
const prefix = "twop_"

func isCredential(token string) bool { return strings.HasPrefix(token, prefix) }

// OpenCredential reads the credential, or makes one, and notes in the file where
// the gateway listens now. Like every key it must be its owner's alone, who is the
// user that the gateway runs as: root may read what another user wrote and knows.
func OpenCredential(path, operators, agents string) (*Credential, error) {
	w, info, err := readOwned(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.Token = newCredential()
	case err != nil:
		return nil, err
	case ofAnother(info):
		return nil, fmt.Errorf("operator's credential: %s belongs to another user, who knows it: delete it to get a new one", path)
	}
	w.Operators, w.Agents = operators, agents
	if err := writeCredential(path, w); err != nil {
		return nil, fmt.Errorf("operator's credential: %w", err)
	}
	return &Credential{sha256.Sum256([]byte(w.Token))}, nil
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

// ReadCredential is for commands.
func ReadCredential(path string) (w Way, err error) {
	w, _, err = readOwned(path)
	return w, err
}

// readOwned also says whose the file is. What is no file is not waited for: a pipe
// that nobody writes to would hold up the start.
func readOwned(path string) (f Way, info fs.FileInfo, err error) {
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
func writeCredential(path string, f Way) error {
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
