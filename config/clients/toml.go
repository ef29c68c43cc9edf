package clients

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// editTOML works on the text, since an encoder would drop comments and order. The
// parser says where in it each key, value and table is, and is asked anew after
// each step.
func editTOML(text []byte, ch *change) ([]byte, error) {
	e := &tomlEditor{text: text}
	if err := e.scan(); err != nil {
		return nil, err
	}
	entry := []string{ch.root, ch.name}
	if ch.entry == nil {
		return e.text, e.removeAll(entry)
	}
	doc, err := decodeTOML(text)
	if err != nil {
		return nil, err
	}
	there, ok := lookup(doc, entry)
	if !ok {
		return e.text, e.insertTable(entry, ch.whole())
	}
	for _, path := range ch.stale() {
		if err := e.remove(entry, path); err != nil {
			return nil, err
		}
	}
	for _, l := range ch.entry.leaves() {
		had, ok := lookup(there, l.path)
		if ok && fmt.Sprint(had) == fmt.Sprint(plainValue(l.value, numberTOML)) {
			continue
		}
		if err := e.set(entry, l); err != nil {
			return nil, err
		}
	}
	return e.text, nil
}

func numberTOML(n int) any { return int64(n) }

func decodeTOML(text []byte) (map[string]any, error) {
	doc := map[string]any{}
	return doc, toml.Unmarshal(text, &doc)
}

// tomlEditor is a TOML text and what is in it.
type tomlEditor struct {
	text  []byte
	items []tomlItem
}

// tomlItem is a table's header or a key with its value.
type tomlItem struct {
	path       []string // from the top
	table      []string // of the header above it, or its own
	start, end int      // the key and its value; of a header, its line
	value      int      // where the value begins
	open       int      // behind the brace of an inline table, else 0
	header     bool
	inline     bool // it stands in an inline table
	first      bool // as its first
}

// arrayTable stands in paths for the elements of an array of tables, in which
// nothing is ours.
const arrayTable = "\x00"

func (e *tomlEditor) scan() error {
	e.items = e.items[:0]
	var p unstable.Parser
	p.Reset(e.text)
	var table []string
	for p.NextExpression() {
		x := p.Expression()
		if x.Kind == unstable.KeyValue {
			e.pair(&p, x, table, table, false)
			continue
		}
		var at int
		table, at, _ = keys(x)
		item := tomlItem{path: table, table: table, start: lineStart(e.text, at), end: lineEnd(e.text, at), header: true}
		if x.Kind == unstable.ArrayTable {
			table = append(slices.Clone(table), arrayTable)
			item.path, item.table = table, table
		}
		e.items = append(e.items, item)
	}
	return p.Error()
}

// keys are the parts of a key, where it begins and where it ends.
func keys(x *unstable.Node) (path []string, start, end int) {
	for it := x.Key(); it.Next(); {
		k := it.Node()
		if len(path) == 0 {
			start = int(k.Raw.Offset)
		}
		path, end = append(path, string(k.Data)), int(k.Raw.Offset+k.Raw.Length)
	}
	return path, start, end
}

func (e *tomlEditor) pair(p *unstable.Parser, x *unstable.Node, table, under []string, inline bool) {
	path, start, end := keys(x)
	item := tomlItem{path: slices.Concat(under, path), table: table, start: start, end: int(x.Raw.Offset + x.Raw.Length), inline: inline}
	equals := end + bytes.IndexByte(e.text[end:], '=') + 1
	item.value = equals + len(e.text[equals:]) - len(bytes.TrimLeft(e.text[equals:], " \t"))
	if x.Value().Kind == unstable.InlineTable {
		item.open = item.value + 1
	}
	e.items = append(e.items, item)
	if item.open == 0 {
		return
	}
	first := true
	for it := x.Value().Children(); it.Next(); {
		if inner := it.Node(); inner.Kind == unstable.KeyValue {
			e.pair(p, inner, table, item.path, true)
			e.items[slices.IndexFunc(e.items, func(i tomlItem) bool { _, at, _ := keys(inner); return i.start == at && !i.header })].first = first
			first = false
		}
	}
}

func lineStart(text []byte, at int) int { return bytes.LastIndexByte(text[:at], '\n') + 1 }

// lineEnd is behind the line's end.
func lineEnd(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// splice replaces a part of the text.
func (e *tomlEditor) splice(from, to int, with string) error {
	e.text = slices.Concat(e.text[:from], []byte(with), e.text[to:])
	return e.scan()
}

func (e *tomlEditor) find(path []string, wanted func(tomlItem) bool) (tomlItem, bool) {
	for _, i := range e.items {
		if slices.Equal(i.path, path) && wanted(i) {
			return i, true
		}
	}
	return tomlItem{}, false
}

func isPair(i tomlItem) bool   { return !i.header }
func isHeader(i tomlItem) bool { return i.header }
func isOpen(i tomlItem) bool   { return i.open > 0 }

func under(path, top []string) bool {
	return len(path) >= len(top) && slices.Equal(path[:len(top)], top)
}

// remove takes out a key of the entry, and the table that it was alone in.
func (e *tomlEditor) remove(entry, key []string) error {
	item, ok := e.find(slices.Concat(entry, key), isPair)
	if !ok {
		return nil
	}
	if err := e.drop(item); err != nil || len(key) == 1 {
		return err
	}
	parent := slices.Concat(entry, key[:len(key)-1])
	for _, i := range e.items {
		if under(i.path, parent) && len(i.path) > len(parent) {
			return nil
		}
	}
	if at, ok := e.find(parent, isHeader); ok {
		if bytes.HasSuffix(e.text[:at.start], []byte("\n\n")) {
			at.start-- // the blank line before it
		}
		return e.splice(at.start, at.end, "")
	}
	return e.remove(entry, key[:len(key)-1])
}

// drop takes out a key and its value: the line, or the part of an inline table.
func (e *tomlEditor) drop(i tomlItem) error {
	if !i.inline {
		return e.splice(lineStart(e.text, i.start), lineEnd(e.text, i.end), "")
	}
	rest := e.text[i.end:]
	if comma := bytes.TrimLeft(rest, " \t"); bytes.HasPrefix(comma, []byte(",")) {
		return e.splice(i.start, i.end+len(rest)-len(bytes.TrimLeft(comma[1:], " \t")), "")
	}
	from := i.start
	if before := bytes.TrimRight(e.text[:i.start], " \t"); bytes.HasSuffix(before, []byte(",")) {
		from = len(before) - 1
	}
	return e.splice(from, i.end, "")
}

// removeAll takes out the entry: the tables of its name with what is in them, or
// the key.
func (e *tomlEditor) removeAll(entry []string) error {
	for {
		at := slices.IndexFunc(e.items, func(i tomlItem) bool { return under(i.path, entry) && !(i.inline && len(i.path) > len(entry)) })
		if at < 0 {
			return nil
		}
		first := e.items[at]
		if !first.header {
			if err := e.drop(first); err != nil {
				return err
			}
			continue
		}
		end := first.end
		for _, i := range e.items[at+1:] {
			if !under(i.path, entry) {
				break
			}
			end = lineEnd(e.text, i.end)
		}
		from := first.start
		if bytes.HasSuffix(e.text[:from], []byte("\n\n")) {
			from-- // the blank line before it, as insertTable makes it
		}
		if err := e.splice(from, end, ""); err != nil {
			return err
		}
	}
}

// insertTable puts a new entry where the servers are: into their inline table, or
// as a table of its own at the end of the file.
func (e *tomlEditor) insertTable(entry []string, value object) error {
	root, name := entry[:1], entry[1]
	if at, ok := e.find(root, isOpen); ok {
		return e.insertInline(at, name, value)
	}
	block := "[" + entry[0] + "." + tomlKey(name) + "]\n"
	for _, p := range value {
		block += tomlPair([]string{p.name}, p.value) + "\n"
	}
	if len(e.text) > 0 {
		block = "\n" + block
	}
	return e.splice(len(e.text), len(e.text), block)
}

// insertInline puts a key first into an inline table.
//
//	{ a = 1 } → { b = 2, a = 1 }
func (e *tomlEditor) insertInline(at tomlItem, name string, value any) error {
	rest := bytes.TrimLeft(e.text[at.open:], " \t")
	if bytes.HasPrefix(rest, []byte("}")) {
		return e.splice(at.open, len(e.text)-len(rest), " "+tomlPair([]string{name}, value)+" ")
	}
	begin := len(e.text) - len(rest)
	return e.splice(begin, begin, tomlPair([]string{name}, value)+", ")
}

// set gives a key of the entry a value, where the entry is there.
func (e *tomlEditor) set(entry []string, l leaf) error {
	if there, ok := e.find(slices.Concat(entry, l.path), isPair); ok {
		return e.splice(there.value, there.end, tomlValue(l.value))
	}
	parent, name, value := slices.Concat(entry, l.path[:len(l.path)-1]), l.path[len(l.path)-1], l.value
	if at, ok := e.find(parent, isOpen); ok {
		return e.insertInline(at, name, value)
	}
	if header, ok := e.find(parent, isHeader); ok {
		end := header.end
		for _, i := range e.items {
			if slices.Equal(i.table, parent) && !i.inline {
				end = lineEnd(e.text, i.end)
			}
		}
		return e.splice(end, end, tomlPair([]string{name}, value)+"\n")
	}
	if len(l.path) > 1 {
		return e.set(entry, leaf{l.path[:1], object{{dotted(l.path[1:]), value}}})
	}
	// The entry is not a table of its own: mcp_servers.toolward.url = "…"
	for _, i := range slices.Backward(e.items) {
		if under(i.path, entry) && isPair(i) && !i.inline && len(i.table) < len(entry) {
			key := append(slices.Clone(entry[len(i.table):]), name)
			return e.splice(lineStart(e.text, i.start), lineStart(e.text, i.start), tomlPair(key, value)+"\n")
		}
	}
	return errors.New("the entry is written in a way that cannot be edited")
}

// tomlPair writes a key and its value in one line.
func tomlPair(path []string, value any) string {
	key := make([]string, len(path))
	for i := range path {
		key[i] = tomlKey(path[i])
	}
	return strings.Join(key, ".") + " = " + tomlValue(value)
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return tomlString(v)
	case []string:
		all := make([]string, len(v))
		for i := range v {
			all[i] = tomlString(v[i])
		}
		return "[" + strings.Join(all, ", ") + "]"
	case object:
		all := make([]string, len(v))
		for i, p := range v {
			all[i] = tomlPair([]string{p.name}, p.value)
		}
		return "{ " + strings.Join(all, ", ") + " }"
	}
	return fmt.Sprint(v) // a number or a boolean
}

// tomlKey writes a key, bare if it may be.
func tomlKey(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) }) {
		return s
	}
	return tomlString(s)
}

func isWord(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// tomlString writes a basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
