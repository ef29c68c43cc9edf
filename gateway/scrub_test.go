package gateway

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
		{"clipped", []string{"sk-1234567"}, "is sk-12345… and sk-12345", "is <0>… and sk-12345"},
		{"clipped to less than can be told", []string{"sk-1234567"}, "is sk-12…", "is sk-12…"},
		{"not ASCII", []string{"пароль123"}, "мой пароль123.", "мой <0>."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var secrets []Secret
			for i, text := range tt.secrets {
				secrets = append(secrets, Secret{text, "<" + string(rune('0'+i)) + ">"})
			}
			if got := NewScrubber(secrets).Replace(tt.in, 1<<20); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestScrubKeepsWhatTheBoundShows(t *testing.T) {
	const most = 4 << 10
	s := NewScrubber([]Secret{{strings.Repeat("s", 5000), "<token>"}, {"abcdef", "<token>"}})
	for _, in := range []string{strings.Repeat("x", 4093) + "abcdef and more", strings.Repeat("x", 9000), strings.Repeat("s", 9999) + "y", "abcdef" + strings.Repeat("y", 9000)} {
		got := s.Replace(in, most)
		got = got[:min(len(got), most)]
		if strings.Contains(got, "abcd") || strings.Contains(got, "sssss") {
			t.Errorf("%d bytes: …%q", len(got), got[max(0, len(got)-20):])
		}
	}
}

// naive is the same, at any cost: the longest value at each place, or, of values
// longer than a stem, the one that the text follows furthest.
func naive(secrets []Secret, text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		best, token := 0, ""
		for _, v := range secrets {
			if n := common(v.Text, text[i:]); n > best && (n == len(v.Text) || n >= maxStem) {
				best, token = n, v.Token
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
		text := []byte(strings.Repeat(string(period), most+MinScrub)[:MinScrub+r.IntN(most)])
		if r.IntN(2) == 0 {
			text[r.IntN(len(text))] = 'c'
		}
		return string(text)
	}
	for range 20_000 {
		var secrets []Secret
		for range 1 + r.IntN(8) {
			secrets = append(secrets, Secret{word(150), ""})
		}
		slices.SortFunc(secrets, func(a, b Secret) int { return strings.Compare(a.Text, b.Text) })
		secrets = slices.CompactFunc(secrets, func(a, b Secret) bool { return a.Text == b.Text })
		for i := range secrets {
			secrets[i].Token = "<" + string(rune('0'+i)) + ">"
		}
		text := word(40) + secrets[r.IntN(len(secrets))].Text + word(90)
		got, want := NewScrubber(secrets).Replace(text, 1<<20), naive(secrets, text)
		// Two long values that a text follows equally far are one as good as the other.
		hide := strings.NewReplacer("<0>", "<>", "<1>", "<>", "<2>", "<>", "<3>", "<>", "<4>", "<>", "<5>", "<>", "<6>", "<>", "<7>", "<>")
		if hide.Replace(got) != hide.Replace(want) {
			t.Fatalf("%q in %q:\ngot  %s\nwant %s", secrets, text, got, want)
		}
	}
}
