package main

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"toolward/config"
)

// installationKey derives a key for one use from the secret of this
// installation, a file beside the record that only its owner may read. It is
// made on first use.
func installationKey(cfg *config.Config, use string) ([]byte, error) {
	path := beside(cfg, "toolward.secret")
	secret, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("the installation's secret: %w", err)
	}
	return hkdf.Key(sha256.New, secret, nil, "toolward "+use, 32)
}

func readSecret(path string) ([]byte, error) {
	for range 2 {
		secret, err := os.ReadFile(path)
		switch {
		case err == nil && len(secret) < 32:
			return nil, fmt.Errorf("%s is too short; remove it to make another", path)
		case err == nil || !errors.Is(err, fs.ErrNotExist):
			return secret, err
		}
		if err := makeSecret(path); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s cannot be made", path)
}

// makeSecret links the file into place whole, so that of two processes that
// start at once both read the same.
func makeSecret(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".toolward-secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails (crypto/rand)
	_, err = f.Write(fresh)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
