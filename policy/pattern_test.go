package policy

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestPatternsMatchWhatTheyDo holds patterns against the engine alone: random ones,
// of every operator, and random texts of the same few characters.
func TestPatternsMatchWhatTheyDo(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var expr func(deep int) string
	expr = func(deep int) string {
		var b strings.Builder
		for range 1 + random.IntN(4) {
			switch n := random.IntN(14); {
			case n < 7 || deep > 2:
				b.WriteString(pick("a", "k", "s", "-", "b", "ab", "Sk", "é", "1", `\.`, "a-b"))
			case n == 7:
				b.WriteString(pick(`\b`, "^", "$", `\d`, ".", "[a-k]", "[^a]", "[k]", `\x{212a}`, "ſ"))
			case n == 8:
				b.WriteString("(" + expr(deep+1) + ")" + pick("", "?", "*", "+", "{0,2}", "{2}", "{1,}", "+?"))
			case n == 9:
				b.WriteString("(?:" + expr(deep+1) + "|" + expr(deep+1) + ")")
			case n == 10:
				b.WriteString("(?i:" + expr(deep+1) + ")")
			case n == 11:
				b.WriteString("(?-i:" + expr(deep+1) + ")")
			default:
				b.WriteString(pick("a", "b", "k") + pick("?", "*", "+", "{2,3}"))
			}
		}
		return b.String()
	}
	matched, kept := 0, 0
	for range 20000 {
		source := pick("", "(?i)", "(?i)", "(?s)", "(?im)") + expr(0)
		re := regexp.MustCompile(source)
		p, err := newPattern(source)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			var b strings.Builder
			for range random.IntN(9) {
				b.WriteString(pick("a", "A", "b", "B", "k", "K", "K", "s", "S", "ſ", "-", "\r", "é", "É", "1", ".", "a-b", "ab", "sk", "\n"))
			}
			text := b.String()
			want := re.MatchString(text)
			if got := p.match(text); got != want {
				t.Fatalf("%q in %q: %v, want %v (%q %v)", source, text, got, want, p.needle, p.fold)
			}
			if want {
				matched++
			} else if p.needle != "" {
				kept++
			}
		}
	}
	if matched < 1000 || kept < 1000 {
		t.Errorf("%d matched and %d were kept out: too much alike", matched, kept)
	}
}
