package literal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolward/guard/literal"
)

// find lists "literal@end" by the machine.
func find(m *literal.Machine, literals []string, s string) []string {
	var found []string
	row := 0
	for i := range len(s) {
		next, hit := m.Step(row, s[i])
		row = next
		if hit {
			for _, n := range m.Ends(row) {
				found = append(found, fmt.Sprintf("%s@%d", literals[n], i+1))
			}
		}
	}
	stepped := slices.Clone(found)
	found = nil
	for row, end, ok := m.Next(s, 0, 0); ok; row, end, ok = m.Next(s, row, end) {
		for _, n := range m.Ends(row) {
			found = append(found, fmt.Sprintf("%s@%d", literals[n], end))
		}
	}
	if !slices.Equal(found, stepped) {
		found = append(found, fmt.Sprintf("step by step: %v", stepped))
	}
	slices.Sort(found)
	return found
}

// naive lists the same by looking everywhere.
func naive(literals []string, s string) []string {
	var found []string
	for _, lit := range literals {
		for i := 0; i+len(lit) <= len(s); i++ {
			same := true
			for j := range len(lit) {
				same = same && literal.Fold(s[i+j]) == literal.Fold(lit[j])
			}
			if same {
				found = append(found, fmt.Sprintf("%s@%d", lit, i+len(lit)))
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestFindsOverlappingLiterals(t *testing.T) {
	literals := []string{"he", "she", "his", "hers", "пароль", "://"}
	m := literal.New(literals)
	for _, s := range []string{"ushers", "HIS uSHErs", "", "h", "hehehe", "x://пароль", "shishershe"} {
		if got, want := find(m, literals, s), naive(literals, s); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}

func FuzzAgainstNaiveSearch(f *testing.F) {
	f.Add("he,she,his,hers", "ushers")
	f.Add("a,aa,aaa", "AAAAaa")
	f.Fuzz(func(t *testing.T, list, s string) {
		literals := slices.DeleteFunc(strings.Split(list, ","), func(lit string) bool { return lit == "" })
		slices.Sort(literals)
		literals = slices.Compact(literals)
		if len(list) > 1000 || len(s) > 1000 {
			return
		}
		if got, want := find(literal.New(literals), literals, s), naive(literals, s); !slices.Equal(got, want) {
			t.Errorf("%v in %q: got %v, want %v", literals, s, got, want)
		}
	})
}
