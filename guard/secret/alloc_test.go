//go:build !race

// Under the race detector a sync.Pool drops at random what is given back.

package secret_test

import (
	"strings"
	"testing"

	"toolward/guard/secret"
)

func TestCleanTextDoesNotAllocate(t *testing.T) {
	d := newDetector(t, secret.Options{Honeytokens: []string{"Canary-Account-7731"}})
	text := strings.Repeat(`{"id": 5091, "name": "web", "sha": "395d78e3af39932a4b5ce5e1f95570bee62fb700", "note": "the password must have 8 characters, see https://example.com/a"} `, 20)
	if n := testing.AllocsPerRun(100, func() { d.Scan(nil, "", text) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
