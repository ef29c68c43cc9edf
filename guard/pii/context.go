package pii

import "strings"

// before is how far back words are read that say what a value is, in bytes; after
// is how far on, for "… is my passport number".
const (
	before = 56
	after  = 24
)

// denials name numbers that are not personal.
var denials = []string{"order", "tracking", "invoice", "sku", "part no", "part number", "isbn", "issn", "serial", "ticket", "timestamp", "\"ts\"", "epoch", "version", "build", "product", "model",
	"upc", "ean", "gtin", "asin", "transaction", "txn", "parcel", "shipment", "awb", "po number", "batch", "lot", "commit", "sha", "hash", "latitude", "longitude", "coord", "pixel", "bytes", "offset", "sequence", "port", "snowflake",
	"trace", "span", "request_id", "request id", "message_id", "message id", "job", "run_id", "build_id", "uuid", "zip", "postal", "checksum", "loss", "price", "amount", "total"}

// said reports whether one of words stands shortly before s[start:], in the
// field's name, or shortly after s[:end]. Words are lower case; letters of ASCII
// are compared without case, and a word of up to four letters must stand alone.
func (t *text) said(start, end int, words []string) bool {
	window := t.s[max(0, start-before):start]
	tail := t.s[end:min(len(t.s), end+after)]
	if i := strings.IndexByte(tail, '\n'); i >= 0 {
		tail = tail[:i]
	}
	for _, word := range words {
		if hasWord(window, word) || hasWord(t.key, word) || hasWord(tail, word) {
			return true
		}
	}
	return false
}

// denied reports whether the words before s[start:] name a number of another kind.
func (t *text) denied(start int) bool {
	window := t.s[max(0, start-24):start]
	for _, word := range denials {
		if hasWord(window, word) || hasWord(t.key, word) {
			return true
		}
	}
	return hasWord(window[max(0, len(window)-6):], "id")
}

// hasWord reports whether word stands in s, ASCII letters compared without case.
// It need only begin where a letter does not come before it ("tax_id" has "id",
// "void" has not); short words must end so as well.
func hasWord(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if upper(s[i]) != upper(word[0]) || !strings.EqualFold(s[i:i+len(word)], word) {
			continue
		}
		end := i + len(word)
		if i > 0 && isLetter(s[i-1]) && isLetter(s[i]) && !(s[i-1] >= 'a' && s[i] < 'a') && !isEscaped(s, i-1) {
			continue
		}
		if len(word) <= 4 && end < len(s) && isLetter(s[end]) && isLetter(s[end-1]) && !(s[end-1] >= 'a' && s[end] < 'a') {
			continue
		}
		return true
	}
	return false
}

// isEscaped reports whether s[i] is the letter of an escape like \n.
func isEscaped(s string, i int) bool {
	return i > 0 && s[i-1] == '\\' && strings.IndexByte("nrtbf", s[i]) >= 0
}
