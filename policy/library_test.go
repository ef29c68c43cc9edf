package policy

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/tester"
)

// TestLibrary runs the tests beside the library, with OPA's tester.
func TestLibrary(t *testing.T) {
	files, err := readLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	modules, ps := parse(files)
	if err := failing(ps); err != nil {
		t.Fatal(err)
	}
	results, err := tester.NewRunner().SetCompiler(newTestCompiler()).SetModules(modules).RaiseBuiltinErrors(true).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range results {
		n++
		if !r.Pass() {
			t.Errorf("%s.%s at %s: %v %s", r.Package, r.Name, r.Location, r.Error, r.Output)
		}
	}
	if n < 40 {
		t.Errorf("%d tests ran, want all of them", n)
	}
}
