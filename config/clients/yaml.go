package clients

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// errYAML stands for all ways in which a file is not lines of blocks.
var errYAML = errors.New("it is written in a way that cannot be edited")

// editYAML works on lines, since an encoder would lose blank lines and spelling.
// The parser says in which lines the servers are; only the entry's own are written
// anew, comments and members of others kept.
func editYAML(text []byte, ch *change) ([]byte, error) {
	want, err := decodeYAML(text)
	if err != nil {
		return nil, err
	}
	if err := ch.apply(want, numberYAML); err != nil {
		return nil, err
	}
	ch.tidy(want)
	f, err := readBlocks(text, ch)
	if err != nil {
		return nil, err
	}
	_, there := f.entry()
	// Whether comments and blank lines at the end of a block are of it cannot be
	// told from lines alone: they can be a long string's. So both are tried.
	for _, trailing := range []bool{false, true} {
		var out []byte
		switch {
		case ch.entry == nil:
			out, err = f.remove(trailing)
		case there:
			out, err = f.replace(trailing)
		default:
			out, err = f.insert(trailing)
		}
		if err != nil {
			return nil, err
		}
		after, wrong := decodeYAML(out)
		if wrong == nil {
			if ch.tidy(after); reflect.DeepEqual(after, want) {
				return out, nil
			}
		}
	}
	return nil, errYAML
}

func numberYAML(n int) any { return n }

func decodeYAML(text []byte) (map[string]any, error) {
	doc := map[string]any{}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc == nil {
		doc = map[string]any{}
	}
	return doc, nil
}

// blocks are the lines of a file, and where in them the servers are.
type blocks struct {
	ch      *change
	lines   []string // with their ends
	top     *yaml.Node
	root    int        // of the key that holds the servers, in top.Content; -1 if there is none
	servers *yaml.Node // the value; nil if there is none or it is nothing
	last    int        // line behind the servers
}

func readBlocks(text []byte, ch *change) (*blocks, error) {
	if bytes.ContainsAny(text, "\r\u0085\u2028\u2029") {
		return nil, errYAML // these end lines for the parser, and not here
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	f := &blocks{ch: ch, lines: slices.Collect(lines(text)), root: -1}
	f.last = len(f.lines)
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return f, nil
	}
	f.top = doc.Content[0]
	if f.top.Kind != yaml.MappingNode || f.top.Style&yaml.FlowStyle != 0 {
		return nil, errYAML
	}
	for i := 0; i < len(f.top.Content); i += 2 {
		if f.top.Content[i].Value != ch.root {
			continue
		}
		f.root = i
		if i+2 < len(f.top.Content) {
			f.last = f.top.Content[i+2].Line - 1
		}
		if v := f.top.Content[i+1]; len(v.Content) > 0 {
			if f.servers = v; v.Style&yaml.FlowStyle != 0 {
				return nil, errYAML
			}
		}
	}
	return f, nil
}

func lines(text []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for l := range bytes.Lines(text) {
			if !yield(string(l)) {
				return
			}
		}
	}
}

// step is how many nodes an entry is: a key and a value, or an element.
func (f *blocks) step() int {
	if f.ch.list {
		return 1
	}
	return 2
}

// entry is where the entry is among the servers.
func (f *blocks) entry() (int, bool) {
	if f.servers == nil {
		return 0, false
	}
	for i := 0; i < len(f.servers.Content); i += f.step() {
		n := f.servers.Content[i]
		if !f.ch.list && n.Value == f.ch.name {
			return i, true
		}
		if f.ch.list && n.Kind == yaml.MappingNode {
			for j := 0; j < len(n.Content); j += 2 {
				if n.Content[j].Value == "name" && n.Content[j+1].Value == f.ch.name {
					return i, true
				}
			}
		}
	}
	return 0, false
}

// begin is the first line of a server, counted from 0. That of an element has the
// dash.
func (f *blocks) begin(i int) (int, error) {
	at := f.servers.Content[i].Line - 1
	if at < 0 || at >= len(f.lines) || f.ch.list && !strings.HasPrefix(strings.TrimSpace(f.lines[at]), "-") {
		return 0, errYAML
	}
	return at, nil
}

// span are the lines of a server.
func (f *blocks) span(i int, trailing bool) (from, to int, err error) {
	if from, err = f.begin(i); err != nil {
		return 0, 0, err
	}
	to = f.last
	if i+f.step() < len(f.servers.Content) {
		if to, err = f.begin(i + f.step()); err != nil {
			return 0, 0, err
		}
	}
	if !trailing {
		to = f.without(from, to)
	}
	return from, to, nil
}

// without leaves out blank lines and comments at the end.
func (f *blocks) without(from, to int) int {
	for to > from+1 {
		if l := strings.TrimSpace(f.lines[to-1]); l != "" && !strings.HasPrefix(l, "#") {
			break
		}
		to--
	}
	return to
}

// indent is what the servers' names or dashes stand behind.
func (f *blocks) indent() string {
	if f.servers == nil {
		return "  "
	}
	line := f.lines[min(max(f.servers.Content[0].Line-1, 0), len(f.lines)-1)]
	return line[:len(line)-len(strings.TrimLeft(line, " "))]
}

func (f *blocks) splice(from, to int, with []string) []byte {
	return []byte(strings.Join(slices.Concat(f.lines[:from], with, f.lines[to:]), ""))
}

var emptyValue = regexp.MustCompile(`^([^#]*?:)[ \t]*(?:\{[ \t]*\}|\[[ \t]*\]|null|~)?([ \t]*(?:#.*)?)$`)

// insert puts the entry behind the other servers.
func (f *blocks) insert(trailing bool) ([]byte, error) {
	n := f.write(f.ch.whole())
	if f.servers != nil {
		to := f.last
		if !trailing {
			to = f.without(f.top.Content[f.root].Line-1, to)
		}
		block, err := f.block(text(f.ch.name), n, f.indent())
		return f.splice(to, to, block), err
	}
	block, err := f.block(text(f.ch.name), n, "  ")
	if err != nil {
		return nil, err
	}
	if f.root < 0 {
		return f.splice(len(f.lines), len(f.lines), append([]string{f.ch.root + ":\n"}, block...)), nil
	}
	at := f.top.Content[f.root].Line - 1
	m := emptyValue.FindStringSubmatch(strings.TrimSuffix(f.lines[at], "\n"))
	if m == nil {
		return nil, errYAML
	}
	return f.splice(at, at+1, append([]string{m[1] + m[2] + "\n"}, block...)), nil
}

// remove takes the entry's lines out, and with the last entry the key.
func (f *blocks) remove(trailing bool) ([]byte, error) {
	i, ok := f.entry()
	if !ok {
		return nil, errYAML
	}
	from, to, err := f.span(i, trailing)
	if err != nil {
		return nil, err
	}
	if len(f.servers.Content) == f.step() {
		if key := f.top.Content[f.root].Line - 1; key == from-1 {
			from = key
		}
	}
	return f.splice(from, to, nil), nil
}

// replace writes the entry anew, with what was in it and is not ours.
func (f *blocks) replace(trailing bool) ([]byte, error) {
	i, _ := f.entry()
	from, to, err := f.span(i, trailing)
	if err != nil {
		return nil, err
	}
	var old yaml.Node
	if err := yaml.Unmarshal([]byte(strings.Join(f.lines[from:to], "")), &old); err != nil {
		return nil, errYAML
	}
	name, entry := text(f.ch.name), old.Content[0].Content[f.step()-1]
	if !f.ch.list {
		name = old.Content[0].Content[0] // with its comment
	}
	if entry.Kind != yaml.MappingNode {
		entry = f.write(f.ch.whole())
	}
	for _, path := range f.ch.stale() {
		cutNode(entry, path)
	}
	for _, l := range f.ch.entry.leaves() {
		setNode(entry, l)
	}
	block, err := f.block(name, entry, f.indent())
	return f.splice(from, to, block), err
}

// block are the lines of an entry, indented.
func (f *blocks) block(name, entry *yaml.Node, indent string) ([]string, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{name, entry}}
	if f.ch.list {
		n = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{entry}}
	}
	out, err := yaml.Dump(n, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, err
	}
	var all []string
	for l := range lines(out) {
		if l != "\n" {
			l = indent + l
		}
		all = append(all, l)
	}
	return all, nil
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// write makes a node of a value of the table.
func (f *blocks) write(v any) *yaml.Node {
	switch v := v.(type) {
	case object:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, p := range v {
			n.Content = append(n.Content, text(p.name), f.write(p.value))
		}
		return n
	case []string:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range v {
			n.Content = append(n.Content, text(s))
		}
		return n
	case string:
		return text(v)
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v)}
}

func member(n *yaml.Node, name string) int {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return i
		}
	}
	return -1
}

func cutNode(n *yaml.Node, path []string) {
	i := member(n, path[0])
	if i < 0 {
		return
	}
	if len(path) > 1 {
		inner := n.Content[i+1]
		if inner.Kind != yaml.MappingNode || member(inner, path[1]) < 0 {
			return
		}
		if cutNode(inner, path[1:]); len(inner.Content) > 0 {
			return
		}
	}
	n.Content = slices.Delete(n.Content, i, i+2)
}

// setNode gives a member a value. One that has it already keeps its spelling.
func setNode(n *yaml.Node, l leaf) {
	f := &blocks{}
	i := member(n, l.path[0])
	switch {
	case len(l.path) > 1:
		if i < 0 || n.Content[i+1].Kind != yaml.MappingNode {
			inner := &yaml.Node{Kind: yaml.MappingNode}
			if i < 0 {
				n.Content = append(n.Content, text(l.path[0]), inner)
			} else {
				n.Content[i+1] = inner
			}
			setNode(inner, leaf{l.path[1:], l.value})
			return
		}
		setNode(n.Content[i+1], leaf{l.path[1:], l.value})
	case i < 0:
		n.Content = append(n.Content, text(l.path[0]), f.write(l.value))
	default:
		var had any
		if err := n.Content[i+1].Decode(&had); err == nil && fmt.Sprint(had) == fmt.Sprint(plainValue(l.value, numberYAML)) {
			return
		}
		v := f.write(l.value)
		v.LineComment = n.Content[i+1].LineComment
		n.Content[i+1] = v
	}
}
