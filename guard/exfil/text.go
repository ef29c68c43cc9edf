package exfil

import "strings"

// How much a text looks like something a person or a program wrote, rather
// than a token, a hash or random bytes.
const (
	unlike = iota // a token, a number, a word
	words         // a few words
	likely        // a sentence, a record
)

// looks judges a decoded text.
func looks(s string) int {
	letters, spaces, marks, quotes, others, wordCount, run := 0, 0, 0, 0, 0, 0, 0
	flush := func() {
		if run >= 2 && run <= 20 {
			wordCount++
		}
		run = 0
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			letters++
			run++
		case c >= '0' && c <= '9':
			letters++
			flush()
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			spaces++
			flush()
		case c == '"':
			quotes++
			flush()
		case c == ':' || c == ',' || c == '{' || c == '}' || c == '[' || c == ']' || c == '@' || c == '=' || c == ';' || c == '|':
			marks++
			flush()
		case c == '.' || c == '-' || c == '_' || c == '/' || c == '\'' || c == '(' || c == ')' || c == '\\':
			flush()
		default:
			others++
			flush()
		}
	}
	flush()
	switch {
	case others*6 > len(s) || letters*3 < len(s):
		return unlike
	case wordCount >= 3 && spaces >= 2, wordCount >= 2 && quotes >= 2 && marks >= 2, wordCount >= 2 && spaces+quotes >= 1 && email(s):
		return likely
	case wordCount >= 2 && spaces+quotes >= 1, email(s):
		return words
	}
	return unlike
}

// email reports whether s holds something like a mail address.
func email(s string) bool {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '@')
		if i < 0 {
			return false
		}
		i += at
		at = i + 1
		if i == 0 || at == len(s) || !alnum(s[i-1]) || !alnum(s[at]) {
			continue
		}
		for j := at; j+2 < len(s) && j < i+64; j++ {
			if s[j] == '.' && letter(s[j+1]) && letter(s[j+2]) {
				return true
			}
		}
	}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func alnum(c byte) bool { return letter(c) || c >= '0' && c <= '9' }
