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
			} {
				if got := k.bits>>(i%64)&1 == 1; got != k.want {
					t.Fatalf("byte %d of %q: %s %v, want %v", i, text, name, got, k.want)
				}
			}
		}
	})
}
