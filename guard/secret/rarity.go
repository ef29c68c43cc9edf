package secret

import (
	_ "embed"
	"strings"

	"toolward/guard/literal"
)

// rarityTable holds, for each pair of symbols, how surprising the second is
// after the first in ordinary tool traffic, in sixteenths of a bit. It is
// written by `go run ./guard/secret/train`.
//
//go:embed rarity.bin
var rarityTable string

// Symbols is the number of symbol classes of the rarity table: 26 lower, 26
// upper, 10 digits, underscore, hyphen, and one for every other byte.
const Symbols = 65

// Symbol returns the class of a byte, 0 to Symbols-1.
func Symbol(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return int(c - 'a')
	case 'A' <= c && c <= 'Z':
		return 26 + int(c-'A')
	case '0' <= c && c <= '9':
		return 52 + int(c-'0')
	case c == '_':
		return 62
	case c == '-':
		return 63
	}
	return 64
}

// rarity is the mean surprise of a token's byte pairs in bits. Words and
// identifiers lie between 3 and 5, hex near 6, random base62 near 8. It serves
// instead of entropy, which a token of 20 letters is too short to show and
// which English words of the same length share.
func rarity(token string) float64 {
	if len(token) < 2 {
		return 0
	}
	token = token[:min(len(token), judged)]
	sum := 0
	for i := 1; i < len(token); i++ {
		sum += int(rarityTable[Symbol(token[i-1])*Symbols+Symbol(token[i])])
	}
	return float64(sum) / float64(16*(len(token)-1))
}

// shape is what a token is made of.
type shape struct {
	lower, upper, digit, other int
	distinct                   int
	hex                        bool // hex digits of one case only
}

func shapeOf(token string) shape {
	token = token[:min(len(token), judged)]
	var sh shape
	var seen [256]bool
	sh.hex = true
	for i := range len(token) {
		c := token[i]
		if !seen[c] {
			seen[c] = true
			sh.distinct++
		}
		switch {
		case 'a' <= c && c <= 'z':
			sh.lower++
		case 'A' <= c && c <= 'Z':
			sh.upper++
		case '0' <= c && c <= '9':
			sh.digit++
		default:
			sh.other++
		}
		if !isHex(c) {
			sh.hex = false
		}
	}
	sh.hex = sh.hex && (sh.lower == 0 || sh.upper == 0)
	return sh
}

// classes counts the kinds of letters and digits in the token.
func (sh shape) classes() int {
	n := 0
	for _, c := range [...]int{sh.lower, sh.upper, sh.digit} {
		if c > 0 {
			n++
		}
	}
	return n
}

// placeholderWords stand in documentation where a credential would.
var placeholderWords = []string{
	"example", "placeholder", "changeme", "change_me", "change-me", "redacted", "your_", "your-", "yourapi", "yourtoken", "yoursecret",
	"insert", "replace", "dummy", "xxxxxx", "****", "....", "0000000000", "1111111", "123456789", "abcdefghi", "deadbeef",
	"<", "${", "{{", "fake_", "fake-", "_fake", "-fake", "sample", "not_a_real", "notareal", "_here", "-here",
}

// judged is how much of a token is looked at to tell whether it is one, in bytes.
const judged = 128

// isPlaceholder reports whether a token of a credential's form is plainly not
// one: a word of documentation, a counted-up or a repeated filling.
func (d *Detector) isPlaceholder(token string) bool {
	token = token[:min(len(token), judged)]
	row, steps, distinct := 0, 0, 0
	var seen [256]bool
	for i := range len(token) {
		next, hit := d.fillers.Step(row, token[i])
		if hit {
			return true
		}
		row = next
		if !seen[token[i]] {
			seen[token[i]] = true
			distinct++
		}
		if i > 0 && (token[i] == token[i-1] || token[i] == token[i-1]+1) {
			steps++
		}
	}
	return len(token) >= 10 && (steps*2 > len(token) || distinct < 6)
}

// contains reports whether any of the machine's literals stands in s.
func contains(m *literal.Machine, s string) bool {
	_, _, hit := m.Run(0, s, 0)
	return hit
}

// containsFold is strings.Contains without regard to ASCII case; word is lower
// case already. It does not allocate.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if literal.Fold(s[i]) == word[0] && strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
