package sieve

import (
	"strings"
	"testing"
)

// FuzzRead holds the blocks against a look at each byte.
func FuzzRead(f *testing.F) {
	f.Add("Call  at 10:4")
	f.Add(strings.Repeat("aB0!-", 40))
	f.Add("Ä\x00\xff\x7f")
	f.Fuzz(func(t *testing.T, text string) {
		blocks := Read(make([]Block, 3), text)
		if len(blocks) != (len(text)+63)/64 {
			t.Fatalf("%d blocks of %d bytes", len(blocks), len(text))
		}
		for i := range 64 * len(blocks) {
			c := byte(0x80)
			if i < len(text) {
				c = text[i]
			}
			b := blocks[i/64]
			for name, k := range map[string]struct {
				bits uint64
				want bool
			}{
				"lower": {b.Lower, c >= 'a' && c <= 'z'}, "upper": {b.Upper, c >= 'A' && c <= 'Z'}, "digit": {b.Digit, c >= '0' && c <= '9'},
				"letter": {b.Letter(), c|0x20 >= 'a' && c|0x20 <= 'z'},
				"odd":    {b.Odd, strings.IndexByte(Odd, c) >= 0}, "apart": {b.Apart, strings.IndexByte(Apart, c) >= 0}, "cut": {b.Cut, strings.IndexByte(Cut, c) >= 0},
				"word":    {b.Word(), c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'},
				"token":   {b.Token, c > ' ' && c < 0x7f && strings.IndexByte(notToken, c) < 0},
				"special": {b.Special, i < len(text) && (c >= 0x7f || c == '&' || c == '%' || c == '\\' || c < ' ' && c != '\t' && c != '\n' && c != '\r')},
			} {
				if got := k.bits>>(i%64)&1 == 1; got != k.want {
					t.Fatalf("byte %d of %q: %s %v, want %v", i, text, name, got, k.want)
				}
			}
		}
	})
}

// FuzzRun holds the look for bytes in a row, and that at the next 64, against one at each byte.
func FuzzRun(f *testing.F) {
	f.Add("a word, antidisestablishmentarianism", 0, 16)
	f.Add("4 words", 1, 0)
	f.Add(strings.Repeat("a", 200)+"!"+strings.Repeat("b", 90), 137, 63)
	f.Fuzz(func(t *testing.T, text string, i, n int) {
		i, n = i&0x3ff, 1+n&63
		blocks := Read(nil, text)
		in := func(k int) bool { return k < len(text) && kinds[text[k]]&(lower|upper) != 0 }
		want := i
		for k := 0; k < n && want < 64*len(blocks); k++ {
			if !in(want + k) {
				want, k = want+k+1, -1
			}
		}
		got := Run(blocks, i, n, (*Block).Letter)
		if want < 64*len(blocks) && got != want || want >= 64*len(blocks) && got < 64*len(blocks) {
			t.Fatalf("%d letters in a row from %d on in %q: at %d, want %d", n, i, text, got, want)
		}
		if next := Next(blocks, i, (*Block).Letter); n == 1 && next != got {
			t.Fatalf("the next letter from %d on in %q: at %d, want %d", i, text, next, got)
		}
		w := Window(blocks, i, (*Block).Letter)
		for k := range 64 {
			if w>>k&1 == 1 != in(i+k) {
				t.Fatalf("from %d on in %q: %b", i, text, w)
			}
		}
	})
}
