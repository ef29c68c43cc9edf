package secret_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"toolward/gateway"
	"toolward/guard"
)

var filesOf = flag.String("files", "", "folders of ordinary files, with commas between them, that TestOrdinaryFiles looks through")

// TestOrdinaryFiles says in how many files of what kind under -files something would be taken
// out, and what: a figure to look at line by line, for nobody but a reader can tell
// a published test key from a false alarm.
//
//	go test -count=1 -v -run OrdinaryFiles ./guard/secret -args -files $(go env GOMODCACHE)
func TestOrdinaryFiles(t *testing.T) {
	if *filesOf == "" {
		t.Skip("-files DIR,DIR names no folders")
	}
	s, err := guard.New(guard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	read, redacted, rules := map[string]int{}, map[string]int{}, map[string]int{}
	for _, dir := range strings.Split(*filesOf, ",") {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil || len(text) > 1<<20 || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
				return err // no text, or more than anybody reads at once
			}
			kind := strings.ToLower(filepath.Ext(path))
			read[kind]++
			found := secretsOf(t, s, string(text))
			if len(found) == 0 {
				return nil
			}
			redacted[kind]++
			for _, f := range found {
				rules[f.Rule]++
				from, to := max(0, f.Span[0]-60), min(len(text), f.Span[1]+20)
				t.Logf("%s: %s %s: %.220q", path, f.Rule, f.Via, text[from:to])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all, bad := 0, 0
	for _, kind := range slices.Sorted(maps.Keys(read)) {
		all, bad = all+read[kind], bad+redacted[kind]
		if redacted[kind] > 0 {
			t.Logf("%-12s %6d files, %4d with something taken out", kind, read[kind], redacted[kind])
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		t.Logf("%-28s %4d", rule, rules[rule])
	}
	t.Logf("in all %d files, %d with something taken out", all, bad)
	if all == 0 {
		t.Error("there are no texts in these folders")
	}
}

// secretsOf is what would be taken out of a text that a tool returns.
func secretsOf(t *testing.T, s *guard.Scanner, text string) []gateway.Finding {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Secrets(json.RawMessage(`{"content":[{"type":"text","text":` + string(quoted) + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(f gateway.Finding) bool { return !f.Action.TakesOut() })
}
