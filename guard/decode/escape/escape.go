// Package escape reads the escapes of HTML, URLs, JSON, C, JavaScript and Python, for all
// that undoes them. Each of its functions reads one at the start of a text and returns what
// it stands for and its length, 0 if there is none.
//
//	escape.HTML("&#105;gnore")      is "i", 6
//	escape.URL("%C3%A9t%C3%A9")     is "é", 6
//	escape.Backslash(`\u0069gnore`) is "i", 6
package escape

import (
	"html"
	"unicode/utf8"

	"toolward/guard/decode/alphabet"
)

// hexValue has the value of each hexadecimal digit, -1 for other bytes.
var hexValue = alphabet.Of(alphabet.Hex, alphabet.HexUpper)

// ascii holds every ASCII character, so that one of them is a string without
// an allocation.
const ascii = "\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" +
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f"

func runeString(r rune) string {
	if r >= 0 && r < utf8.RuneSelf {
		return ascii[r : r+1]
	}
	return string(r)
}

// hexRune reads from least to most hexadecimal digits at s[i:].
func hexRune(s string, i, least, most int) (r rune, end int, ok bool) {
	for end = i; end < len(s) && end-i < most && hexValue[s[end]] >= 0; end++ {
		r = r<<4 | rune(hexValue[s[end]])
	}
	return r, end, end-i >= least && r <= utf8.MaxRune && (r < 0xd800 || r > 0xdfff)
}

// HTML reads a character reference at the start of s (HTML §13.5), with
// or without its semicolon if numeric.
func HTML(s string) (string, int) {
	if len(s) < 4 {
		return "", 0
	}
	if s[1] != '#' {
		for i := 1; i < len(s) && i < 34; i++ {
			if s[i] == ';' {
				if u, ok := common[s[1:i]]; ok {
					return u, i + 1
				}
				if u := html.UnescapeString(s[:i+1]); u != s[:i+1] {
					return u, i + 1
				}
				return "", 0
			}
			if !letter(s[i]) && (s[i] < '0' || s[i] > '9') {
				return "", 0
			}
		}
		return "", 0
	}
	var r rune
	i, ok := 2, false
	if s[2]|0x20 == 'x' {
		for i = 3; i < len(s) && s[i] == '0'; i++ {
			ok = true
		}
		var some bool
		r, i, some = hexRune(s, i, 1, 6)
		ok = ok || some
	} else {
		for ; i < len(s) && i < 12 && s[i] >= '0' && s[i] <= '9'; i++ {
			r, ok = r*10+rune(s[i]-'0'), true
			if r > utf8.MaxRune {
				return "", 0
			}
		}
	}
	if !ok || r > utf8.MaxRune || r >= 0xd800 && r <= 0xdfff {
		return "", 0
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return runeString(r), i
}

// common are references whose look-up needs no allocation.
var common = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u00a0"}

// URL reads one percent-encoded character (RFC 3986 §2.1, all bytes of
// it if UTF-8), or %uXXXX, at the start of s.
func URL(s string) (string, int) {
	if len(s) >= 6 && s[1]|0x20 == 'u' {
		if r, _, ok := hexRune(s, 2, 4, 4); ok {
			return runeString(r), 6
		}
		return "", 0
	}
	var b [utf8.UTFMax]byte
	for n := 0; n < len(b); n++ {
		at := n * 3
		if at+3 > len(s) || s[at] != '%' || hexValue[s[at+1]] < 0 || hexValue[s[at+2]] < 0 {
			return "", 0
		}
		b[n] = byte(hexValue[s[at+1]])<<4 | byte(hexValue[s[at+2]])
		if n == 0 && b[0] < utf8.RuneSelf {
			return runeString(rune(b[0])), 3
		}
		if utf8.FullRune(b[:n+1]) {
			if r, size := utf8.DecodeRune(b[:n+1]); r != utf8.RuneError && size == n+1 {
				return string(b[:n+1]), at + 3
			}
			return "", 0
		}
	}
	return "", 0
}

// Backslash reads an escape of JSON (RFC 8259 §7), C, JavaScript or Python at
// the start of s. Surrogate pairs are one character.
func Backslash(s string) (string, int) {
	if len(s) < 2 {
		return "", 0
	}
	switch c := s[1]; c {
	case 'n':
		return "\n", 2
	case 'r':
		return "\r", 2
	case 't':
		return "\t", 2
	case '"', '\'', '\\', '/':
		return s[1:2], 2
	case 'x':
		return escapedBytes(s, func(s string) (byte, bool) {
			r, _, ok := hexRune(s, 2, 2, 2)
			return byte(r), ok && s[1] == 'x'
		})
	case 'U':
		if r, end, ok := hexRune(s, 2, 8, 8); ok {
			return runeString(r), end
		}
	case 'u':
		return unicodeEscape(s)
	case 'e':
		if len(s) > 2 && s[2] == '[' { // terminal sequences in shell and PHP
			return "\x1b", 2
		}
	case '0', '1', '2', '3':
		return escapedBytes(s, func(s string) (byte, bool) {
			if s[1] < '0' || s[1] > '3' || !octal(s[2]) || !octal(s[3]) {
				return 0, false
			}
			return (s[1]-'0')<<6 | (s[2]-'0')<<3 | (s[3] - '0'), true
		})
	}
	return "", 0
}

// escapedBytes reads a character whose bytes are escapes of four characters
// each, "\xe5\xbf\xbd" or "\345\277\275"; a byte that begins none is itself
// (ISO 8859-1).
func escapedBytes(s string, one func(string) (byte, bool)) (string, int) {
	var b [utf8.UTFMax]byte
	for n := 0; n < len(b) && len(s) >= 4*(n+1) && s[4*n] == '\\'; n++ {
		c, ok := one(s[4*n : 4*n+4])
		if !ok {
			break
		}
		b[n] = c
		if r, size := utf8.DecodeRune(b[:n+1]); r != utf8.RuneError && size == n+1 {
			return runeString(r), 4 * (n + 1)
		}
	}
	if len(s) < 4 {
		return "", 0
	}
	if c, ok := one(s[:4]); ok {
		return runeString(rune(c)), 4
	}
	return "", 0
}

func octal(b byte) bool { return b >= '0' && b <= '7' }

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func unicodeEscape(s string) (string, int) {
	if len(s) > 3 && s[2] == '{' {
		if r, end, ok := hexRune(s, 3, 1, 6); ok && end < len(s) && s[end] == '}' {
			return runeString(r), end + 1
		}
		return "", 0
	}
	if r, end, ok := hexRune(s, 2, 4, 4); ok {
		return runeString(r), end
	}
	if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
		return "", 0
	}
	high, _, _ := hexRune(s, 2, 4, 4)
	low, end, _ := hexRune(s, 8, 4, 4)
	if end != 12 || high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff {
		return "", 0
	}
	return string((high-0xd800)<<10 + (low - 0xdc00) + 0x10000), 12
}
