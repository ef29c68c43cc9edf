package policy

import (
	"os"
	"regexp"
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
