package upstream

import (
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What patterns of one schema may cost. Go's regular expressions take time in
// proportion to their size and the text's, and `(?:.{100}){10}` is a thousand
// times as large as it is long.
const (
	maxPattern  = 5_000      // steps of one pattern
	maxPatterns = 50_000     // steps of all in one schema
	maxMatch    = 50_000_000 // steps of a pattern times bytes of a text
)

// patterns compiles the regular expressions of one schema.
type patterns struct{ steps int }

// compile makes a pattern that matches all of one that Go cannot say, or that
// would cost too much: those are left to the upstream to check.
func (p *patterns) compile(s string) (jsonschema.Regexp, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return anything(s), nil
	}
	n := sizeOf(tree)
	if p.steps += n; n > maxPattern || p.steps > maxPatterns {
		return anything(s), nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return anything(s), nil
	}
	return bounded{re, n}, nil
}

// sizeOf is about how many steps a pattern has once its repetitions are written
// out, at most a little over [maxPattern].
func sizeOf(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)/2
	for _, sub := range re.Sub {
		n = min(n+sizeOf(sub), maxPattern+1)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxPattern+1)
}

// bounded is a regular expression that a text does not match if finding out
// would take too long.
type bounded struct {
	*regexp.Regexp
	steps int
}

func (b bounded) MatchString(s string) bool {
	return len(s) <= maxMatch/b.steps && b.Regexp.MatchString(s)
}

type anything string

func (anything) MatchString(string) bool { return true }
func (a anything) String() string        { return string(a) }
