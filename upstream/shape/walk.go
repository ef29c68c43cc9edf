package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Fit returns the value as it fits the shape of a name: the same bytes if
// nothing had to change. What was changed is named by its place (RFC 6901). The
// error says where it does not fit, and what is wanted there. The value is JSON
// that gateway.CheckJSON accepted.
func (s *Shapes) Fit(name string, value json.RawMessage) (fitting json.RawMessage, changed []string, err error) {
	w := walker{Cursor: Over(value)}
	if w.b[w.i] != '{' {
		return nil, nil, errors.New("an object is wanted, not " + what(w.Skip()))
	}
	w.path = w.room[:0]
	if err := w.object(s.named[name]); err != nil {
		return nil, nil, err
	}
	if len(w.edits) == 0 {
		return value, nil, nil
	}
	return w.apply(), w.changed, nil
}

// walker goes over checked JSON once and allocates nothing for what fits.
type walker struct {
	Cursor
	path    []step
	room    [12]step // of path, which is rarely longer
	edits   []edit
	changed []string
}

// step is one token of the place where the walker is.
type step struct {
	name  []byte // a member's name as it stands in JSON, without quotes
	index int    // of an array's element, if name is nil
}

// edit puts text in place of b[from:to].
type edit struct {
	from, to int
	with     string
}

// note remembers a change at the place where the walker is.
func (w *walker) note(e edit) {
	w.edits = append(w.edits, e)
	w.changed = append(w.changed, w.place())
}

func (w *walker) place() string {
	var b []byte
	for _, s := range w.path {
		if s.name == nil {
			b = fmt.Appendf(b, "/%d", s.index)
		} else {
			b = append(append(b, '/'), clip(s.name)...)
		}
	}
	return string(b)
}

// clip bounds a name that an upstream chose.
func clip(name []byte) []byte {
	const most = 60
	if len(name) <= most {
		return name
	}
	return append(bytes.ToValidUTF8(name[:most], nil), "…"...)
}

func (w *walker) misfit(t *typ, is json.RawMessage) error {
	place := w.place()
	if place != "" {
		place = "at " + place + ": "
	}
	return errors.New(place + t.wanted() + " is wanted, not " + what(is))
}

func (t *typ) wanted() string {
	switch t.kind {
	case list:
		return "an array"
	case many:
		return t.elem.wanted()
	case dict, shaped:
		return "an object"
	case schema:
		return "a schema"
	case words:
		return `"` + strings.Join(t.words, `" or "`) + `"`
	}
	return articles[t.name]
}

var articles = map[string]string{
	"string": "a string", "boolean": "a boolean", "flag": "a boolean", "number": "a number", "integer": "an integer", "count": "an integer that is not negative", "whole": "an integer that is not negative",
	"token": "a string or an integer", "fraction": "a number from 0 to 1", "uri": "a URI with a scheme", "base64": "base64 with padding", "datetime": "a date and time with its offset",
	"url": "a URL that can be visited", "file": "a file:// URI", "lifetime": "a number or null",
	"field": "a string, a number, a boolean or an array of strings", "choices": "an enum of strings, or anyOf with const and title",
}

func what(v json.RawMessage) string {
	switch v[0] {
	case '"':
		return "this string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "this number"
}

// apply writes the value with its edits.
func (w *walker) apply() json.RawMessage {
	slices.SortStableFunc(w.edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return a.to - b.to
	})
	out := make([]byte, 0, len(w.b)+64)
	at := 0
	for _, e := range w.edits {
		out = append(append(out, w.b[at:e.from]...), e.with...)
		at = e.to
	}
	return append(out, w.b[at:]...)
}

// text is a JSON string's value.
func text(v json.RawMessage) string {
	s, _ := jsontext.AppendUnquote(nil, v) // checked before
	return string(s)
}
