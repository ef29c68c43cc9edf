package literal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"toolward/guard/literal"
)

// stepped lists "literal@end" by the machine.
func stepped(m *literal.Machine, literals []string, s string) []string {
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
	var run []string
	for row, end, hit := m.Run(0, s, 0); hit; row, end, hit = m.Run(row, s, end) {
		for _, n := range m.Ends(row) {
			run = append(run, fmt.Sprintf("%s@%d", literals[n], end))
		}
	}
	if !slices.Equal(found, run) {
		found = append(found, fmt.Sprintf("run: %v", run))
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
		if got, want := stepped(m, literals, s), naive(literals, s); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}

// found lists the same by the finder.
func found(f *literal.Finder, literals []string, s string) []string {
	var all []string
	for _, hit := range f.Find(s, nil) {
		all = append(all, fmt.Sprintf("%s@%d", literals[hit.Literal], hit.End))
	}
	slices.Sort(all)
	return all
}

func FuzzAgainstNaiveSearch(f *testing.F) {
	f.Add("he,she,his,hers", "ushers")
	f.Add("a,aa,aaa", "AAAAaa")
	f.Add("![,sk-,token,my token,ken", "![x](my TOKEN sk-) sk- tok my token![")
	f.Fuzz(func(t *testing.T, list, s string) {
		literals := slices.DeleteFunc(strings.Split(list, ","), func(lit string) bool { return lit == "" })
		slices.Sort(literals)
		literals = slices.Compact(literals)
		if len(list) > 1000 || len(s) > 1000 {
			return
		}
		want := naive(literals, s)
		if got := stepped(literal.New(literals), literals, s); !slices.Equal(got, want) {
			t.Errorf("%v in %q: got %v, want %v", literals, s, got, want)
		}
		literals = slices.DeleteFunc(literals, func(lit string) bool {
			return len(lit) < 2 || len(lit) > 255 || len(lit) == 2 && (strings.IndexFunc(lit, func(r rune) bool { return r < 0x80 && unicode.IsLetter(r) }) >= 0)
		})
		if got, want := found(literal.NewFinder(literals), literals, s), naive(literals, s); !slices.Equal(got, want) {
			t.Errorf("%v in %q: found %v, want %v", literals, s, got, want)
		}
	})
}

// TestFinderOrdersHits: those with the same end come with the longest first, and each
// place of a text, the last ones too, is looked at.
func TestFinderOrdersHits(t *testing.T) {
	literals := []string{"ken", "my token", "token", "token", "![", "sk-"}
	f := literal.NewFinder(literals)
	for pad := range 12 {
		s := strings.Repeat(" ", pad) + "![My TOKEN,sk-"
		want := []literal.Hit{{2, 4}, {10, 1}, {10, 2}, {10, 3}, {10, 0}, {14, 5}}
		for i := range want {
			want[i].End += int32(pad)
		}
		kept := []literal.Hit{{99, 0}}
		if got := f.Find(s, kept); !slices.Equal(got[1:], want) || got[0] != kept[0] {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
