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
				if _, ok := n.met(lit + " " + strings.Join(rest, " ")); !ok && want == c.want[0] {
					t.Errorf("%s: %q and %q are not enough", c.pattern, lit, rest)
				}
				if _, ok := n.met(strings.Join(rest, " ") + " " + lit); ok && want == c.want[0] && len(rest) > 0 {
					t.Errorf("%s: %q before %q is enough", c.pattern, rest, lit)
				}
				if _, ok := n.met(strings.Join(rest, " ")); ok {
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

// A match is looked for from where the first of its words stands.
func TestNeedSaysWhereAMatchMayBegin(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          int
	}{
		{`\bagents?\b.*must`, "what any agent must", 8}, // where "agents" would end there, too
		{`(?:abc|de\w+|fgh?) must`, "xxxxxxxx abc must", 9},
		{`(?:abc|x*de)f must`, "xxxxxxxx abcf must", 0},
		{`(?:^|abc)f must`, "xxxxxxxx abcf must", 0},
		{`a?gent.*must`, "xxxxxxxx gent must", 8},
		{`(?i)skip.*must`, "xxxxxxxx skip \u212a must", 0},
	} {
		n, err := newNeed(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if from, ok := n.met(c.text); !ok || from != c.want {
			t.Errorf("%s in %q: from %d, %v; want %d", c.pattern, c.text, from, ok, c.want)
		}
	}
}

// FuzzNeed: what a pattern matches meets its need, and stands behind where that says.
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
			return
		}
		from, ok := s.needs[i].met(text)
		if !ok {
			t.Fatalf("%s matches %q and does not need it", s.rules[i].ID, text)
		}
		from = max(0, from-1)
		if got := s.patterns[i].FindStringIndex(text[from:]); got == nil || got[0]+from != want[0] || got[1]+from != want[1] {
			t.Errorf("%s matches %q at %v, and from %d on at %v", s.rules[i].ID, text, want, from, got)
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
				from, ok := s.needs[i].met(text)
				if from = max(0, from-1); !ok || !slices.Equal(re.FindStringIndex(text[from:]), []int{want[0] - from, want[1] - from}) {
					t.Errorf("%s: %q does not meet the need from %d on: %v", r.ID, text, from, ok)
				}
			}
		}
	}
}
