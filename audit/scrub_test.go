package audit

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	long := strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", 100)
	for _, tt := range []struct {
		name    string
		secrets []string
		in      string
		want    string
	}{
		{"none", nil, "a text", "a text"},
		{"one", []string{"sk-123"}, "the key is sk-123, and sk-123", "the key is <0>, and <0>"},
		{"at both ends", []string{"sk-123"}, "sk-123 sk-123", "<0> <0>"},
		{"the longest", []string{"sk-1234", "sk-123456", "sk-12345"}, "sk-12345678 sk-1234x sk-123", "<1>78 <0>x sk-123"},
		{"one inside another's beginning", []string{"abcdef", "abcdefgh1"}, "abcdefgh2 abcdefgh1", "<0>gh2 <1>"},
		{"twice the same", []string{"sk-123", "sk-123"}, "sk-123", "<0>"},
		{"a long one", []string{long}, "x" + long + "y", "x<0>y"},
		{"half of a long one", []string{long}, "x" + long[:70] + " is what was quoted", "x<0> is what was quoted"},
		{"less than its stem", []string{long}, "x" + long[:60], "x" + long[:60]},
		{"long ones alike", []string{long + "aa", long + "bb", long + "cc"}, long + "bb " + long + "cx", "<1> <2>x"},
		{"not ASCII", []string{"пароль123"}, "мой пароль123.", "мой <0>."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var secrets []secret
			for i, text := range tt.secrets {
				secrets = append(secrets, secret{text, "<" + string(rune('0'+i)) + ">"})
			}
			if got := newScrubber(secrets).replace(tt.in, 1<<20); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestScrubKeepsWhatTheBoundShows(t *testing.T) {
	s := newScrubber([]secret{{strings.Repeat("s", 5000), "<token>"}, {"abcdef", "<token>"}})
	for _, in := range []string{strings.Repeat("x", 4093) + "abcdef and more", strings.Repeat("x", 9000), strings.Repeat("s", 9999) + "y", "abcdef" + strings.Repeat("y", 9000)} {
		got := clip(s.replace(in, maxText), maxText)
		if strings.Contains(got, "abcd") || strings.Contains(got, "sssss") || len(got) > maxText+len("…") {
			t.Errorf("%d bytes: …%q", len(got), got[max(0, len(got)-20):])
		}
	}
}

// naive is the same, at any cost: the longest value at each place, or, of values
// longer than a stem, the one that the text follows furthest.
func naive(secrets []secret, text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		best, token := 0, ""
		for _, v := range secrets {
			if n := common(v.text, text[i:]); n > best && (n == len(v.text) || n >= maxStem) {
				best, token = n, v.token
			}
		}
		if best == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(token)
		i += best
	}
	return b.String()
}

// Values and texts of two letters have every kind of overlap.
func TestScrubAgainstTheNaiveWay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		period := make([]byte, 1+r.IntN(12))
		for i := range period {
			period[i] = "ab"[r.IntN(2)]
		}
		text := []byte(strings.Repeat(string(period), most+minScrub)[:minScrub+r.IntN(most)])
		if r.IntN(2) == 0 {
			text[r.IntN(len(text))] = 'c'
		}
		return string(text)
	}
	for range 20_000 {
		var secrets []secret
		for range 1 + r.IntN(8) {
			secrets = append(secrets, secret{word(150), ""})
		}
		slices.SortFunc(secrets, func(a, b secret) int { return strings.Compare(a.text, b.text) })
		secrets = slices.CompactFunc(secrets, func(a, b secret) bool { return a.text == b.text })
		for i := range secrets {
			secrets[i].token = "<" + string(rune('0'+i)) + ">"
		}
		text := word(40) + secrets[r.IntN(len(secrets))].text + word(90)
		got, want := newScrubber(secrets).replace(text, 1<<20), naive(secrets, text)
		// Two long values that a text follows equally far are one as good as the other.
		hide := strings.NewReplacer("<0>", "<>", "<1>", "<>", "<2>", "<>", "<3>", "<>", "<4>", "<>", "<5>", "<>", "<6>", "<>", "<7>", "<>")
		if hide.Replace(got) != hide.Replace(want) {
			t.Fatalf("%q in %q:\ngot  %s\nwant %s", secrets, text, got, want)
		}
	}
}
