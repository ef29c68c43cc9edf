package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// maxNodes bounds the walk: a few bytes of anchors and aliases can stand for
// billions of values.
const maxNodes = 100_000

// mark is a place in the file, both from 1.
type mark struct{ line, column int }

// decoder walks the node tree of a file along the fields that schema.go names,
// and collects what is wrong instead of stopping at it.
type decoder struct {
	file   string
	dir    string // that paths are relative to
	lookup func(string) (string, bool)
	errs   Errors
	spared []string        // sections whose variables need not be set
	open   map[string]bool // fields of these that have one which is not
	marks  map[string]mark
	shown  map[string]string
	values map[string][]Hidden // what variables brought into a field
	hidden []Hidden
	env    map[string]string // of env_file
	files  []string          // that values were looked for in
	nodes  int
	fields func(path string, names []string) // told of every object's fields, for the test of the documentation; may be nil
	says   *Schema                           // of the value at hand, which is described and not read; nil: it is read
}

// reader reads one value and puts it where it belongs.
type reader func(n *yaml.Node, path string)

// field is a name and what reads its value.
type field struct {
	name string
	read reader
}

func (d *decoder) errorAt(m mark, path, message, hint string) {
	d.errs = append(d.errs, &Error{File: d.file, Line: m.line, Column: m.column, Field: path, Message: message, Hint: hint})
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	d.errorAt(mark{n.Line, n.Column}, path, fmt.Sprintf(format, args...), "")
}

// object reads a mapping field by field.
func (d *decoder) object(n *yaml.Node, path string, fs []field) {
	if d.says != nil {
		all := make(map[string]*Schema, len(fs))
		for _, f := range fs {
			s := d.inside(f.read, join(path, f.name))
			if s.Properties != nil || s.Others != nil {
				s.Type = "object" // and has to have a value, see below
			}
			all[f.name] = s
		}
		d.describes(Schema{Type: fieldsOrNothing(), Properties: all, Others: false})
		return
	}
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	if d.fields != nil {
		d.fields(path, names)
	}
	d.pairs(n, path, func(key, value *yaml.Node) {
		at := join(path, key.Value)
		i := slices.Index(names, key.Value)
		if i < 0 {
			d.errorAt(mark{key.Line, key.Column}, at, "unknown field", nearest(key.Value, names))
			return
		}
		d.marks[at] = mark{key.Line, key.Column}
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			d.fail(key, at, "has no value")
			return
		}
		fs[i].read(value, at)
	})
}

// pairs calls f for each entry of a mapping, its value with aliases resolved.
// An empty value counts as an empty mapping.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node)) {
	n = d.resolve(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "expected fields (name: value), got %s", kindOf(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch line, twice := seen[key.Value]; {
		case !d.spend():
			return
		case key.Kind != yaml.ScalarNode:
			d.fail(key, path, "a field's name must be text, got %s", kindOf(key))
		case key.Tag == "!!merge":
			d.errorAt(mark{key.Line, key.Column}, path, "merge keys (<<) are not supported", "write the fields out, or use an alias for the whole value")
		case twice:
			d.fail(key, join(path, key.Value), "stands twice; the first is in line %d", line)
		default:
			seen[key.Value] = key.Line
			f(key, d.resolve(value))
		}
	}
}

// named reads a mapping whose names are the user's own.
func (d *decoder) named(check func(name string) error, read func(name string, n *yaml.Node, path string)) reader {
	return func(n *yaml.Node, path string) {
		if d.says != nil {
			of := d.inside(func(n *yaml.Node, path string) { read("NAME", n, path) }, join(path, "NAME"))
			d.describes(Schema{Type: fieldsOrNothing(), Others: of})
			return
		}
		d.pairs(n, path, func(key, value *yaml.Node) {
			at := join(path, key.Value)
			d.marks[at] = mark{key.Line, key.Column}
			if err := check(key.Value); err != nil {
				d.fail(key, at, "%v", err)
				return
			}
			read(key.Value, value, at)
		})
	}
}

// each reads a list element by element.
func (d *decoder) each(read reader) reader {
	return func(n *yaml.Node, path string) {
		if d.says != nil {
			d.describes(Schema{Type: "array", Items: d.inside(read, element(path, 0))})
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.fail(n, path, "expected a list, got %s", kindOf(n))
			return
		}
		for i, e := range n.Content {
			if !d.spend() {
				return
			}
			at := element(path, i)
			e = d.resolve(e)
			d.marks[at] = mark{e.Line, e.Column}
			read(e, at)
		}
	}
}

func (d *decoder) spend() bool {
	d.nodes++
	if d.nodes == maxNodes {
		d.errorAt(mark{}, "", fmt.Sprintf("more than %d values, aliases counted as often as they are used", maxNodes), "")
	}
	return d.nodes < maxNodes
}

// resolve follows an alias. An alias never names another one.
func (d *decoder) resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// scalar returns a value's text with variables replaced. ok is false if it is
// no single value or a variable is not set, which it reports.
func (d *decoder) scalar(n *yaml.Node, path, want string) (text string, expanded, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fail(n, path, "expected %s, got %s", want, kindOf(n))
		return "", false, false
	}
	if n.Tag != "!!str" || !strings.Contains(n.Value, "${") {
		return n.Value, false, true
	}
	var values []Hidden
	text, err := expand(n.Value, func(name string) (string, error) {
		value, err := d.variable(name)
		values = append(values, Hidden{Value: value, Shown: "${" + name + "}"})
		return value, err
	})
	if err != nil {
		hint := "write $${ for a plain ${"
		unset := errors.Is(err, errUnset)
		if file := (*fileError)(nil); errors.As(err, &file) {
			hint, unset = "", true
		} else if unset {
			hint = "set it where toolward starts, in a file that env_file: names, or " + hint
		}
		if unset && d.spares(path) {
			d.shown[path], d.open[path] = n.Value, true
			return "", true, true
		}
		d.errorAt(mark{n.Line, n.Column}, path, err.Error(), hint)
		d.errs[len(d.errs)-1].unset = unset
		return "", false, false
	}
	d.shown[path], d.values[path] = n.Value, values
	return text, true, true
}

// spares says whether whoever reads the file does without what variables bring here.
func (d *decoder) spares(path string) bool {
	return slices.ContainsFunc(d.spared, func(section string) bool { return strings.HasPrefix(path, section) })
}

var errUnset = errors.New("is not set")

// expand replaces each ${NAME} once: what a variable holds is not looked at.
func expand(s string, lookup func(string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return "", errors.New("${ without }")
		}
		if !isVariable(name) && !strings.HasPrefix(name, fileVariable) {
			return "", fmt.Errorf("${%s} is not the name of a variable: letters, digits and _ (defaults as in a shell are not supported)", name)
		}
		value, err := lookup(name)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		s = rest
	}
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// join makes a field's path. A name that would forge a line of output is quoted.
func join(path, name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// kindOf names what stands in the file, without its content, which can be a
// secret that was put in the wrong place.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "fields (name: value)"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	kinds := map[string]string{
		"!!null": "nothing", "!!bool": "true or false", "!!int": "a number", "!!float": "a number with a fraction", "!!str": "text",
	}
	if k, ok := kinds[n.Tag]; ok {
		return k
	}
	return "a value of type " + n.Tag
}

// sortedNames is for messages that list a map's names.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
