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
	known      // of what is no word the hash only
	shape      shape
	upper      bool // a word of capitals only, two at least
	digits     bool // it has digits among its letters
}

// tokenizer cuts a text into tokens and sentences.
type tokenizer struct {
	tokens []token
	sents  []sentence
	words  *wordCache

	first int  // token of the sentence that is being read
	hard  bool // … which a boundary between values is before
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
	t.first, t.hard = 0, true
	for i := 0; i < len(s); {
		switch byteKinds[s[i]] {
		case kSpace:
			if s[i] == '\n' {
				blank := i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r')
				if blank || endsLine(s, i) {
					t.cut(blank)
				}
			}
			i++
			continue // nothing was added
		case kLetter:
			if n := t.plain(s, i); n > 0 {
				if i += n; i < len(s) && s[i] == ' ' {
					i++
				}
			} else {
				i = t.word(s, i)
			}
		case kDigit:
			i = t.word(s, i)
		case kWide:
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case noSpaces(r):
				t.add(i, i+n, uint32(r)*hashPrime, cjkToken)
				i += n
			case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
				i = t.word(s, i)
			default:
				if r == '。' || r == '！' || r == '？' || r == '।' || r == '؟' {
					t.cut(false)
				}
				i += n
			}
		default:
			i = t.punct(s, i)
		}
		if len(t.tokens)-t.first >= longestSentence {
			t.cut(false)
		}
	}
	t.cut(false)
}

// cut ends a sentence, if there is one; hard says what ends it.
func (t *tokenizer) cut(hard bool) {
	if len(t.tokens) > t.first {
		t.sents = append(t.sents, sentence{t.first, len(t.tokens), t.hard})
		t.first, t.hard = len(t.tokens), hard
	} else {
		t.hard = t.hard || hard
	}
}

// add appends a token that is no word.
func (t *tokenizer) add(start, end int, hash uint32, sh shape) {
	t.tokens = append(t.tokens, token{start: int32(start), end: int32(end), known: known{hash: scramble(hash)}, shape: sh})
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
func (t *tokenizer) punct(s string, i int) int {
	c := s[i]
	end := i + 1
	for end < len(s) && s[end] == c { // "!!!", "----", "###"
		end++
	}
	switch c {
	case '.', '?', '!':
		t.mark(i, end, c)
		if end == len(s) || byteKinds[s[end]] == kSpace || s[end] == '"' || s[end] == '\'' || s[end] == '<' || s[end] == ')' {
			t.cut(false)
		}
	case ';', '|':
		t.mark(i, end, c)
		if !pipe(s, end) {
			t.cut(c == '|')
		}
	case '"', '\'':
		// A quote beside the structure of JSON, or of Python's rendering of
		// it, begins or ends a value.
		if opensValue(s, i) || end < len(s) && structural(s[end]) {
			t.cut(true)
		} else {
			t.mark(i, end, c)
		}
	case '{', '}', '[', ']', '<', '>':
		t.mark(i, end, c)
		if c == '}' || c == '{' {
			t.cut(true)
		}
	case '/', '~':
		if n := path(s, i); n > 0 {
			t.add(i, i+n, foldHash(s[i:i+n]), pathToken)
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
	t.add(i, end, h, markToken)
}
