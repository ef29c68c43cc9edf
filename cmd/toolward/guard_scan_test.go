package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"toolward/gateway"
)

// TestScanPrintsAnArray: a script reads the same form whether something is found or not.
func TestScanPrintsAnArray(t *testing.T) {
	t.Chdir(t.TempDir())
	for text, want := range map[string]int{"The weather is fine today.": 0, "password: synthetic-Pw7!kq93Zr\nAKIA" + strings.Repeat("Q7XZ", 4): 1} {
		cmd := newRoot(&terminal{w: io.Discard})
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetIn(strings.NewReader(text))
		cmd.SetArgs([]string{"guard", "scan", "-", "-o", "json"})
		err := cmd.Execute()
		var found foundError
		if errors.As(err, &found) != (want > 0) || err != nil && want == 0 {
			t.Fatalf("%q: %v", text, err)
		}
		var findings []gateway.Finding
		if err := json.Unmarshal(out.Bytes(), &findings); err != nil || findings == nil || len(findings) < want {
			t.Errorf("%q: %s (%v)", text, out.String(), err)
		}
	}
}
