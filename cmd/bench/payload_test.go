package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPayloadsDiffer holds that no two calls carry the same, which would let a cache
// answer for the work that is measured.
func TestPayloadsDiffer(t *testing.T) {
	for _, kind := range append([]string{mixedKind}, allKinds...) {
		for _, size := range []int{1 << 10, 64 << 10} {
			p, err := payloads("../..", kind, size)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for i, args := range p.args {
				if !json.Valid([]byte("{"+args+"}")) || !json.Valid([]byte(p.answers[i])) {
					t.Fatalf("%s, %d: not JSON: %.100s, %.100s", kind, i, args, p.answers[i])
				}
				if strings.Count(args, numberHere) != 2 || !strings.Contains(p.answers[i], numberHere) {
					t.Errorf("%s, %d: the call's number is not in its text, path and answer: %.200s", kind, i, args)
				}
				if seen[args] || seen[p.answers[i]] {
					t.Errorf("%s, %d: the same as an earlier one", kind, i)
				}
				seen[args], seen[p.answers[i]] = true, true
				if n := len(args); n < size*8/10 || n > size*2 {
					t.Errorf("%s, %d: arguments of %d bytes for %d", kind, i, n, size)
				}
			}
			if want := variants; kind != mixedKind && len(p.args) != want || kind == mixedKind && len(p.args) != want*len(allKinds) {
				t.Errorf("%s: %d texts", kind, len(p.args))
			}
		}
	}
	if _, err := payloads("../..", "poetry", 1<<10); err == nil {
		t.Error("a kind that is none was taken")
	}
}
