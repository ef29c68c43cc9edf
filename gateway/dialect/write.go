package dialect

import (
	"slices"
	"unicode/utf16"
)

// writer writes nodes in a dialect.
type writer struct {
	d     *Dialect
	names *names
	left  int // schemas that may still be written
}

// root writes the arguments of a tool, a folded node: an object, and nothing
// beside it that providers refuse there.
func (w *writer) root(n *node) object {
	plain := *n
	plain.values, plain.types = nil, tObject
	return w.schema(&plain, 1)
}

// schema writes a node that stands so many levels deep.
func (w *writer) schema(n *node, level int) object {
	if w.left--; w.left < 0 || level >= w.d.Levels-1 { // elements of an array need a level yet
		n = n.cut()
	}
	n = w.valued(n)
	switch {
	case len(n.any) > 0 && !w.d.AnyOfBeside:
		return w.spread(n, level)
	case n.types == tAny && !w.d.Untyped && n.loose() && n.values == nil:
		return w.anything(n, level)
	case len(n.types.names()) > 1 && !w.d.TypeLists && (n.types != tAny || !w.d.Untyped):
		return w.perType(n, level)
	}
	return w.plain(n, level)
}

// plain writes a node of a type, of a list of types, or of none.
func (w *writer) plain(n *node, level int) object {
	o := object{}
	if kinds := n.types.names(); n.types != tAny && len(kinds) == 1 {
		o.add("type", kinds[0])
	} else if n.types != tAny {
		list := []any{}
		for _, k := range kinds {
			list = append(list, k)
		}
		o.add("type", list)
	}
	kept, said := w.rest(n)
	w.word(&o, "title", n.title)
	w.word(&o, "description", withWords(n.description, said))
	if n.values != nil {
		o.add("enum", w.names.forward(n.values))
	}
	o = append(o, kept...)
	if n.types&tObject != 0 && (n.types != tAny || n.props != nil || n.required != nil) {
		w.members(&o, n, level)
	}
	if n.types&tArray != 0 && (n.types != tAny || n.items != nil) {
		w.elements(&o, n, level)
	}
	if len(n.any) > 0 {
		o.add("anyOf", w.list(n.any[0], level))
	}
	return o
}

func (w *writer) word(o *object, name, text string) {
	if text != "" && w.d.has(name) {
		o.add(name, text)
	}
}

func (w *writer) members(o *object, n *node, level int) {
	props, known := object{}, map[string]bool{}
	for _, p := range n.members() {
		known[p.name] = true
		props.add(w.names.alias(p.name), w.schema(p.node, level+1))
	}
	required := []any{}
	for _, name := range n.required {
		if !known[name] {
			known[name] = true
			props.add(w.names.alias(name), w.schema(open(), level+1))
		}
		required = append(required, w.names.alias(name))
	}
	o.add("properties", props)
	if len(required) > 0 {
		o.add("required", required)
	}
	switch {
	case !w.d.has("additionalProperties"):
	case n.closed:
		o.add("additionalProperties", false)
	case n.additional != nil:
		o.add("additionalProperties", w.schema(n.additional, level+1))
	}
}

func (w *writer) elements(o *object, n *node, level int) {
	items := n.items
	if items == nil {
		items = open()
	}
	o.add("items", w.schema(items, level+1))
}

// rest are the keywords that are carried as they are. What the dialect cannot
// say is put into words, which are returned.
func (w *writer) rest(n *node) (kept object, said string) {
	var all words
	for _, m := range n.rest {
		k := keywords[m.name]
		if k.on != 0 && k.on&n.types == 0 {
			continue
		}
		if w.says(n, m) {
			switch m.name {
			case "default", "examples":
				kept.add(m.name, w.names.forward(m.value))
			default:
				kept.add(m.name, m.value)
			}
			continue
		}
		all.bound(n.types, m.name, w.names.forward(m.value))
		// The bound itself is a little more than what lies beyond it.
		if wider := map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}[m.name]; wider != "" && w.d.has(wider) && n.rest.get(wider) == nil {
			kept.add(wider, m.value)
		}
	}
	if n.types&tObject != 0 && n.additional != nil && !w.d.has("additionalProperties") {
		all.further(n.additional)
	}
	return kept, all.String()
}

// says reports whether the dialect has a keyword, and its value.
func (w *writer) says(n *node, m member) bool {
	switch {
	case !w.d.has(m.name):
		return false
	case m.name == "format":
		return w.formatFits(n, m.value)
	case m.name == "pattern":
		return isPattern(m.value.(string))
	}
	return true
}

func (w *writer) formatFits(n *node, format any) bool {
	if w.d.Formats == nil {
		return true
	}
	for _, kind := range n.types.names() {
		if kind != "null" && !slices.Contains(w.d.Formats[kind], format.(string)) {
			return false
		}
	}
	return true
}

// spread writes a node with alternatives as anyOf and nothing beside it: what
// stood there goes into each.
func (w *writer) spread(n *node, level int) object {
	beside := *n
	beside.any = nil
	var all []*node
	for _, a := range n.any[0] {
		if m := both(&beside, a); !m.impossible() {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return w.schema(&beside, level)
	}
	return w.anyOf(w.list(all, level))
}

// perType writes a node of several types as anyOf of one each. The words stand
// in the first.
func (w *writer) perType(n *node, level int) object {
	var all []*node
	for _, kind := range n.types.names() {
		one := *n
		one.types = n.types & bitsOf(kind)
		if n.values != nil {
			one.values = slices.DeleteFunc(slices.Clone(n.values), func(v any) bool { return typeOf(v)&one.types == 0 })
		}
		if len(all) > 0 {
			one.title, one.description = "", ""
		}
		all = append(all, &one)
	}
	return w.anyOf(w.list(all, level))
}

// anything writes a value of any type where each schema needs one.
func (w *writer) anything(n *node, level int) object {
	one := &node{types: tAny, title: n.title, description: n.description, rest: n.rest}
	one.items = &node{types: tAny &^ tArray}
	if level >= w.d.Levels {
		one.types = tAny &^ tArray
	}
	return w.perType(one, level)
}

// list writes alternatives, each once, and those of alternatives among them.
func (w *writer) list(nodes []*node, level int) []any {
	seen := map[string]bool{}
	list := []any{}
	for _, n := range nodes {
		written := w.schema(n, level)
		alternatives := []any{written}
		if len(written) == 1 && written[0].name == "anyOf" {
			alternatives = written.list("anyOf")
		}
		for _, a := range alternatives {
			if key := print(a); !seen[key] {
				seen[key] = true
				list = append(list, a)
			}
		}
	}
	return list
}

func (w *writer) anyOf(list []any) object {
	if len(list) == 1 {
		return list[0].(object)
	}
	return object{{"anyOf", list}}
}

// valued is the node with its enum as the dialect has it: types are those of
// the values, and values that cannot be listed are put into words.
func (w *writer) valued(n *node) *node {
	if n.values == nil {
		return n
	}
	m := *n
	m.types, m.values = 0, []any{}
	listed, characters := true, 0
	for _, v := range n.values {
		t := typeOf(v)
		if t&n.types == 0 {
			continue
		}
		m.types |= t
		m.values = append(m.values, v)
		if s, ok := v.(string); ok {
			characters += len(utf16.Encode([]rune(s)))
			listed = listed && (s != "" || w.d.Enum.Empty)
		}
	}
	if m.types&tFraction != 0 {
		m.types |= tNumber
	}
	for _, kind := range m.types.names() {
		if kind != "null" && w.d.Enum.Types != nil && !slices.Contains(w.d.Enum.Types, kind) {
			listed = false
		}
	}
	if len(m.values) > w.d.Enum.Values || len(m.values) > 250 && characters > w.d.Enum.Characters {
		listed = false
	}
	switch {
	case m.types == 0:
		m.types, m.values = n.types, nil // nothing fits; arguments are checked elsewhere
	case m.types == tNull && w.d.Enum.Types != nil:
		m.values = nil
	case !listed:
		m.description = withWords(m.description, oneOf(w.names.forward(m.values).([]any)))
		m.values = nil
	}
	return &m
}
