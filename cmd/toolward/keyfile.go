package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// guardKey reads the key of guard's fingerprints, making it on first use. It is
// linked into place whole, so that of two processes that start at once both
// read the same key.
func guardKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".guard-key-*")
	if err != nil {
		return nil, fmt.Errorf("make the key of fingerprints: %w", err)
	}
	defer os.Remove(f.Name())
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails (crypto/rand)
	if _, err := f.Write(fresh); err != nil {
		f.Close()
		return nil, fmt.Errorf("make the key of fingerprints: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("make the key of fingerprints: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the key of fingerprints: %w", err)
	}
	return os.ReadFile(path)
}
