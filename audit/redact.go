package audit

import (
	"encoding/json"
	"strings"

	"toolward/gateway"
)

// secrecy knows which values of a call must not be written, and what is
// written instead. The nil secrecy hides nothing.
type secrecy struct {
	keys    *Keys
	secrets []secret
	scrubs  *scrubber // for secrets; nil until needed
}

// part says which of a call's texts findings are about.
type part struct {
	stage  gateway.Stage
	beside bool // what is sent beside the arguments
}

var (
	partArgs   = part{stage: gateway.StageRequest}
	partBeside = part{gateway.StageRequest, true}
	partResult = part{stage: gateway.StageResult}
)

func (p part) hides(f *gateway.Finding) bool {
	return f.Stage == p.stage && f.Beside == p.beside && f.Hidden()
}

// redact returns a body as it may be written. value is the body decoded, and
// asked for only if something has to be hidden.
func (s *secrecy) redact(raw json.RawMessage, p part, findings []gateway.Finding, places []string, value func() any) (json.RawMessage, error) {
	var edits []gateway.Edit
	for i := range findings {
		f := &findings[i]
		if !p.hides(f) {
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
		s.scrubs = nil
		s.secrets = append(s.secrets, secret{text, "[" + token + "]"})
		if escaped := pointerEscaper.Replace(text); escaped != text {
			s.secrets = append(s.secrets, secret{escaped, "[" + token + "]"})
		}
	}
	return token
}

// scrub takes hidden values out of another text of the call, and bounds it: a
// policy's reason that quotes an argument, a pointer through a member named by
// a secret, the upstream's error.
func (s *secrecy) scrub(text string) string {
	if len(s.secrets) > 0 && text != "" {
		if s.scrubs == nil {
			s.scrubs = newScrubber(s.secrets)
		}
		text = s.scrubs.replace(text, maxText)
	}
	return clip(text, maxText)
}

// all is [secrecy.scrub] of a bounded list of texts.
func (s *secrecy) all(texts []string) []string {
	var scrubbed []string
	for _, text := range texts[:min(len(texts), 50)] {
		scrubbed = append(scrubbed, s.scrub(text))
	}
	return scrubbed
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
