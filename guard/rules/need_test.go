package rules

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    []string // lists, their literals sorted and joined
	}{
		{`abc`, []string{"abc"}},
		{`(?i)aBc`, []string{"abc"}},
		{`ab(?:c|de)f?`, []string{"abc abcf abde abdef"}},
		{`abc.*def`, []string{"abc", "def"}},
		{`(?:abc|def\w+|\w+ghi)`, []string{"abc def ghi"}},
		{`(?:abc|\w+)def`, []string{"def"}},
		{`(?:abc)?\W+(?:def)*`, nil},
		{`(?:abc)+\bdef`, []string{"abc", "def"}},
		{`(?:abc){2,3}x`, []string{"abcabcx abcabcabcx"}},
		{`a[bc]d`, []string{"abd acd"}},
		{`(?i)organi[sz]e`, []string{"organise organize"}},
		{`a\w+b`, nil},
		{`(?i)größe`, nil},
	} {
		n, err := newNeed(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			for _, lit := range strings.Fields(want) {
				rest := slices.DeleteFunc(strings.Fields(strings.Join(c.want, " ")), func(s string) bool { return strings.Contains(want, s) })
				if !n.met(lit+" "+strings.Join(rest, " ")) && want == c.want[0] {
					t.Errorf("%s: %q and %q are not enough", c.pattern, lit, rest)
				}
				if n.met(strings.Join(rest, " ")+" "+lit) && want == c.want[0] && len(rest) > 0 {
					t.Errorf("%s: %q before %q is enough", c.pattern, rest, lit)
				}
				if n.met(strings.Join(rest, " ")) {
					t.Errorf("%s: %q is not needed", c.pattern, lit)
				}
			}
		}
		if len(c.want) == 0 && n.machine != nil {
			t.Errorf("%s: something is needed", c.pattern)
		}
	}
}

// Nearly every rule must have something that most texts with its keyword lack.
func TestRulesNeedMoreThanTheirKeywords(t *testing.T) {
	s := set0(t)
	for i, r := range s.Rules() {
		if ascii(r.Pattern) && s.needs[i].machine == nil {
			t.Errorf("%s: nothing is needed", r.ID)
		}
	}
}

func TestNeedSaysWhereAMatchMayBegin(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          []int // nil if that is not known
	}{
		{`\bagents?\b.*must`, "what any agent or agents must", []int{9, 18}},
		{`(?:abc|de\w+|fgh?) must`, "x abc fg must", []int{2, 6}},
		{`(?:abcd|bc)`, "xabcd", []int{1, 2}},
		{`(?:abc|x*de)f must`, "x abcf must", nil},
		{`(?:^|abc)f must`, "x abcf must", nil},
		{`a?gent.*must`, "x gent agent must", []int{2, 7, 8}},
		{`(?i)skip.*must`, "skip \u212a must", nil},
		{`a.*must`, strings.Repeat("a", mostBegins+1) + " must", nil},
	} {
		n, err := newNeed(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := n.begins(c.text, nil); ok != (c.want != nil) || ok && !slices.Equal(got, c.want) {
			t.Errorf("%s in %q: %v, %v; want %v", c.pattern, c.text, got, ok, c.want)
		}
	}
}

// FuzzNeed: what a pattern matches meets its need, and is found where that says that it may begin.
func FuzzNeed(f *testing.F) {
	s := set0(f)
	for i, r := range s.Rules() {
		for _, text := range r.Find {
			f.Add(i, text)
			f.Add(i, strings.ReplaceAll(strings.ToUpper(text), "S", longS))
		}
	}
	f.Fuzz(func(t *testing.T, i int, text string) {
		if i < 0 {
			t.Skip()
		}
		i %= len(s.patterns)
		want := s.patterns[i].FindStringIndex(text)
		if want == nil {
			if start, stop, ok := s.match(i, text); ok {
				t.Errorf("%s does not match %q, but from %d to %d", s.rules[i].ID, text, start, stop)
			}
			return
		}
		if !s.needs[i].met(text) {
			t.Fatalf("%s matches %q and does not need it", s.rules[i].ID, text)
		}
		if start, stop, ok := s.match(i, text); !ok || start != want[0] || stop != want[1] {
			t.Errorf("%s matches %q at %v, and where it may begin at %d to %d, %v", s.rules[i].ID, text, want, start, stop, ok)
		}
	})
}

// Every example of the table that is matched when a pattern is tried at once is
// matched with the need before it, in both cases.
func TestFindsMeetTheirNeeds(t *testing.T) {
	s := set0(t)
	for i, r := range s.Rules() {
		re := regexp.MustCompile("(?is)" + r.Pattern)
		for _, text := range slices.Concat(r.Find, r.Spare) {
			for _, text := range []string{text, strings.ToUpper(text), strings.ReplaceAll(text, "k", kelvin)} {
				want := re.FindStringIndex(text)
				if want == nil {
					continue
				}
				if start, stop, ok := s.match(i, text); !s.needs[i].met(text) || !ok || start != want[0] || stop != want[1] {
					t.Errorf("%s: %q does not meet the need, or is matched from %d to %d: %v", r.ID, text, start, stop, ok)
				}
			}
		}
	}
}
