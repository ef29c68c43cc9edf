package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Edit replaces part of a JSON value.
type Edit struct {
	Where string // RFC 6901 pointer; "" is the whole value
	Key   bool   // the span is in the name of the member at Where
	Span  [2]int // byte offsets in the decoded string; {0,0} replaces the whole value
	With  string // what stands there instead; made a JSON string when it replaces a whole value
}

// Redacted is what stands where something was taken out.
const Redacted = "[redacted]"

// Redact applies edits to checked JSON. Everything outside the edited strings
// stays byte for byte as it was, and the output is valid JSON. Overlapping
// spans are merged. An edit that points nowhere is an error: silence would let
// pass what should have been taken out.
func Redact(raw json.RawMessage, edits []Edit) (json.RawMessage, error) {
	if len(edits) == 0 {
		return raw, nil
	}
	r := redactor{in: raw, byPlace: map[string][]Edit{}, dec: jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))}
	for _, e := range edits {
		r.byPlace[e.Where] = append(r.byPlace[e.Where], e)
	}
	r.left = len(r.byPlace)
	if err := r.value(nil); err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	if r.left > 0 {
		return nil, fmt.Errorf("redact: %d of %d places are not in the value", r.left, len(r.byPlace))
	}
	return append(r.out, raw[r.done:]...), nil
}

type redactor struct {
	in      []byte
	out     []byte
	done    int64 // input copied or replaced so far
	dec     *jsontext.Decoder
	byPlace map[string][]Edit
	left    int
}

// value walks one value. path is the pointer as bytes, grown and cut in place.
func (r *redactor) value(path []byte) error {
	edits, here := r.byPlace[string(path)]
	if here {
		r.left--
		if slices.ContainsFunc(edits, func(e Edit) bool { return !e.Key && e.Span == [2]int{} }) {
			return r.whole(path, edits)
		}
	}
	switch r.dec.PeekKind() {
	case '{':
		return r.object(path)
	case '[':
		return r.array(path)
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	spans := slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return e.Key })
	if len(spans) > 0 {
		if v.Kind() != '"' {
			return r.replace(v, spans[0].With)
		}
		return r.replaceSpans(v, spans)
	}
	return nil
}

// whole replaces a value by a string, and forgets edits that pointed inside it.
func (r *redactor) whole(path []byte, edits []Edit) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	prefix := string(path) + "/"
	for place := range r.byPlace {
		if strings.HasPrefix(place, prefix) {
			r.left--
		}
	}
	i := slices.IndexFunc(edits, func(e Edit) bool { return !e.Key && e.Span == [2]int{} })
	return r.replace(v, edits[i].With)
}

func (r *redactor) object(path []byte) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		key := unquote(name)
		sub := AppendPointer(path, key)
		keyEdits := slices.DeleteFunc(slices.Clone(r.byPlace[string(sub)]), func(e Edit) bool { return !e.Key })
		if len(keyEdits) > 0 {
			if err := r.replaceSpans(name, keyEdits); err != nil {
				return err
			}
		}
		if err := r.value(sub); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

func (r *redactor) array(path []byte) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if k := r.dec.PeekKind(); k == ']' || k == 0 {
			break
		}
		if err := r.value(strconv.AppendInt(append(path, '/'), int64(i), 10)); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// replace puts a string where the value v, just read, stood.
func (r *redactor) replace(v []byte, with string) error {
	end := r.dec.InputOffset()
	r.out = append(r.out, r.in[r.done:end-int64(len(v))]...)
	r.done = end
	var err error
	r.out, err = jsontext.AppendQuote(r.out, with)
	return err
}

// replaceSpans rewrites a string with the spans replaced. A span out of range
// is widened to the whole string rather than missed.
func (r *redactor) replaceSpans(v []byte, edits []Edit) error {
	s := unquote(v)
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Span[0], b.Span[0]) })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		from, to := e.Span[0], e.Span[1]
		if from < 0 || to > len(s) || from >= to {
			return r.replace(v, e.With)
		}
		if to <= at {
			continue
		}
		if from >= at {
			b.WriteString(s[at:from])
			b.WriteString(e.With)
		}
		at = to
	}
	b.WriteString(s[at:])
	return r.replace(v, strings.ToValidUTF8(b.String(), ""))
}

// AppendPointer adds a reference token to an RFC 6901 pointer.
func AppendPointer(path []byte, name string) []byte {
	path = append(path, '/')
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '~':
			path = append(path, '~', '0')
		case '/':
			path = append(path, '~', '1')
		default:
			path = append(path, name[i])
		}
	}
	return path
}

// redactArgs makes what is sent: the arguments, without what guard and policy
// want taken out.
func redactArgs(c *Call) (Args, error) {
	edits := editsFor(c.Findings, StageRequest, c.Decision.Redact)
	if len(edits) == 0 {
		return c.Args, nil
	}
	raw, err := Redact(c.Args.Raw(), edits)
	if err != nil {
		return Args{}, err
	}
	if raw[0] != '{' {
		raw = json.RawMessage("{}") // the whole of the arguments was redacted
	}
	return newArgs(raw), nil
}

// redactResult rewrites the result where guard and policy want something taken out.
func redactResult(c *Call, findings []Finding) error {
	edits := editsFor(findings, StageResult, c.ResultDecision.Redact)
	if len(edits) == 0 {
		return nil
	}
	raw, err := Redact(c.Result.Bytes(), edits)
	if err != nil {
		return err
	}
	if raw[0] != '{' {
		return fmt.Errorf("the whole result was to be redacted")
	}
	redacted := *c.Result
	redacted.Original = c.Result.Bytes()
	if redacted.Error != nil {
		redacted.Error = raw
	} else {
		redacted.Raw = raw
	}
	c.Result = &redacted
	return nil
}

func editsFor(findings []Finding, stage Stage, places []string) []Edit {
	var edits []Edit
	for _, f := range findings {
		if f.Stage == stage && f.Action == ActionRedact {
			edits = append(edits, Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[redacted " + f.Rule + "]"})
		}
	}
	for _, p := range places {
		edits = append(edits, Edit{Where: p, With: Redacted})
	}
	return edits
}
