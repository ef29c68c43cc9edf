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
	r := redactor{in: raw, dec: jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))}
	var root places
	for _, e := range edits {
		root.add(e)
	}
	if err := r.value(&root); err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	if left := root.left(); left > 0 {
		return nil, fmt.Errorf("redact: %d of %d places are not in the value", left, left+r.found)
	}
	return append(r.out, raw[r.done:]...), nil
}

// places are edits by where they point: those of one value, and those inside
// it. A tree, so that a walk looks at each member's own name only, however long
// the names around it are and however many edits there are.
type places struct {
	value, key []Edit
	inside     map[string]*places // by member name or index
}

func (p *places) add(e Edit) {
	if e.Where != "" {
		for token := range strings.SplitSeq(strings.TrimPrefix(e.Where, "/"), "/") {
			name := pointerUnescaper.Replace(token)
			next := p.inside[name]
			if next == nil {
				if p.inside == nil {
					p.inside = map[string]*places{}
				}
				next = &places{}
				p.inside[name] = next
			}
			p = next
		}
	}
	if e.Key {
		p.key = append(p.key, e)
	} else {
		p.value = append(p.value, e)
	}
}

// left is how many places were not come across.
func (p *places) left() int {
	n := 0
	if len(p.value)+len(p.key) > 0 {
		n = 1
	}
	for _, sub := range p.inside {
		n += sub.left()
	}
	return n
}

type redactor struct {
	in    []byte
	out   []byte
	done  int64 // input copied or replaced so far
	dec   *jsontext.Decoder
	found int
}

// value walks one value. What is edited is taken out of here, and what is
// inside of it too once the whole was replaced.
func (r *redactor) value(here *places) error {
	if here == nil {
		return r.dec.SkipValue()
	}
	edits := here.value
	if len(here.value)+len(here.key) > 0 {
		r.found++
		here.value, here.key = nil, nil
	}
	if i := slices.IndexFunc(edits, func(e Edit) bool { return e.Span == [2]int{} }); i >= 0 {
		here.inside = nil
		return r.read(func(v []byte) error { return r.replace(v, edits[i].With) })
	}
	switch r.dec.PeekKind() {
	case '{':
		return r.object(here)
	case '[':
		return r.array(here)
	}
	return r.read(func(v []byte) error {
		switch {
		case len(edits) == 0:
			return nil
		case v[0] != '"':
			return r.replace(v, edits[0].With)
		}
		return r.replaceSpans(v, edits)
	})
}

func (r *redactor) read(then func([]byte) error) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	return then(v)
}

func (r *redactor) object(here *places) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		sub := here.inside[unquote(name)]
		if sub != nil && len(sub.key) > 0 {
			if err := r.replaceSpans(name, sub.key); err != nil {
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

func (r *redactor) array(here *places) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	var index []byte
	for i := 0; ; i++ {
		if k := r.dec.PeekKind(); k == ']' || k == 0 {
			break
		}
		index = strconv.AppendInt(index[:0], int64(i), 10)
		if err := r.value(here.inside[string(index)]); err != nil {
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
