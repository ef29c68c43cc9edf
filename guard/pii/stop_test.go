package pii

import (
	"strings"
	"testing"
)

// FuzzStops: eight bytes looked at together say what one by one say.
func FuzzStops(f *testing.F) {
	for _, s := range []string{"", "0", "a@b", "no digit here, none", "=======9", "\xb0\xb5\xff\x80\x00\x2f\x41:;<=>?@", strings.Repeat("\xc0", 15) + "7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i := 0; i <= len(s); i++ {
			want := i
			for want < len(s) && s[want] != '@' && !isDigit(s[want]) {
				want++
			}
			if got := nextStop(s, i); got != want {
				t.Fatalf("%q from %d: %d, want %d", s, i, got, want)
			}
		}
	})
}

// TestFormsEnd: a word is looked at where a form ends that it is of, and nowhere else
// but where an IBAN may end.
func TestFormsEnd(t *testing.T) {
	d := New(Options{})
	words := []string{"GB82WEST12345698765432", "1HGCM82633A004352", "12345678Z", "requestserved1", "MSFT2024Q", "4a5b6c7d8e"}
	for _, r := range wordRules {
		words = append(words, strings.NewReplacer("A", "K", "9", "4", "*", "7").Replace(r.form), strings.NewReplacer("A", "K", "9", "4", "*", "Z").Replace(r.form)+"1")
	}
	for _, w := range words {
		open := d.forms.all
		for i := 0; i < len(w) && i < maxWord; i++ {
			if isDigit(w[i]) {
				open &= d.forms.digit[i]
			} else if isAlnum(w[i]) {
				open &= d.forms.letter[i]
			}
			var want uint32
			for n, r := range wordRules {
				if len(r.form) == i+1 && fits(w[:i+1], r.form) {
					want |= 1 << n
				}
			}
			if i+1 >= shortestIBAN && fits(w[:i+1], ibanForm[:i+1]) {
				want |= 1 << len(wordRules)
			}
			if got := open & d.forms.ended[i+1]; got != want {
				t.Errorf("%s after %d: %b, want %b", w, i+1, got, want)
			}
		}
	}
}
