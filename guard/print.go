package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
)

// printSize is the bytes of a fingerprint: enough that no two things an
// operator meets share one.
const printSize = 12

// print is the fingerprint of what a rule found: a keyed hash of the rule and
// of the text without its case and spacing, so that an exception for a text
// covers it wherever it stands and however it is wrapped.
func (s *Scanner) print(rule, text string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(rule))
	m.Write([]byte{0})
	m.Write([]byte(fold(text)))
	return hex.EncodeToString(m.Sum(nil)[:printSize])
}

// fold lowers a text and joins its words with single spaces.
func fold(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
