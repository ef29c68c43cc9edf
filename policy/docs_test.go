package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/format"
)

// TestDocumentedPoliciesLoad loads each policy that docs/policy.md and
// docs/operators.md show.
func TestDocumentedPoliciesLoad(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	operators, err := os.ReadFile("../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	page = append(page, operators...)
	found := regexp.MustCompile("(?s)<!-- policy -->\n```rego\n(.*?)```").FindAllSubmatch(page, -1)
	if len(found) < 2 {
		t.Fatalf("%d policies found", len(found))
	}
	for _, m := range found {
		open(t, string(m[1]))
		if formatted, err := format.Source("docs/policy.md", m[1]); err != nil || string(formatted) != string(m[1]) {
			t.Errorf("not formatted as `opa fmt` does: %v\n%s", err, formatted)
		}
	}
}

// TestDocumentedTestsPass runs the tests that docs/policy.md shows on the policy that
// it shows first.
func TestDocumentedTestsPass(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	rego := regexp.MustCompile("(?s)<!-- (policy|test) -->\n```rego\n(.*?)```").FindAllSubmatch(page, -1)
	dir, n := t.TempDir(), 0
	for i, m := range rego {
		name := "p.rego"
		if string(m[1]) == "test" {
			name = "p_test.rego"
			n++
		}
		if i == 0 || name != "p.rego" {
			if err := os.WriteFile(filepath.Join(dir, name), m[2], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	report, err := Test(t.Context(), Options{Path: dir})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	for _, r := range report.Results {
		if !r.Passed {
			t.Errorf("%s: %s", r.Name, strings.Join(r.Failure.Lines(), "\n"))
		}
	}
	if len(report.Results) < 4 {
		t.Errorf("%d tests ran", len(report.Results))
	}
}
