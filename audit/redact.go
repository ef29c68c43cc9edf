package audit

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"

	"toolward/gateway"
)

// secrecy knows which values of a call must not be written, and what is
// written instead. The nil secrecy hides nothing.
type secrecy struct {
	keys    *Keys
	own     *gateway.Scrubber // the gateway's own, whatever the call
	find    Finder
	secrets []gateway.Secret
	scrubs  *gateway.Scrubber // for secrets; nil until needed
}

// Finder finds credentials in a JSON value that nobody judged. What it fails on
// is hidden whole.
type Finder func(json.RawMessage) ([]gateway.Finding, error)

// said is a person's word about what they do to the record, without the credentials in
// it. It is signed, and stays for ever.
func (w *writer) said(text string) string {
	s := secrecy{keys: w.keys, own: w.own.Load(), find: w.opts.Find}
	s.look(text)
	return column(s.scrub(text))
}

// look hides what a text holds that is written without having been judged: a
// name that no tool has, a reason, the text of an error.
func (s *secrecy) look(texts ...string) {
	for _, text := range texts {
		text = text[:min(len(text), maxText+maxLook)]
		if s.find == nil || len(text) < gateway.MinScrub {
			continue
		}
		text = strings.ToValidUTF8(text, "\uFFFD")
		found, err := s.find(appendString(nil, text))
		if err != nil {
			s.hide(text)
		}
		for i := range found {
			s.hide(found[i].Text(text))
		}
	}
}

// maxLook is how far behind the end of what is written is looked, in bytes: a
// credential that the end cuts is one all the same.
const maxLook = 1 << 10

// clean is JSON of the gateway's own making without the credentials in it: what
// an issuer says of an agent, what an upstream says of a tool. keep are pointers
// to what stays as it is.
func (s *secrecy) clean(raw json.RawMessage, keep ...string) json.RawMessage {
	line, err := s.cleaned(raw, func(where string) bool { return !slices.Contains(keep, where) })
	if err != nil {
		o := object{b: []byte{'{'}}
		o.text("error", leftOut+err.Error())
		o.close()
		return o.b
	}
	// The scope claim is a list as well, whose words say less than the whole.
	secrets := s.secrets
	for _, v := range s.secrets {
		for word := range strings.FieldsSeq(v.Text) {
			if len(word) >= minWord {
				secrets = append(secrets, gateway.Secret{Text: word, Token: v.Token})
			}
		}
	}
	if len(secrets) > 0 {
		line = json.RawMessage(gateway.NewScrubber(secrets).Replace(string(line), math.MaxInt32))
	}
	return line
}

// leftOut stands where nobody can say what a text holds.
const leftOut = "left out, it could not be redacted: "

// cleanOnly is clean within the members named. If it fails, they are left out, and
// the others stay: they may decide something.
func (s *secrecy) cleanOnly(raw json.RawMessage, members ...string) json.RawMessage {
	line, err := s.cleaned(raw, func(where string) bool {
		first, _, _ := strings.Cut(strings.TrimPrefix(where, "/"), "/")
		return slices.Contains(members, first)
	})
	if err == nil {
		return line
	}
	o, splitErr := gateway.Split(raw)
	if splitErr != nil {
		return raw // no object: it has no members
	}
	all := slices.Clone(o.Members())
	for i := range all {
		if slices.Contains(members, all[i].Name) {
			all[i].Value = appendString(nil, leftOut+err.Error())
		}
	}
	return gateway.JoinMembers(all)
}

func (s *secrecy) cleaned(raw json.RawMessage, take func(where string) bool) (json.RawMessage, error) {
	if s.find == nil {
		return raw, nil
	}
	found, err := s.find(raw)
	found = slices.DeleteFunc(found, func(f gateway.Finding) bool { return !take(f.Where) })
	if err != nil {
		return nil, err
	}
	return s.redact(raw, partArgs, found, nil, sync.OnceValue(func() any { return gateway.Decode(raw) }))
}

// minWord is the shortest word of a credential of several that is hidden alone.
const minWord = 12

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
	if len(text) >= gateway.MinScrub {
		s.scrubs = nil
		s.secrets = append(s.secrets, gateway.Secret{Text: text, Token: "[" + token + "]"})
		if escaped := pointerEscaper.Replace(text); escaped != text {
			s.secrets = append(s.secrets, gateway.Secret{Text: escaped, Token: "[" + token + "]"})
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
			s.scrubs = gateway.NewScrubber(s.secrets)
		}
		text = s.scrubs.Replace(text, maxText)
	}
	return clip(s.own.Replace(text, maxText), maxText)
}

// all is [secrecy.scrub] of a bounded list of texts, each at most so long.
func (s *secrecy) all(texts []string, most int) []string {
	var scrubbed []string
	for _, text := range texts[:min(len(texts), 50)] {
		scrubbed = append(scrubbed, clip(s.scrub(text), most))
	}
	return scrubbed
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
