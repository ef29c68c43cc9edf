package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// value holds the value that begins here against a type, and passes it. After
// an error the walker stands anywhere.
func (w *walker) value(t *typ) error {
	if t.says {
		return w.saying(t)
	}
	return w.plain(t)
}

func (w *walker) plain(t *typ) error {
	switch c := w.b[w.i]; t.kind {
	case anything:
		w.Skip()
		return nil
	case shaped, dict:
		if c == '{' {
			if t.kind == dict {
				return w.dict(t)
			}
			return w.object(t.of)
		}
		if w.asEmpty(t) {
			return nil
		}
	case list:
		if c == '[' {
			return w.list(t)
		}
		if t.elem.says && c != 'n' {
			return w.alone(t)
		}
	case many:
		if c != '[' {
			return w.value(t.elem)
		}
		return w.list(t)
	case schema:
		return w.schema(t)
	case words:
		return w.word(t)
	case scalar:
		start := w.i
		v := w.Skip()
		if t.fits(v) {
			return nil
		}
		if with, ok := flags[string(v)]; ok && t.name == "flag" {
			w.note(edit{start, w.i, with})
			return nil
		}
		return w.misfit(t, v)
	}
	return w.misfit(t, w.Skip())
}

// asEmpty takes [] for the empty object, and as an input schema also `true`.
func (w *walker) asEmpty(t *typ) bool {
	start := w.i
	v := w.Skip()
	if string(v) != "true" || t.mark != '=' {
		if v[0] != '[' || len(bytes.TrimSpace(v[1:len(v)-1])) > 0 {
			w.i = start
			return false
		}
	}
	with, ok := t.filled()
	if !ok {
		w.i = start
		return false
	}
	w.note(edit{start, w.i, with})
	return true
}

// filled is what is put in for nothing: an object with what its shape puts in;
// ok is false if the shape wants more than that.
func (t *typ) filled() (with string, ok bool) {
	if t.kind != shaped || t.with != "" {
		return t.empty(), true
	}
	w := walker{Cursor: Cursor{b: []byte("{}")}}
	if w.object(t.of) != nil {
		return "", false
	}
	return string(w.apply()), true
}

func (w *walker) schema(t *typ) error {
	start := w.i
	v := w.Skip()
	switch {
	case v[0] == '{':
	case string(v) == "true":
		w.note(edit{start, w.i, "{}"})
	case string(v) == "false":
		w.note(edit{start, w.i, `{"not":{}}`})
	default:
		return w.misfit(t, v)
	}
	return nil
}

// word takes ["object"], and ["object","null"] where null cannot be, for "object".
func (w *walker) word(t *typ) error {
	start := w.i
	v := w.Skip()
	for _, word := range t.words {
		if v[0] == '"' && (string(v[1:len(v)-1]) == word || bytes.IndexByte(v, '\\') >= 0 && text(v) == word) {
			return nil
		}
	}
	var several []string
	if t.mark == '=' && v[0] == '[' && json.Unmarshal(v, &several) == nil && slices.Contains(several, t.words[0]) {
		w.note(edit{start, w.i, t.empty()})
		return nil
	}
	return w.misfit(t, v)
}

// alone makes an array of what stands where one belongs:
//
//	"content":{"type":"text","text":"a"}  "content":[{"type":"text","text":"a"}]
func (w *walker) alone(t *typ) error {
	start := w.i
	w.note(edit{start, start, "["})
	if err := w.value(t.elem); err != nil {
		return err
	}
	w.edits = append(w.edits, edit{w.i, w.i, "]"})
	return nil
}

func (w *walker) list(t *typ) error {
	w.i++
	w.path = append(w.path, step{})
	for n := 0; ; n++ {
		w.space()
		switch w.b[w.i] {
		case ']':
			w.i++
			w.path = w.path[:len(w.path)-1]
			return nil
		case ',':
			if n == t.most && n > 0 {
				w.rest()
				continue
			}
			w.i++
			w.space()
		}
		w.path[len(w.path)-1].index = n
		if err := w.value(t.elem); err != nil {
			return err
		}
	}
}

// rest takes the rest of an array out, from the comma on:
//
//	["a","b","c"]  after one  ["a"]
func (w *walker) rest() {
	comma := w.i
	for w.b[w.i] == ',' {
		w.i++
		w.space()
		w.Skip()
		w.space()
	}
	w.note(edit{comma, w.i, ""})
}

// dict is an object whose members are all of one type.
func (w *walker) dict(t *typ) error {
	if t.elem.kind == anything {
		w.Skip()
		return nil
	}
	m := members{w: w}
	for m.next() {
		if err := w.value(t.elem); err != nil {
			return err
		}
		m.keep()
	}
	return nil
}

// object holds an object against a shape.
func (w *walker) object(o *object) error {
	variant := o.variant(w)
	m := members{w: w}
	open := w.i + 1
	var seen, also uint64
	for m.next() {
		in, at, mark := o, -1, &seen
		if variant != nil {
			if at = variant.find(m.name); at >= 0 {
				in, mark = variant, &also
			}
		}
		if at < 0 {
			at = o.find(m.name)
		}
		if at < 0 {
			w.Skip()
			m.keep()
			continue
		}
		kept, err := m.judge(in.members[at].typ)
		if err != nil {
			return err
		}
		if kept {
			*mark |= 1 << at
		}
	}
	put, err := w.missing(o, seen)
	if err == nil && variant != nil {
		var more []string
		more, err = w.missing(variant, also)
		put = append(put, more...)
	}
	if err != nil || len(put) == 0 {
		return err
	}
	with := strings.Join(put, ",")
	if m.kept {
		with += ","
	}
	w.edits = append(w.edits, edit{open, open, with})
	return nil
}

// missing says what a shape wants that was not there: what is put in, or an
// error.
func (w *walker) missing(o *object, seen uint64) (put []string, err error) {
	has := func(name string) bool {
		at := o.find([]byte(name))
		return at >= 0 && seen&(1<<at) != 0
	}
	for i, m := range o.members {
		if seen&(1<<i) != 0 {
			continue
		}
		switch {
		case m.typ.mark == '!':
			return nil, w.lacks(`"` + m.name + `"`)
		case m.typ.puts():
			with, _ := m.typ.filled() // the table marks nothing so that wants more
			put = append(put, `"`+m.name+`":`+with)
			w.changed = append(w.changed, w.place()+"/"+m.name)
		}
	}
	if len(o.oneOf) > 0 && !slices.ContainsFunc(o.oneOf, has) {
		return nil, w.lacks(`"` + strings.Join(o.oneOf, `" or "`) + `"`)
	}
	return put, nil
}

func (w *walker) lacks(what string) error {
	place := w.place()
	if place != "" {
		place = "at " + place + ": "
	}
	return errors.New(place + what + " is missing")
}

// variant is the shape that holds beside this one for the value that begins
// here; nil for none. A value whose variant nobody knows is a misfit of the
// member that should name it.
func (o *object) variant(w *walker) *object {
	if o.by < 0 {
		return nil
	}
	look := walker{Cursor: w.Cursor}
	m := members{w: &look}
	for m.next() {
		v := look.Skip()
		if string(m.name) == o.members[o.by].name && v[0] != 'n' {
			if v[0] != '"' {
				return nil
			}
			if bytes.IndexByte(v, '\\') >= 0 {
				return o.variants[text(v)]
			}
			return o.variants[string(v[1:len(v)-1])] // allocates nothing
		}
		m.keep()
	}
	return o.usual
}
