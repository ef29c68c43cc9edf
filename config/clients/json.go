package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tailscale/hujson"
)

// editJSON sets root.name to a value, and if list is given sees to it that the
// array of that name has the element. The syntax tree is changed rather than
// the decoded value, which keeps comments, order and spelling of all else.
func editJSON(old []byte, root, name string, value any, list string, element any) ([]byte, error) {
	before, err := decodeJSON(old)
	if err != nil {
		return nil, err
	}
	text := old
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}\n")
	}
	tree, err := hujson.Parse(text)
	if err != nil {
		return nil, err
	}
	e := jsonEditor{unit: indentation(text)}
	top, err := objectOf(&tree)
	if err != nil {
		return nil, err
	}
	servers, err := e.child(top, root, 1, hujson.Object{})
	if err != nil {
		return nil, err
	}
	in, err := objectOf(servers)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	entry := e.render(value, 2)
	if err := e.set(in, name, entry, 2); err != nil {
		return nil, err
	}
	if list != "" {
		if err := e.element(top, list, element); err != nil {
			return nil, err
		}
	}
	text = tree.Pack()
	return text, checkJSON(before, text, root, name, entry, list)
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

func find(o *hujson.Object, name string) *hujson.Value {
	for i := range o.Members {
		if o.Members[i].Name.Value.(hujson.Literal).String() == name {
			return &o.Members[i].Value
		}
	}
	return nil
}

// child returns a member, made from def if it is not there.
func (e jsonEditor) child(o *hujson.Object, name string, depth int, def hujson.Object) (*hujson.Value, error) {
	if v := find(o, name); v != nil {
		return v, nil
	}
	return e.add(o, name, &def, depth), nil
}

func (e jsonEditor) set(o *hujson.Object, name, text string, depth int) error {
	v, err := hujson.Parse([]byte(text))
	if err != nil {
		return err
	}
	if there := find(o, name); there != nil {
		if !equalJSON(*there, v) {
			there.Value = v.Value
		}
		return nil
	}
	e.add(o, name, v.Value, depth)
	return nil
}

// add appends a member on a line of its own. What stood after the last member
// (a comment, often) stays behind it, and a trailing comma stays one.
func (e jsonEditor) add(o *hujson.Object, name string, v hujson.ValueTrimmed, depth int) *hujson.Value {
	m := hujson.ObjectMember{
		Name:  hujson.Value{Value: hujson.String(name)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: v},
	}
	before := bytes.TrimRight(o.AfterExtra, " \t\r\n")
	m.Name.BeforeExtra = hujson.Extra(string(before) + e.line(depth))
	if n := len(o.Members); n > 0 && o.Members[n-1].Value.AfterExtra != nil {
		m.Value.AfterExtra = hujson.Extra{}
	}
	o.AfterExtra = hujson.Extra(e.line(depth - 1))
	o.Members = append(o.Members, m)
	return &o.Members[len(o.Members)-1].Value
}

// element sees to it that the array has an element with the same id.
func (e jsonEditor) element(top *hujson.Object, list string, element any) error {
	v := find(top, list)
	if v == nil {
		e.add(top, list, &hujson.Array{}, 1)
		v = find(top, list)
	}
	array, ok := v.Value.(*hujson.Array)
	if !ok {
		return fmt.Errorf("%s: is not an array", list)
	}
	id := element.(object).get("id")
	for i := range array.Elements {
		o, err := objectOf(&array.Elements[i])
		if err != nil {
			continue
		}
		if there := find(o, "id"); there != nil {
			if lit, ok := there.Value.(hujson.Literal); ok && lit.String() == id {
				return nil
			}
		}
	}
	text, err := hujson.Parse([]byte(e.render(element, 2)))
	if err != nil {
		return err
	}
	before := bytes.TrimRight(array.AfterExtra, " \t\r\n")
	text.BeforeExtra = hujson.Extra(string(before) + e.line(2))
	if n := len(array.Elements); n > 0 && array.Elements[n-1].AfterExtra != nil {
		text.AfterExtra = hujson.Extra{}
	}
	array.AfterExtra = hujson.Extra(e.line(1))
	array.Elements = append(array.Elements, text)
	return nil
}

func (o object) get(name string) any {
	for _, p := range o {
		if p.name == name {
			return p.value
		}
	}
	return nil
}

// render writes a value as JSON, objects over several lines.
func (e jsonEditor) render(v any, depth int) string {
	o, ok := v.(object)
	if !ok {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // & in URLs is for people to read
		if err := enc.Encode(v); err != nil {
			panic(err) // strings, lists of strings and booleans
		}
		return strings.ReplaceAll(strings.TrimSpace(b.String()), `","`, `", "`)
	}
	var b strings.Builder
	b.WriteString("{")
	for i, p := range o {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(e.line(depth+1) + e.render(p.name, 0) + ": " + e.render(p.value, depth+1))
	}
	return b.String() + e.line(depth) + "}"
}

func equalJSON(a, b hujson.Value) bool {
	x, err1 := decodeJSON(a.Pack())
	y, err2 := decodeJSON(b.Pack())
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// decodeJSON decodes JSON with comments. An empty file is an empty object.
func decodeJSON(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return map[string]any{}, nil
	}
	std, err := hujson.Standardize(bytes.Clone(text))
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(std))
	dec.UseNumber()
	var v any
	err = dec.Decode(&v)
	return v, err
}

// checkJSON refuses a result that does not have the entry (a client takes the
// last of two equal names), or differs in anything else.
func checkJSON(before any, text []byte, root, name, entry, list string) error {
	after, err := decodeJSON(text)
	if err != nil {
		return fmt.Errorf("the result would not be JSON: %w", err)
	}
	want, err := decodeJSON([]byte(entry))
	if err != nil {
		return err
	}
	servers, _ := after.(map[string]any)[root].(map[string]any)
	if !reflect.DeepEqual(servers[name], want) {
		return errors.New("the entry is written in a way that cannot be edited")
	}
	strip := func(v any) any {
		top, ok := v.(map[string]any)
		if !ok {
			return v
		}
		if servers, ok := top[root].(map[string]any); ok {
			delete(servers, name)
			if len(servers) == 0 {
				delete(top, root)
			}
		}
		if list != "" {
			delete(top, list)
		}
		return top
	}
	if !reflect.DeepEqual(strip(before), strip(after)) {
		return errors.New("it cannot be changed without changing other entries")
	}
	return nil
}
