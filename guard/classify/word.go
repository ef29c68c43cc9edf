package classify

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// endsWord has the bytes that end a word whatever stands behind them.
var endsWord = func() (set [256]bool) {
	for c := range byte(0x80) {
		k := byteKinds[c]
		set[c] = k != kLetter && k != kDigit && k != kWide && strings.IndexByte("'_@./:\\,", c) < 0
	}
	return set
}()

// plain reads a word of small letters, of which the first may be a capital, and
// returns its length; 0 if what begins here is something else, or longer than is
// held. Nearly all words are such, and eight letters are told from others at once,
// as a number.
func (t *tokenizer) plain(s string, i int) int {
	lo, hi := first8(s[i:])|0x20, uint64(0)
	n, mask := run8(lo)
	if lo &= mask; n == 8 {
		hi = first8(s[i+8:])
		more, mask := run8(hi)
		if hi &= mask; more == 8 {
			return 0
		}
		n += more
	}
	if i+n < len(s) && !endsWord[s[i+n]] {
		return 0
	}
	e := t.words.entry(lo, hi)
	if e.lo != lo || e.hi != hi {
		*e = cachedWord{lo, hi, t.words.weigh(s[i : i+n])}
	}
	t.tokens = append(t.tokens, token{start: int32(i), end: int32(i + n), known: e.known, shape: wordToken})
	return n
}

// word reads a word, a number, or something longer that begins like one: an
// address, a URL, a path, an identifier.
func (t *tokenizer) word(s string, i int) int {
	start, digits, letters, uppers, inner := i, 0, 0, 0, 0
	lowerBefore := false
	humps := 0
scan:
	for i < len(s) {
		c := s[i]
		switch byteKinds[c] {
		case kLetter:
			letters++
			if c < 'a' {
				uppers++
				if lowerBefore {
					humps++
				}
			}
			lowerBefore = c >= 'a'
			i++
		case kDigit:
			digits++
			lowerBefore = false
			i++
		case kWide:
			r, n := utf8.DecodeRuneInString(s[i:])
			if noSpaces(r) || !(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)) {
				break scan
			}
			letters++
			lowerBefore = false
			i += n
		default:
			// Joined by one character with a letter or digit behind it.
			if i+1 < len(s) && (byteKinds[s[i+1]] == kLetter || byteKinds[s[i+1]] == kDigit) {
				switch c {
				case '\'':
					i++ // don't = dont
					continue
				case '_', '@', '.', '/', ':', '\\':
					if c == '.' && digits == 0 && s[i+1] >= 'A' && s[i+1] <= 'Z' && uppers != letters {
						break scan // "end.Next": a missing space
					}
					if c == ':' || c == '/' && letters > 0 && inner == 0 && digits == 0 {
						break scan // "key:value", "and/or"
					}
					return t.compound(s, start, i)
				case ',':
					if digits > 0 && letters == 0 {
						i++
						continue
					}
				}
			} else if c == ':' && i+2 < len(s) && s[i+1] == '/' && s[i+2] == '/' {
				return t.compound(s, start, i)
			}
			break scan
		}
	}
	switch {
	case letters == 0:
		t.tokens = append(t.tokens, token{start: int32(start), end: int32(i), known: known{hash: '0' * hashPrime}, shape: numberToken, digits: true})
	case humps > 0 && letters > 3 && letters > 3*humps: // more humps are aLtErNaTiNg case
		t.tokens = append(t.tokens, token{start: int32(start), end: int32(i), known: known{hash: scramble(wordHash(s[start:i]))}, shape: identToken, digits: digits > 0})
	default:
		t.tokens = append(t.tokens, token{start: int32(start), end: int32(i), known: t.words.fold(s[start:i]), shape: wordToken, upper: uppers == letters && letters > 1, digits: digits > 0})
	}
	return i
}

// first8 is the first 8 bytes of s as a number, the first lowest; zeros where s ends.
func first8(s string) uint64 {
	if len(s) < 8 {
		var b [8]byte
		copy(b[:], s)
		return binary.LittleEndian.Uint64(b[:])
	}
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// run8 is how many of 8 bytes are small letters before the first that is none, and
// a mask of them.
func run8(x uint64) (n int, mask uint64) {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	low := x &^ high
	from, past := low+(0x80-'a')*ones, low+(0x80-'z'-1)*ones // the high bit of a byte: it is at least 'a', over 'z'
	none := ^(from &^ past &^ x) & high
	return bits.TrailingZeros64(none) / 8, none&-none>>7 - 1
}
