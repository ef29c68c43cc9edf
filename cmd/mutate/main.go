// Mutate says what the tests of a package would notice. It changes one comparison,
// sum, condition or statement at a time, and runs the tests that come by there until
// one fails:
//
//	make mutate MUTATE=./auth
//	go run ./cmd/mutate -sample 200 ./audit
//
// It prints the changes that no test noticed, and how many of all were. What no test
// comes by counts as not noticed, and is listed by function.
//
// All changes of a package are in one test binary, each behind a switch that an
// environment variable turns on (mutant schemata: Untch, Offutt and Harrold, 1993).
// A build for each, as other tools for Go have it, takes longer here than the tests:
// SQLite is linked to each.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
)

func main() {
	log.SetFlags(0)
	sample := flag.Int("sample", 0, "only so many changes, drawn at random; 0 is all")
	seed := flag.Uint64("seed", 1, "of the draw")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("which packages? mutate [-sample N] [-seed N] PACKAGE…")
	}
	for _, pattern := range flag.Args() {
		if err := mutate(os.Stdout, pattern, *sample, *seed); err != nil {
			log.Fatalf("%s: %v", pattern, err)
		}
	}
}

// mutate measures the packages of a pattern.
func mutate(out io.Writer, pattern string, sample int, seed uint64) error {
	packages, err := load(pattern)
	if err != nil {
		return err
	}
	for _, p := range packages {
		r, err := measure(p, sample, seed)
		if err != nil {
			return fmt.Errorf("%s: %w", p.PkgPath, err)
		}
		r.print(out, p.PkgPath)
	}
	return nil
}

// result is what became of the changes to a package.
type result struct {
	noticed  int
	survived []*mutant // tests came by and passed
	unseen   []*mutant // no test comes by
}

func (r *result) print(out io.Writer, name string) {
	for _, m := range r.survived {
		fmt.Fprintf(out, "%s: in %s, %s: no test noticed\n", m.place, m.function, m.what) //nolint:errcheck // standard output
	}
	functions := map[string]int{}
	for _, m := range r.unseen {
		functions[m.function]++
	}
	var names []string
	for f := range functions {
		names = append(names, f)
	}
	slices.Sort(names)
	for _, f := range names {
		fmt.Fprintf(out, "%s: no test comes by %d changes in %s\n", name, functions[f], f) //nolint:errcheck // standard output
	}
	seen := r.noticed + len(r.survived)
	all := seen + len(r.unseen)
	fmt.Fprintf(out, "%s: %d changes, tests come by %d (%.1f %%), and notice %d of these (%.1f %%)\n", //nolint:errcheck // standard output
		name, all, seen, percent(seen, all), r.noticed, percent(r.noticed, seen))
}

func percent(n, of int) float64 {
	if of == 0 {
		return 100
	}
	return 100 * float64(n) / float64(of)
}
