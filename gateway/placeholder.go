package gateway

import (
	"strings"
)

// A placeholder stands, in what an agent is shown, for a value that was taken out:
//
//	password: "s00pers3cretPw!"   →   password: "[redacted secret.password k3f9qm27xw4t]"
//
// It names the rule that found the value, and an ID that means something to one
// session only. What an agent sends with it, and what is like it, is the business
// of carry.go.
const placeholderStart = "[redacted "

// IDs of placeholders are so many letters and digits of this alphabet, 60 bits.
// Nobody mistakes one of them for another.
const (
	PlaceholderID       = 12
	PlaceholderAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Placeholder is what is shown in place of a value that a rule found, without an ID
// if nothing keeps the value.
func Placeholder(rule, id string) string {
	if id == "" {
		return placeholderStart + rule + "]"
	}
	return placeholderStart + rule + " " + id + "]"
}

// RuleLookalike is the rule of text that an upstream wrote and that could be taken
// for a placeholder. It is taken out as if it were a value: what agents carry back
// is then either a placeholder or theirs.
const RuleLookalike = "text.placeholder"

// spokenKinds are how rules begin that may take something out.
var spokenKinds = []string{"secret.", "pii.", "text.", "injection.", "exfil.", "provenance.", "honeytoken.", "hidden."}

// mark is a place in a text that is a placeholder or was one.
type mark struct {
	span     [2]int
	rule, id string // "" unless it is whole, letter by letter
}

// marks returns the places of a text that are placeholders, and those that look like
// one that was cut, re-cased or re-spaced. known, if it is not nil, reports whether
// an ID is one of the agent's: it is found without the words around it, too.
//
//	a [redacted pii.card k3f9qm27xw4t] b     one that is whole
//	[REDACTED PII.CARD k3f9qm27xw4t]         one that is not
//	redacted%20pii.card%20k3f9qm27xw4t       likewise
//	the redacted version of example.com      none
func marks(text string, known func(id string) bool) []mark {
	var found []mark
	for at := 0; ; {
		i := indexRedacted(text[at:])
		if i < 0 {
			break
		}
		i += at
		at = i + len("redacted")
		if m, ok := wholeMark(text, i-1); ok {
			found = append(found, m)
			at = m.span[1]
		} else if end := likeMark(text, at); end > 0 {
			found = append(found, mark{span: [2]int{i, end}})
			at = end
		}
	}
	if known == nil {
		return found
	}
	eachID(text, func(at int, id string) {
		if !known(id) {
			return
		}
		for _, m := range found {
			if m.span[0] <= at && at+PlaceholderID <= m.span[1] {
				return
			}
		}
		found = append(found, mark{span: [2]int{at, at + PlaceholderID}})
	})
	return found
}

const redacted = "redacted"

// indexRedacted is where the word begins, in any case; -1 if nowhere. Every result is
// searched, so it looks at the last letter first and goes as far on as that allows
// (Horspool, Practical Fast Searching in Strings, 1980).
func indexRedacted[T ~string | ~[]byte](s T) int {
next:
	for end := len(redacted) - 1; end < len(s); end += int(redactedSkip[s[end]]) {
		i := end - len(redacted) + 1
		for j := range len(redacted) {
			if s[i+j]|0x20 != redacted[j] {
				continue next
			}
		}
		return i
	}
	return -1
}

// redactedSkip is how far the word moves on whose last letter is over a byte.
var redactedSkip = func() (skip [256]uint8) {
	for i := range skip {
		skip[i] = uint8(len(redacted))
	}
	for i, c := range []byte(redacted[:len(redacted)-1]) {
		skip[c], skip[c-0x20] = uint8(len(redacted)-1-i), uint8(len(redacted)-1-i)
	}
	return skip
}()

// wholeMark reads a placeholder that begins at i.
func wholeMark(text string, i int) (mark, bool) {
	if i < 0 || !strings.HasPrefix(text[i:], placeholderStart) {
		return mark{}, false
	}
	rest := text[i+len(placeholderStart):]
	n := strings.IndexFunc(rest, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-') })
	if n <= 0 || !strings.HasPrefix(rest[n:], " ") || len(rest) < n+1+PlaceholderID+1 || rest[n+1+PlaceholderID] != ']' {
		return mark{}, false
	}
	id := rest[n+1 : n+1+PlaceholderID]
	if strings.Trim(id, PlaceholderAlphabet) != "" {
		return mark{}, false
	}
	return mark{[2]int{i, i + len(placeholderStart) + n + 1 + PlaceholderID + 1}, rest[:n], id}, true
}

// likeMark is how far what follows the word goes on as a placeholder does: up to
// eight characters that are no letters, and how a rule begins. 0 if it does not.
func likeMark(text string, at int) (end int) {
	rest := text[at:]
	gap := strings.IndexFunc(rest, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
	if gap <= 0 || gap > 8 || rest[0] == '.' {
		return 0
	}
	for _, kind := range spokenKinds {
		end := gap + len(kind)
		if end < len(rest) && strings.EqualFold(rest[gap:end], kind) && letterOrDigit(rest[end]) {
			return at + end
		}
	}
	return 0
}

// eachID calls visit with what an ID may be: the first and the last letters and digits
// of each run of them, in lower case.
//
//	%20k3f9qm27xw4t%5D   "20k3f9qm27xw", "k3f9qm27xw4t"
func eachID(text string, visit func(at int, id string)) {
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && letterOrDigit(text[i]) {
			continue
		}
		if i-start >= PlaceholderID {
			visit(start, strings.ToLower(text[start:start+PlaceholderID]))
			if i-start > PlaceholderID {
				visit(i-PlaceholderID, strings.ToLower(text[i-PlaceholderID:i]))
			}
		}
		start = i + 1
	}
}

func letterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
