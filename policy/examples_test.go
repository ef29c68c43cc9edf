package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/format"
)

const examples = "../examples/policies"

// TestExamples checks, formats and tests every example policy, alone and all
// of them together.
func TestExamples(t *testing.T) {
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{""}
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, e.Name())
		}
	}
	if len(dirs) < 5 {
		t.Fatalf("only %q are here", dirs)
	}
	for _, name := range dirs {
		t.Run("all/"+name, func(t *testing.T) {
			o := Options{Path: filepath.Join(examples, name)}
			e, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range e.Check(nil) {
				t.Error(w)
			}
			report, err := Test(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if !r.Passed {
					t.Errorf("%s:%d: %s failed: %s%s", r.File, r.Line, r.Name, r.Error, r.Output)
				}
			}
			if len(report.Results) < 3 || report.Coverage < 95 {
				t.Errorf("%d tests cover %.1f %% of the rules, want at least 95", len(report.Results), report.Coverage)
			}
		})
	}
}

// TestRegoIsFormatted holds all Rego of the repository to `opa fmt`.
func TestRegoIsFormatted(t *testing.T) {
	for _, root := range []string{examples, "../rego"} {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".rego") {
				return err
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			formatted, err := format.Source(name, source)
			if err != nil {
				return err
			}
			if string(formatted) != string(source) {
				t.Errorf("%s is not formatted as `opa fmt` does", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
