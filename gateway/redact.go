package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Edit replaces part of a JSON value.
type Edit struct {
	Where string // RFC 6901 pointer; "" is the whole value
	Key   bool   // the span is in the name of the member at Where
	Span  [2]int // byte offsets in the decoded string; {0,0} replaces the whole value
	With  string // what stands there instead; made a JSON string when it replaces a whole value
	JSON  bool   // With is JSON itself; for a whole value only

	// Keep, if it is not nil, is given what stood there and returns what stands there
	// instead. The text is JSON if it was no string.
	Keep func(text string, json bool) string
}

// with is what stands in place of a text.
func (e *Edit) with(text string, json bool) string {
	if e.Keep != nil {
		return e.Keep(text, json)
	}
	return e.With
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
		return r.read(func(v []byte) error { return r.replace(v, &edits[i]) })
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
			return r.replace(v, &edits[0])
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
		sub := here.inside[Unquote(string(name))]
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

// replace puts what an edit says where the value v, just read, stood.
func (r *redactor) replace(v []byte, e *Edit) error {
	switch {
	case e.JSON:
		r.before(v)
		r.out = append(r.out, e.With...)
		return nil
	case v[0] == '"':
		return r.write(v, e.with(Unquote(string(v)), false))
	}
	return r.write(v, e.with(string(v), true))
}

// before copies what stands before the value v, just read.
func (r *redactor) before(v []byte) {
	end := r.dec.InputOffset()
	r.out = append(r.out, r.in[r.done:end-int64(len(v))]...)
	r.done = end
}

// write puts a string where the value v, just read, stood.
func (r *redactor) write(v []byte, with string) error {
	r.before(v)
	var err error
	r.out, err = jsontext.AppendQuote(r.out, with)
	return err
}

// replaceSpans rewrites a string with the spans replaced. Spans that overlap are one,
// and stand where the first of them stood. A span out of range is widened to the
// whole string rather than missed.
func (r *redactor) replaceSpans(v []byte, edits []Edit) error {
	s := Unquote(string(v))
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Span[0], b.Span[0]) })
	var b strings.Builder
	at := 0
	for i := 0; i < len(edits); {
		e := &edits[i]
		from, to := e.Span[0], e.Span[1]
		for ; i < len(edits) && (&edits[i] == e || edits[i].Span[0] < to); i++ {
			if next := edits[i].Span; next[0] < 0 || next[1] > len(s) || next[0] >= next[1] {
				return r.replace(v, &edits[i])
			}
			to = max(to, edits[i].Span[1])
		}
		from, to = runes(s, from, to)
		from = max(from, at) // of a character that two spans share
		if from >= to {
			continue
		}
		b.WriteString(s[at:from])
		b.WriteString(e.with(s[from:to], false))
		at = to
	}
	b.WriteString(s[at:])
	return r.write(v, strings.ToValidUTF8(b.String(), ""))
}

// runes widens a span so that no character is cut.
func runes(s string, from, to int) (int, int) {
	for from > 0 && !utf8.RuneStart(s[from]) {
		from--
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to++
	}
	return from, to
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
