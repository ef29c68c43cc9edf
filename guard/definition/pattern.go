package definition

import "strings"

// longestPattern is more than one of kinds of characters needs.
const longestPattern = 128

// ranges are those that say nothing, as [h-i][i-j] could.
var ranges = []string{"a-z", "A-Z", "0-9", "1-9", "0-7", "a-f", "A-F"}

// wordless reports whether a pattern says of what kind characters are, and no text:
// "^[a-z0-9_-]{1,20}$", but not "^rm -rf /$", which a model reads, and would have to
// send. No letter and no digit stands for itself in it; classes are of punctuation and
// whole ranges.
func wordless(pattern any) bool {
	p, ok := pattern.(string)
	if !ok || len(p) > longestPattern {
		return false
	}
	inClass := false
	for p != "" {
		n := piece(p, inClass)
		if n == 0 {
			return false
		}
		switch {
		case n > 1:
		case p[0] == '[':
			inClass = true
		case p[0] == ']':
			inClass = false
		}
		p = p[n:]
	}
	return !inClass
}

// piece is how long the piece is that a pattern begins with, 0 if it is one that could
// say something.
func piece(p string, inClass bool) int {
	switch c := p[0]; {
	case c == '\\':
		if len(p) > 1 && (strings.IndexByte("dDwWsSbB", p[1]) >= 0 || isPunct(p[1])) {
			return 2
		}
	case inClass:
		for _, r := range ranges {
			if strings.HasPrefix(p, r) {
				return len(r)
			}
		}
		if isPunct(c) {
			return 1
		}
	case c == '{':
		if end := strings.IndexByte(p, '}'); end > 0 && end < 12 && strings.Trim(p[1:end], "0123456789,") == "" {
			return end + 1
		}
	case isPunct(c):
		return 1
	}
	return 0
}

// isPunct are the visible characters of ASCII that are neither letters nor digits.
func isPunct(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
}
