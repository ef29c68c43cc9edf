package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// editJSON changes the syntax tree rather than the decoded value, which keeps
// comments, order and spelling of all else.
func editJSON(text []byte, ch *change) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}\n")
	}
	tree, err := hujson.Parse(text)
	if err != nil {
		return nil, err
	}
	e := jsonEditor{unit: indentation(text)}
	if err := e.edit(&tree, ch); err != nil {
		return nil, err
	}
	return tree.Pack(), nil
}

func (e jsonEditor) edit(tree *hujson.Value, ch *change) error {
	top, err := objectOf(tree)
	if err != nil {
		return err
	}
	if ch.entry == nil {
		e.remove(top, []string{ch.root, ch.name})
		return nil
	}
	servers := find(top, ch.root)
	if servers == nil || isNull(servers) {
		return e.set(top, ch.root, object{{ch.name, ch.whole()}}, 1)
	}
	in, err := objectOf(servers)
	if err != nil {
		return err
	}
	there := find(in, ch.name)
	if there == nil {
		return e.set(in, ch.name, ch.whole(), 2)
	}
	entry, err := objectOf(there)
	if err != nil {
		return e.set(in, ch.name, ch.whole(), 2)
	}
	for _, path := range ch.stale() {
		e.remove(entry, path)
	}
	return e.merge(entry, ch.entry, 3)
}

type jsonEditor struct{ unit string }

// indentation guesses the file's unit from its first indented line.
func indentation(text []byte) string {
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimLeft(line, " \t")
		if n := len(line) - len(trimmed); n > 0 && n <= 8 && len(bytes.TrimSpace(line)) > 0 {
			return string(line[:n])
		}
	}
	return "  "
}

func (e jsonEditor) line(depth int) string { return "\n" + strings.Repeat(e.unit, depth) }

func objectOf(v *hujson.Value) (*hujson.Object, error) {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil, errors.New("is not an object")
	}
	return o, nil
}

func isNull(v *hujson.Value) bool { return string(bytes.TrimSpace(v.Pack())) == "null" }

func find(o *hujson.Object, name string) *hujson.Value {
	if i := index(o, name); i >= 0 {
		return &o.Members[i].Value
	}
	return nil
}

func index(o *hujson.Object, name string) int {
	return slices.IndexFunc(o.Members, func(m hujson.ObjectMember) bool { return m.Name.Value.(hujson.Literal).String() == name })
}

// merge sets members of an object, and of objects in it.
func (e jsonEditor) merge(o *hujson.Object, want object, depth int) error {
	for _, p := range want {
		if inner, ok := p.value.(object); ok {
			if there := find(o, p.name); there != nil {
				if in, err := objectOf(there); err == nil {
					if err := e.merge(in, inner, depth+1); err != nil {
						return err
					}
					continue
				}
			}
		}
		if err := e.set(o, p.name, p.value, depth); err != nil {
			return err
		}
	}
	return nil
}

// set gives a member a value, at the end if it is new.
func (e jsonEditor) set(o *hujson.Object, name string, value any, depth int) error {
	there := find(o, name)
	inline := oneLine(o)
	text := e.render(value, depth)
	if inline {
		text = e.render(value, -1)
	}
	v, err := hujson.Parse([]byte(text))
	if err != nil {
		return err
	}
	switch {
	case there == nil:
		e.add(o, name, v.Value, depth, inline)
	case !equalJSON(*there, v):
		there.Value = v.Value
	}
	return nil
}

// oneLine reports whether an object's members stand in one line.
func oneLine(o *hujson.Object) bool {
	return len(o.Members) > 0 && !bytes.ContainsRune(o.AfterExtra, '\n') &&
		!slices.ContainsFunc(o.Members, func(m hujson.ObjectMember) bool { return bytes.ContainsRune(m.Name.BeforeExtra, '\n') })
}

const blank = " \t\r\n"

// add appends a member, on a line of its own unless all are in one line. What
// stood after the last member (a comment, often) stays behind it, a trailing comma
// stays one, and what stood before the brace stays there: so [jsonEditor.drop]
// leaves what was.
func (e jsonEditor) add(o *hujson.Object, name string, v hujson.ValueTrimmed, depth int, inline bool) {
	m := hujson.ObjectMember{
		Name:  hujson.Value{Value: hujson.String(name)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: v},
	}
	after := string(o.AfterExtra)
	said := strings.TrimRight(after, blank)
	after = after[len(said):]
	between := e.line(depth)
	if inline {
		between = " "
	}
	m.Name.BeforeExtra = hujson.Extra(said + between)
	if n := len(o.Members); n > 0 && o.Members[n-1].Value.AfterExtra != nil {
		m.Value.AfterExtra = hujson.Extra{}
	} else if n == 0 && !strings.Contains(after, "\n") {
		after = e.line(depth - 1)
	}
	o.AfterExtra = hujson.Extra(after)
	o.Members = append(o.Members, m)
}

// remove takes out a member, and the objects that it was alone in.
func (e jsonEditor) remove(o *hujson.Object, path []string) {
	i := index(o, path[0])
	if i < 0 {
		return
	}
	if len(path) > 1 {
		inner, err := objectOf(&o.Members[i].Value)
		if err != nil || find(inner, path[1]) == nil {
			return
		}
		e.remove(inner, path[1:])
		if len(inner.Members) > 0 || len(bytes.TrimSpace(inner.AfterExtra)) > 0 {
			return
		}
	}
	drop(o, i)
}

// drop takes out a member. Comments around it stay.
func drop(o *hujson.Object, i int) {
	gone := o.Members[i]
	said := strings.TrimRight(string(gone.Name.BeforeExtra), blank)
	if behind := strings.Trim(string(gone.Value.AfterExtra), blank); behind != "" {
		said += " " + behind
	}
	last := i == len(o.Members)-1
	o.Members = slices.Delete(o.Members, i, i+1)
	switch {
	case !last:
		next := &o.Members[i].Name
		if said == "" {
			next.BeforeExtra = gone.Name.BeforeExtra
		} else {
			next.BeforeExtra = hujson.Extra(said + string(next.BeforeExtra))
		}
	case i == 0:
		if after := string(o.AfterExtra); said == "" && strings.Trim(after, blank) == "" {
			o.AfterExtra = nil
		} else {
			o.AfterExtra = hujson.Extra(said + after)
		}
	default:
		before := &o.Members[i-1].Value
		if gone.Value.AfterExtra == nil { // there is no comma at the end
			said = string(before.AfterExtra) + said
			before.AfterExtra = nil
		} else if before.AfterExtra == nil {
			before.AfterExtra = hujson.Extra{}
		}
		o.AfterExtra = hujson.Extra(said + string(o.AfterExtra))
	}
}

// render writes a value as JSON, objects over several lines, or in one with a
// depth of -1.
func (e jsonEditor) render(v any, depth int) string {
	o, ok := v.(object)
	if !ok {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // & in URLs is for people to read
		if err := enc.Encode(v); err != nil {
			panic(err) // strings, lists of strings, numbers and booleans
		}
		return strings.ReplaceAll(strings.TrimSpace(b.String()), `","`, `", "`)
	}
	var b strings.Builder
	b.WriteString("{")
	for i, p := range o {
		if i > 0 {
			b.WriteString(",")
		}
		switch {
		case depth >= 0:
			b.WriteString(e.line(depth + 1))
		case i > 0:
			b.WriteString(" ")
		}
		inner := -1
		if depth >= 0 {
			inner = depth + 1
		}
		b.WriteString(e.render(p.name, 0) + ": " + e.render(p.value, inner))
	}
	if depth >= 0 {
		b.WriteString(e.line(depth))
	}
	return b.String() + "}"
}

func equalJSON(a, b hujson.Value) bool {
	x, err1 := jsonValue(a.Pack())
	y, err2 := jsonValue(b.Pack())
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// jsonValue decodes JSON with comments.
func jsonValue(text []byte) (any, error) {
	tree, err := hujson.Parse(slices.Concat(text, []byte("\n"))) // the parser wants comments to end
	if err != nil {
		return nil, err
	}
	tree.Standardize()
	dec := json.NewDecoder(bytes.NewReader(tree.Pack()))
	dec.UseNumber()
	var v any
	err = dec.Decode(&v)
	return v, err
}

// decodeJSON decodes a file. An empty one is an empty object.
func decodeJSON(text []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return map[string]any{}, nil
	}
	v, err := jsonValue(text)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is not an object")
	}
	return m, nil
}

func numberJSON(n int) any { return json.Number(strconv.Itoa(n)) }
