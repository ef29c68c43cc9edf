package audit

import (
	"encoding/json"
	"strconv"
	"strings"

	"toolward/gateway"
)

// secrecy knows which values of a call must not be written, and what is
// written instead. The nil secrecy hides nothing.
type secrecy struct {
	keys  *Keys
	pairs []string // value, token, value, token …
}

// minScrub is the shortest value that is also looked for in other texts of the
// call. Shorter ones would blot out innocent words.
const minScrub = 6

// hides reports whether the record must not show what a finding points at:
// credentials whatever guard does about them, and what the agent or the
// upstream was not to see either.
func hides(f *gateway.Finding) bool {
	return f.Kind == gateway.FindingSecret || f.Kind == gateway.FindingHoneytoken || f.Action == gateway.ActionRedact
}

// redact returns a body as it may be written. value is the body decoded, and
// asked for only if something has to be hidden.
func (s *secrecy) redact(raw json.RawMessage, stage gateway.Stage, findings []gateway.Finding, places []string, value func() any) (json.RawMessage, error) {
	var edits []gateway.Edit
	for i := range findings {
		f := &findings[i]
		if f.Stage != stage || !hides(f) {
			continue
		}
		text := textAt(value(), f)
		edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[" + f.Rule + " " + s.hide(text) + "]"})
	}
	for _, place := range places {
		text := ""
		if v, ok := lookup(value(), place); ok {
			text = asText(v)
		}
		edits = append(edits, gateway.Edit{Where: place, With: "[redacted " + s.hide(text) + "]"})
	}
	return gateway.Redact(raw, edits)
}

// hide returns the token of a value and remembers to scrub it elsewhere.
func (s *secrecy) hide(text string) string {
	token := s.keys.Token(text)
	if len(text) >= minScrub {
		s.pairs = append(s.pairs, text, "["+token+"]")
		if escaped := escapePointer(text); escaped != text {
			s.pairs = append(s.pairs, escaped, "["+token+"]")
		}
	}
	return token
}

// scrub takes hidden values out of another text of the call: a policy's reason
// that quotes an argument, a pointer through a member named by a secret, the
// upstream's error.
func (s *secrecy) scrub(text string) string {
	if len(s.pairs) == 0 || text == "" {
		return text
	}
	for i := 0; i < len(s.pairs); i += 2 {
		text = strings.ReplaceAll(text, s.pairs[i], s.pairs[i+1])
	}
	return text
}

// textAt is what a finding points at, as decoded text.
func textAt(root any, f *gateway.Finding) string {
	var text string
	if f.Key {
		last := f.Where[strings.LastIndexByte(f.Where, '/')+1:]
		text = unescapePointer(last)
	} else {
		v, ok := lookup(root, f.Where)
		if !ok {
			return ""
		}
		text = asText(v)
	}
	from, to := f.Span[0], f.Span[1]
	if from < 0 || to > len(text) || from >= to {
		return text
	}
	return text[from:to]
}

// asText is a string itself, and anything else as JSON.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// lookup follows an RFC 6901 pointer through a decoded value.
func lookup(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[unescapePointer(token)]
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

var (
	pointerEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escapePointer(s string) string   { return pointerEscaper.Replace(s) }
func unescapePointer(s string) string { return pointerUnescaper.Replace(s) }
