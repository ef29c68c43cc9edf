package upstream_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
	"toolward/upstream"
)

func pinOf(t *testing.T, name, definition string) gateway.Pin {
	t.Helper()
	fp, err := upstream.Fingerprint([]byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Pin{Server: "s", Kind: gateway.KindTool, Name: name, Fingerprint: fp, By: alice, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Definition: []byte(definition)}
}

func TestLockFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.lock")
	lock := upstream.NewLockFile(path)
	if pins, err := lock.Pins(t.Context()); err != nil || len(pins) != 0 {
		t.Fatalf("a missing file: %v, %v", pins, err)
	}
	b, a := pinOf(t, "b", `{"name":"b","n":12345678901234567890}`), pinOf(t, "a", `{"name":"a"}`)
	if err := lock.PutPins(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := lock.PutPins(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	pins, err := upstream.NewLockFile(path).Pins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range pins { // the file indents them
		pins[i].Definition = []byte(strings.NewReplacer(" ", "", "\n", "").Replace(string(pins[i].Definition)))
	}
	if diff := cmp.Diff([]gateway.Pin{a, b}, pins); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}

func TestEditedLockFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.lock")
	lock := upstream.NewLockFile(path)
	if err := lock.PutPins(t.Context(), pinOf(t, "a", `{"name":"a","description":"good"}`)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, edited := range map[string]string{
		"definition": strings.Replace(string(raw), "good", "evil", 1),
		"version":    strings.Replace(string(raw), `"version": 1`, `"version": 2`, 1),
		"half":       string(raw[:len(raw)/2]),
	} {
		if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Pins(t.Context()); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := lock.PutPins(t.Context(), pinOf(t, "b", `{"name":"b"}`)); err == nil {
			t.Errorf("%s: overwritten", name)
		}
	}
}
