package secret

import "strings"

// startsToken reports whether a token may start at s[i]: what stands before is
// not of the letters and digits that tokens are made of, or is the end of an
// escape sequence. Tool traffic is JSON in JSON, URLs and terminal output, so a
// key often follows the n of \n, the D of %3D or the m of ESC[0m.
func startsToken(s string, i int) bool {
	if i == 0 || !alnum[s[i-1]] {
		return true
	}
	switch c := s[i-1]; {
	case i >= 2 && s[i-2] == '\\' && strings.IndexByte("nrtbf", c) >= 0:
		return true
	case i >= 3 && s[i-3] == '%' && isHex(s[i-2]) && isHex(c):
		return true
	case i >= 4 && s[i-4] == '\\' && s[i-3] == 'x' && isHex(s[i-2]) && isHex(c):
		return true
	case i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' && isHex(s[i-4]) && isHex(s[i-3]) && isHex(s[i-2]) && isHex(c):
		return true
	case c == 'm':
		return endsSGR(s, i-1)
	}
	return false
}

// endsSGR reports whether the m at s[i] closes an ANSI colour sequence, ESC [
// digits and semicolons m (ECMA-48 §8.3.117).
func endsSGR(s string, i int) bool {
	j := i - 1
	for j > 0 && i-j < 12 && (s[j] == ';' || '0' <= s[j] && s[j] <= '9') {
		j--
	}
	return j > 0 && s[j] == '['
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isEscapeTail reports whether s[i] is the letter of \n, \r or \t: a run of
// letters that begins there begins one byte later.
func isEscapeTail(s string, i int) bool {
	return i >= 1 && s[i-1] == '\\' && strings.IndexByte("nrtbf", s[i]) >= 0
}
