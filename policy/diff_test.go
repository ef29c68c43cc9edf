package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffByFile(t *testing.T) {
	from := []File{{"b.rego", "one\ntwo\nthree\n"}, {"gone.rego", "x\n"}, {"same.rego", "s\n"}, {"a.rego", "no end"}}
	to := []File{{"same.rego", "s\n"}, {"b.rego", "one\n2\nthree\n"}, {"new.rego", "y\n"}, {"a.rego", "no end\n"}}
	want := []FileDiff{
		{"a.rego", "changed", "--- a/a.rego\n+++ b/a.rego\n@@ -1,1 +1,1 @@\n-no end\n\\ No newline at end of file\n+no end\n"},
		{"b.rego", "changed", "--- a/b.rego\n+++ b/b.rego\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"},
		{"gone.rego", "removed", "--- a/gone.rego\n+++ b/gone.rego\n@@ -1,1 +0,0 @@\n-x\n"},
		{"new.rego", "added", "--- a/new.rego\n+++ b/new.rego\n@@ -0,0 +1,1 @@\n+y\n"},
	}
	if diff := cmp.Diff(want, Diff(from, to)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d := Diff(from, from); len(d) != 0 {
		t.Errorf("of the same: %v", d)
	}
	if d := Diff(nil, []File{{"e.rego", ""}}); len(d) != 1 || d[0].Change != "added" || strings.TrimSpace(d[0].Diff) != "" {
		t.Errorf("an empty file: %+v", d)
	}
}
