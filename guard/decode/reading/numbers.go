package reading

import (
	"math/bits"
	"slices"

	"toolward/guard/decode/sieve"
)

// numbers adds the readings of lists of character codes: decimal, hexadecimal
// with 0x, octal and binary ones.
func (x *Expander) numbers(v *View) {
	digits := func(b *sieve.Block) uint64 { return b.Digit }
	for i := sieve.Next(x.blocks, 0, digits); i < len(v.Text); i = sieve.Next(x.blocks, i, digits) {
		i = x.list(v, i)
	}
}

// list reads the list of numbers that starts at v.Text[i] and returns its end.
func (x *Expander) list(v *View, i int) int {
	end, codes := x.listed(v.Text, i)
	if codes < minStretch {
		return end
	}
	tokens, places := x.tokens[:0], x.places[:0]
	defer func() { x.tokens, x.places = tokens, places }()
	for i < end {
		n := token(v.Text[i:end])
		tokens, places = append(tokens, v.Text[i:i+n]), append(places, int32(i))
		for i += n; i < end && classOf[v.Text[i]] == other; {
			i++
		}
	}
	for _, radix := range []int{10, 16, 8, 2} {
		decoded := x.codes[:0]
		for _, t := range tokens {
			decoded = append(decoded, codeOf(t, radix))
		}
		x.codes = decoded
		x.stretches(v, decoded, "codes", func(j int) int { return int(places[min(j, len(places)-1)]) })
	}
	x.letters(v, tokens, places)
	return end
}

// listed returns where the list that starts at in[i] ends, and how many of it may be
// character codes. It goes on over words, as long as of its first four items two begin
// with a digit.
func (x *Expander) listed(in []byte, i int) (end, codes int) {
	end = i + 1
	const most = 8 + 3 // bytes of an item and what sets it apart
	window, left := uint64(0), 0
	for items, numbers := 0, 0; i < len(in); {
		if left <= most {
			window, left = sieve.Window(x.blocks, i, (*sieve.Block).Word), 64
		}
		n := bits.TrailingZeros64(^window)
		if n == 0 || n > 8 {
			break
		}
		if mayBeCode(in[i : i+n]) {
			codes++
		}
		if in[i]-'0' < 10 {
			numbers++
		}
		end = i + n
		apart := min(3, bits.TrailingZeros64(window>>n))
		i, window, left = end+apart, window>>(n+apart), left-n-apart
		if items++; items == 4 && numbers < 2 {
			break
		}
	}
	return end, codes
}

// token is the length of the letters and digits that b begins with, 9 for more.
func token(b []byte) int {
	n := 0
	for n < len(b) && n < 9 && classOf[b[n]] != other {
		n++
	}
	return n
}

// letters reads numbers from 1 to 26 as letters of the alphabet, and pairs of
// digits from 1 to 5 as letters of a Polybius square without J.
func (x *Expander) letters(v *View, tokens [][]byte, places []int32) {
	place := func(j int) int { return int(places[min(j, len(places)-1)]) }
	spelled, square := slices.Grow(x.codes[:0], len(tokens))[:len(tokens)], slices.Grow(x.square[:0], len(tokens))[:len(tokens)]
	x.codes, x.square = spelled, square
	clear(spelled)
	clear(square)
	for j, t := range tokens {
		if n := int(codeOf(t, 10)); n >= 1 && n <= 26 {
			spelled[j] = 'a' - 1 + byte(n)
		}
		if len(t) == 2 && t[0] >= '1' && t[0] <= '5' && t[1] >= '1' && t[1] <= '5' {
			square[j] = "abcdefghiklmnopqrstuvwxyz"[int(t[0]-'1')*5+int(t[1]-'1')]
		}
	}
	x.stretches(v, spelled, "alphabet", place)
	x.stretches(v, square, "polybius", place)
}

// mayBeCode reports whether a token may be a character code in any base, or stand
// for a letter.
func mayBeCode(t []byte) bool {
	return len(t) <= 3 && t[0]-'0' < 10 || len(t) == 2 && nibble.value[t[0]] >= 0 || len(t) >= 7 && t[0]-'0' < 2 || t[0] == '0'
}

// codeOf is the character code that a token is in a base, 0 if it is none.
func codeOf(t []byte, radix int) byte {
	switch {
	case radix == 16 && len(t) > 2 && t[0] == '0' && t[1]|0x20 == 'x':
		t = t[2:]
	case radix == 2 && len(t) < 7, radix == 8 && len(t) < 2, radix == 16 && len(t) != 2:
		return 0
	}
	n := 0
	for _, c := range t {
		d := digitOf(c)
		if d >= radix {
			return 0
		}
		n = n*radix + d
	}
	if n > 255 {
		return 0
	}
	return byte(n)
}
