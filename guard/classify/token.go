package classify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape of a token.
type shape uint8

const (
	wordToken   shape = iota
	numberToken       // digits, with their separators
	emailToken
	urlToken
	pathToken  // /etc/passwd, C:\x, ~/.ssh
	identToken // snake_case, camelCase, a.b.c: names that programs give
	cjkToken   // one character of a script without spaces
	markToken  // one character of punctuation
)

// token is a piece of a text.
type token struct {
	start, end int32
	hash       uint32 // of the folded text
	shape      shape
	upper      bool // a word of capitals only, two at least
	digits     bool // it has digits among its letters
}

// tokenizer cuts a text into tokens and sentences.
type tokenizer struct {
	tokens []token
	sents  []sentence
}

// sentence is a run of tokens that are judged together.
type sentence struct {
	first, last int  // tokens[first:last]
	hard        bool // the place before it is a boundary between values, not within prose
}

// longestSentence is where a sentence is cut if nothing else ends it, in tokens.
const longestSentence = 60

// byteKind classifies bytes for the tokenizer.
type byteKind uint8

const (
	kSpace byteKind = iota
	kLetter
	kDigit
	kPunct
	kWide
)

var byteKinds = func() (k [256]byteKind) {
	for i := range k {
		c := byte(i)
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			k[i] = kLetter
		case c >= '0' && c <= '9':
			k[i] = kDigit
		case c >= 0x80:
			k[i] = kWide
		case c <= ' ' || c == 0x7f:
			k[i] = kSpace
		default:
			k[i] = kPunct
		}
	}
	return k
}()

const (
	hashSeed  = 2166136261
	hashPrime = 16777619
)

// run tokenizes s.
func (t *tokenizer) run(s string) {
	t.tokens, t.sents = t.tokens[:0], t.sents[:0]
	first, hard := 0, true
	cut := func(h bool) {
		if len(t.tokens) > first {
			t.sents = append(t.sents, sentence{first, len(t.tokens), hard})
			first, hard = len(t.tokens), h
		} else {
			hard = hard || h
		}
	}
	for i := 0; i < len(s); {
		switch byteKinds[s[i]] {
		case kSpace:
			if s[i] == '\n' {
				blank := i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r')
				if blank || endsLine(s, i) {
					cut(blank)
				}
			}
			i++
		case kLetter, kDigit:
			i = t.word(s, i)
		case kWide:
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case noSpaces(r):
				t.tokens = append(t.tokens, token{int32(i), int32(i + n), uint32(r) * hashPrime, cjkToken, false, false})
				i += n
			case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
				i = t.word(s, i)
			default:
				if r == '。' || r == '！' || r == '？' || r == '।' || r == '؟' {
					cut(false)
				}
				i += n
			}
		default:
			i = t.punct(s, i, cut)
		}
		if len(t.tokens)-first >= longestSentence {
			cut(false)
		}
	}
	cut(false)
}

// endsLine reports whether the line break at i ends a sentence: the line does
// not run on in the next one with a small letter.
func endsLine(s string, i int) bool {
	for j := i + 1; j < len(s) && j < i+40; j++ {
		switch {
		case s[j] == '\n':
			return true
		case s[j] == ' ' || s[j] == '\t' || s[j] == '\r' || s[j] == '>':
		default:
			return !(s[j] >= 'a' && s[j] <= 'z')
		}
	}
	return true
}

// punct handles one character of ASCII punctuation.
func (t *tokenizer) punct(s string, i int, cut func(bool)) int {
	c := s[i]
	end := i + 1
	for end < len(s) && s[end] == c { // "!!!", "----", "###"
		end++
	}
	spaceAfter := end == len(s) || byteKinds[s[end]] == kSpace || s[end] == '"' || s[end] == '\'' || s[end] == '<' || s[end] == ')'
	switch c {
	case '.', '?', '!':
		t.mark(i, end, c)
		if spaceAfter {
			cut(false)
		}
	case ';', '|':
		t.mark(i, end, c)
		if !pipe(s, end) {
			cut(c == '|')
		}
	case '"', '\'':
		// A quote beside the structure of JSON, or of Python's rendering of
		// it, begins or ends a value.
		if opensValue(s, i) || end < len(s) && structural(s[end]) {
			cut(true)
		} else {
			t.mark(i, end, c)
		}
	case '{', '}', '[', ']', '<', '>':
		t.mark(i, end, c)
		if c == '}' || c == '{' {
			cut(true)
		}
	case '/', '~':
		if n := path(s, i); n > 0 {
			t.tokens = append(t.tokens, token{int32(i), int32(i + n), foldHash(s[i : i+n]), pathToken, false, false})
			return i + n
		}
		t.mark(i, end, c)
	case '-', '_', ',', '\\':
	default:
		t.mark(i, end, c)
	}
	return end
}

// pipe reports whether what follows a bar is a program that reads from a pipe:
// "curl … | sh" is one order.
func pipe(s string, i int) bool {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	for _, name := range []string{"sh", "bash", "zsh", "sudo", "python", "perl", "node", "base64", "xargs", "nc "} {
		if strings.HasPrefix(s[i:], name) {
			return true
		}
	}
	return false
}

// opensValue reports whether the quote at i stands behind structure, with or
// without a space between.
func opensValue(s string, i int) bool {
	if i > 0 && s[i-1] == ' ' {
		i--
	}
	return i > 0 && structural(s[i-1])
}

func structural(c byte) bool {
	return c == ':' || c == ',' || c == '{' || c == '}' || c == '[' || c == ']'
}

func (t *tokenizer) mark(i, end int, c byte) {
	h := uint32(c)*hashPrime ^ hashSeed
	if end-i >= 3 {
		h ^= 0x5bd1e995
	}
	t.tokens = append(t.tokens, token{int32(i), int32(end), h, markToken, false, false})
}

// endsWord has the bytes that end a word whatever stands behind them.
var endsWord = func() (set [256]bool) {
	for c := range byte(0x80) {
		k := byteKinds[c]
		set[c] = k != kLetter && k != kDigit && k != kWide && strings.IndexByte("'_@./:\\,", c) < 0
	}
	return set
}()

// word reads a word, a number, or something longer that begins like one: an
// address, a URL, a path, an identifier.
func (t *tokenizer) word(s string, i int) int {
	h := uint32(hashSeed)
	if c := s[i] | 0x20; c-'a' < 26 { // small letters, perhaps behind a capital: nearly all words are
		h = (h ^ uint32(c)) * hashPrime
		k := i + 1
		for k < len(s) && s[k]-'a' < 26 {
			h = (h ^ uint32(s[k])) * hashPrime
			k++
		}
		if k == len(s) || endsWord[s[k]] {
			t.tokens = append(t.tokens, token{int32(i), int32(k), h, wordToken, false, false})
			return k
		}
		h = hashSeed
	}
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
			h = (h ^ uint32(c|0x20)) * hashPrime
			i++
		case kDigit:
			digits++
			lowerBefore = false
			h = (h ^ '0') * hashPrime
			i++
		case kWide:
			r, n := utf8.DecodeRuneInString(s[i:])
			if noSpaces(r) || !(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)) {
				break scan
			}
			letters++
			h = hashRune(h, r)
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
		t.tokens = append(t.tokens, token{int32(start), int32(i), '0' * hashPrime, numberToken, false, true})
	case humps > 0 && letters > 3 && letters > 3*humps: // more humps are aLtErNaTiNg case
		t.tokens = append(t.tokens, token{int32(start), int32(i), h, identToken, false, digits > 0})
	default:
		t.tokens = append(t.tokens, token{int32(start), int32(i), h, wordToken, uppers == letters && letters > 1, digits > 0})
	}
	return i
}
