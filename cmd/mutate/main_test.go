package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What tests notice of a package of nine changes is known.
func TestMutate(t *testing.T) {
	var out strings.Builder
	if err := mutate(&out, "./testdata/sums", 0, 1); err != nil {
		t.Fatal(err)
	}
	want := `sums.go:10:13: in Within, <= is <: no test noticed
sums.go:10:10: in Within, + is -: no test noticed
toolward/cmd/mutate/testdata/sums: no test comes by 2 changes in Unseen
toolward/cmd/mutate/testdata/sums: 9 changes, tests come by 7 (77.8 %), and notice 5 of these (71.4 %)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
