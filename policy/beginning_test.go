package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// That what several texts begin with is looked for once changes no decision.
func TestTextsThatBeginAlikeAreFoundAsOPAFindsThem(t *testing.T) {
	var b strings.Builder
	b.WriteString("package tools.files.read_file\n\nallow if not contains(input.args.more, \"case-2-open\")\n\n")
	for _, needle := range []string{"case-1-closed", "case-2-closed", "case-", "case", "abcdé-1", "abcdé-2", "abcdéé", "\x00\x01\x02\x03\x04\x05", ""} {
		quoted, _ := json.Marshal(needle)
		fmt.Fprintf(&b, "deny contains concat(\" \", [\"has\", %s]) if contains(input.args.text, %s)\n\n", quoted, quoted)
	}
	dir := writeFiles(t, map[string]string{"p.rego": b.String()})
	fast, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	exact, err := Open(t.Context(), Options{Path: dir, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []any{"", "case", "case-", "in case-1-close case-1-closed", "case-1-closecase-2-closed", "abcdé-2", "abcdéé", "abcd\u00c3", "\x00\x01\x02\x03\x04\x05\x06", "cas-e", 7, nil, []string{"case-1-closed"}} {
		args, err := json.Marshal(map[string]any{"text": text, "more": text})
		if err != nil {
			t.Fatal(err)
		}
		want, errWant := exact.DecideRequest(t.Context(), readCall(t, string(args)))
		got, err := fast.DecideRequest(t.Context(), readCall(t, string(args)))
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (errWant == nil) {
			t.Errorf("%s: %v, want %v: %s", args, err, errWant, diff)
		}
	}
}
