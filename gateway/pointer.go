package gateway

import (
	"encoding/json"
	"strconv"
	"strings"
)

// At follows an RFC 6901 pointer through a decoded value (see [Args.Value]).
func At(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[pointerUnescaper.Replace(token)]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	return v, true
}

var pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")

// Hidden reports whether nobody may read later what the finding points at, in
// the record or while deciding an approval: credentials whatever guard does
// about them, and what was redacted on the way.
func (f *Finding) Hidden() bool {
	return f.Kind == FindingSecret || f.Kind == FindingHoneytoken || f.Action.TakesOut()
}

// Text is what the finding points at in the decoded value that was scanned; the
// whole string if the span does not fit it, as [Redact] replaces the whole, and
// "" if there is nothing at Where.
func (f *Finding) Text(scanned any) string {
	var text string
	if f.Key {
		text = pointerUnescaper.Replace(f.Where[strings.LastIndexByte(f.Where, '/')+1:])
	} else if v, ok := At(scanned, f.Where); ok {
		text = TextOf(v)
	}
	from, to := f.Span[0], f.Span[1]
	if from < 0 || to > len(text) || from >= to {
		return text
	}
	return text[from:to]
}

// TextOf is a decoded string itself, and any other decoded value as JSON.
func TextOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // decoded values always have a JSON form
	}
	return string(b)
}
