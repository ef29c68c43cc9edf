package audit

import (
	"encoding/json"
	"strings"

	"toolward/gateway"
)

// secrecy knows which values of a call must not be written, and what is
// written instead. The nil secrecy hides nothing.
type secrecy struct {
	keys     *Keys
	pairs    []string          // value, token, value, token …
	replacer *strings.Replacer // of pairs; nil until needed
}

// minScrub is the shortest value that is also looked for in other texts of the
// call. Shorter ones would blot out innocent words.
const minScrub = 6

// redact returns a body as it may be written. value is the body decoded, and
// asked for only if something has to be hidden.
func (s *secrecy) redact(raw json.RawMessage, stage gateway.Stage, findings []gateway.Finding, places []string, value func() any) (json.RawMessage, error) {
	var edits []gateway.Edit
	for i := range findings {
		f := &findings[i]
		if f.Stage != stage || !f.Hidden() {
			continue
		}
		text := f.Text(value())
		edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[" + f.Rule + " " + s.hide(text) + "]"})
	}
	for _, place := range places {
		text := ""
		if v, ok := gateway.At(value(), place); ok {
			text = gateway.TextOf(v)
		}
		edits = append(edits, gateway.Edit{Where: place, With: "[redacted " + s.hide(text) + "]"})
	}
	return gateway.Redact(raw, edits)
}

// hide returns the token of a value and remembers to scrub it elsewhere.
func (s *secrecy) hide(text string) string {
	token := s.keys.Token(text)
	if len(text) >= minScrub {
		s.replacer = nil
		s.pairs = append(s.pairs, text, "["+token+"]")
		if escaped := pointerEscaper.Replace(text); escaped != text {
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
	if s.replacer == nil {
		s.replacer = strings.NewReplacer(s.pairs...) // one pass over a text, however many values there are
	}
	return s.replacer.Replace(text)
}

// all scrubs and bounds a list of texts.
func (s *secrecy) all(texts []string) []string {
	var scrubbed []string
	for _, text := range texts[:min(len(texts), 50)] {
		scrubbed = append(scrubbed, clip(s.scrub(text), maxText))
	}
	return scrubbed
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
