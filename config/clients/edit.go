package clients

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// change is what is done to a client's file: an entry is put under a name, or
// taken out. Members of an entry that is there already stay, but for ours.
type change struct {
	root, name string
	list       bool
	entry      object     // nil takes it out
	defaults   object     // what an entry gets beside that if it is new
	ours       [][]string // members of an entry that are set here
}

// format is how a kind of file is read and changed. The text has no byte order
// mark, and lines end with \n.
type format struct {
	name   string
	decode func(text []byte) (map[string]any, error)
	edit   func(text []byte, ch *change) ([]byte, error)
	number func(int) any // as decode has it
}

var formats = map[string]format{
	"json": {"JSON", decodeJSON, editJSON, numberJSON},
	"toml": {"TOML", decodeTOML, editTOML, numberTOML},
	"yaml": {"YAML", decodeYAML, editYAML, numberYAML},
}

const bom = "\ufeff"

// decode reads a client's file.
func decode(kind string, text []byte) (map[string]any, error) {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil, errors.New("it is UTF-16, which clients do not read: save it as UTF-8")
	}
	return formats[kind].decode(bytes.TrimPrefix(text, []byte(bom)))
}

// edit returns the file's text with the change made. What it does is checked on
// the values: a file that is written in a way that was not expected is left alone.
func (ch *change) edit(kind string, old []byte) ([]byte, error) {
	f := formats[kind]
	if _, err := decode(kind, old); err != nil {
		return nil, err
	}
	text, hasBOM := bytes.CutPrefix(old, []byte(bom))
	windows := bytes.Contains(text, []byte("\r\n")) && bytes.Count(text, []byte("\n")) == bytes.Count(text, []byte("\r\n"))
	if windows {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	open := len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) // the last line has no end
	if open {
		text = slices.Concat(text, []byte("\n"))
	}
	text, changed, err := ch.editLines(f, text)
	if err != nil || !changed {
		return old, err
	}
	if open {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	if windows {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	if hasBOM {
		text = slices.Concat([]byte(bom), text)
	}
	return text, nil
}

// editLines is edit for a text in which each line ends with \n, and says whether
// there was something to do.
func (ch *change) editLines(f format, text []byte) (edited []byte, changed bool, err error) {
	before, err := f.decode(text)
	if err != nil {
		return nil, false, err
	}
	want, err := f.decode(text)
	if err != nil {
		return nil, false, err
	}
	if err := ch.apply(want, f.number); err != nil {
		return nil, false, err
	}
	if reflect.DeepEqual(before, want) {
		return text, false, nil
	}
	text, err = f.edit(bytes.Clone(text), ch)
	if err != nil {
		return nil, false, err
	}
	after, err := f.decode(text)
	if err != nil {
		return nil, false, fmt.Errorf("the result would not be %s: %w", f.name, err)
	}
	ch.tidy(want)
	ch.tidy(after)
	if !reflect.DeepEqual(after, want) {
		return nil, false, errors.New("it is written in a way that cannot be edited")
	}
	return text, true, nil
}

// apply makes the change to what the file says.
func (ch *change) apply(doc map[string]any, number func(int) any) error {
	s, err := serversOf(doc, ch.root, ch.list)
	if err != nil {
		return err
	}
	there, ok := s.find(ch.name)
	if ch.entry == nil {
		if ok {
			s.drop(ch.name)
		}
		return nil
	}
	entry, isObject := there.(map[string]any)
	if !isObject {
		entry = map[string]any{}
		for _, l := range ch.defaults.leaves() {
			assign(entry, l.path, plainValue(l.value, number))
		}
	}
	for _, path := range ch.stale() {
		cut(entry, path)
	}
	for _, l := range ch.entry.leaves() {
		assign(entry, l.path, plainValue(l.value, number))
	}
	s.set(ch.name, entry)
	return nil
}

// whole is the entry as it is where there is none yet.
func (ch *change) whole() object { return ch.entry.with(ch.defaults) }

// stale are our members that the entry does not have.
func (ch *change) stale() [][]string {
	want := ch.entry.leaves()
	var all [][]string
	for _, path := range ch.ours {
		if !slices.ContainsFunc(want, func(l leaf) bool { return slices.Equal(l.path, path) }) {
			all = append(all, path)
		}
	}
	return all
}

// tidy forgets whether there are no servers or there is nothing for them.
func (ch *change) tidy(doc map[string]any) {
	if s, err := serversOf(doc, ch.root, ch.list); err == nil && s.empty() {
		delete(doc, ch.root)
	}
}

// plainValue is a value as the decoder of a format has it.
func plainValue(v any, number func(int) any) any {
	switch v := v.(type) {
	case int:
		return number(v)
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	}
	return v
}

// servers are those of a decoded file: a map by name, or a list of objects that
// have a name.
type servers struct {
	doc  map[string]any
	root string
	list bool
}

func serversOf(doc map[string]any, root string, list bool) (servers, error) {
	s := servers{doc, root, list}
	switch doc[root].(type) {
	case nil:
	case map[string]any:
		if list {
			return s, fmt.Errorf("%s: is not a list", root)
		}
	case []any:
		if !list {
			return s, fmt.Errorf("%s: is not an object", root)
		}
	default:
		return s, fmt.Errorf("%s: is not an object", root)
	}
	return s, nil
}

func (s servers) empty() bool {
	m, _ := s.doc[s.root].(map[string]any)
	l, _ := s.doc[s.root].([]any)
	return len(m)+len(l) == 0
}

func (s servers) at(name string) int {
	l, _ := s.doc[s.root].([]any)
	return slices.IndexFunc(l, func(v any) bool {
		m, ok := v.(map[string]any)
		return ok && m["name"] == name
	})
}

func (s servers) find(name string) (any, bool) {
	if s.list {
		i := s.at(name)
		if i < 0 {
			return nil, false
		}
		return s.doc[s.root].([]any)[i], true
	}
	m, _ := s.doc[s.root].(map[string]any)
	v, ok := m[name]
	return v, ok
}

func (s servers) set(name string, entry any) {
	if s.list {
		l, _ := s.doc[s.root].([]any)
		if i := s.at(name); i >= 0 {
			l[i] = entry
		} else {
			s.doc[s.root] = append(l, entry)
		}
		return
	}
	m, ok := s.doc[s.root].(map[string]any)
	if !ok {
		m = map[string]any{}
		s.doc[s.root] = m
	}
	m[name] = entry
}

func (s servers) drop(name string) {
	if s.list {
		i := s.at(name)
		s.doc[s.root] = slices.Delete(s.doc[s.root].([]any), i, i+1)
		return
	}
	delete(s.doc[s.root].(map[string]any), name)
}

// lookup finds a member by its path.
func lookup(v any, path []string) (any, bool) {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// assign sets a member, and makes the objects that it is in.
func assign(m map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := m[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[name] = inner
		}
		m = inner
	}
	m[path[len(path)-1]] = v
}

// cut removes a member, and the object that it was alone in.
func cut(m map[string]any, path []string) {
	inner, ok := m[path[0]].(map[string]any)
	switch {
	case len(path) == 1:
		delete(m, path[0])
	case ok:
		if _, there := lookup(inner, path[1:]); !there {
			return
		}
		if cut(inner, path[1:]); len(inner) == 0 {
			delete(m, path[0])
		}
	}
}

func dotted(path []string) string { return strings.Join(path, ".") }
