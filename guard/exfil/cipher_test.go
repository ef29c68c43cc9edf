package exfil

import (
	"slices"
	"strings"
	"testing"

	"toolward/guard/decode/sieve"
)

// FuzzShortWords holds the words that are taken from bits against those of a look at each
// byte.
func FuzzShortWords(f *testing.F) {
	f.Add("To be or not, that is ThE question2answer a12bc")
	f.Add(strings.Repeat("of ", 21) + "many" + strings.Repeat(" in", 500))
	f.Fuzz(func(t *testing.T, s string) {
		var want []short
		n := 0
		for run := range strings.FieldsFuncSeq(s, func(r rune) bool { return r > 0x7f || !letter(byte(r)) }) {
			if n++; n <= maxWords && len(run) >= 2 && len(run) <= 4 {
				w := short(0)
				for i := range len(run) {
					w = w<<8 | short(run[i]|0x20)
				}
				want = append(want, w)
			}
		}
		got, all := shortWords(nil, s, sieve.Read(nil, s))
		if all != min(n, maxWords) || !slices.Equal(got, want) {
			t.Fatalf("%d runs, %x, want %d, %x of %q", all, got, min(n, maxWords), want, s)
		}
	})
}

// What is hidden in fewer bytes than a finding needs is not looked for in a longer text,
// and is found in a short one.
func TestShortReadingsCountInShortTexts(t *testing.T) {
	d := New()
	const hidden = "TWVldCBtZSBhdCBub29uLg" // 16 bytes
	for text, want := range map[string]bool{
		hidden: true,
		"see " + hidden + " for it, which is behind us now and soon forgotten by all of them": false,
		"see " + hidden + strings.Repeat("TWVldCBtZSBhdCBub29u", 2) + " for it, which is behind us now and soon forgotten": true,
	} {
		found := d.Scan(nil, Text{Text: text, Sent: true})
		if got := len(found) > 0 && found[0].Rule == RuleEncipher; got != want {
			t.Errorf("%q: %v, want %v", text, found, want)
		}
	}
}
