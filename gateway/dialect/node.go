package dialect

import "slices"

// types is a set of JSON types. A number is whole or not, so that "integer" is
// a part of "number".
type types uint8

const (
	tNull types = 1 << iota
	tBoolean
	tObject
	tArray
	tString
	tInteger
	tFraction

	tNumber = tInteger | tFraction
	tAny    = tNull | tBoolean | tObject | tArray | tString | tNumber
)

var typeNames = []struct {
	name string
	bits types
}{
	{"string", tString}, {"number", tNumber}, {"integer", tInteger}, {"boolean", tBoolean},
	{"object", tObject}, {"array", tArray}, {"null", tNull},
}

// names are the types' names, the one that is not null first.
func (t types) names() []string {
	var all []string
	for _, n := range typeNames {
		if n.bits == tInteger && t&tNumber == tNumber {
			continue // number says it
		}
		if t&n.bits == n.bits || n.bits == tNumber && t&tFraction != 0 {
			all = append(all, n.name)
		}
	}
	return all
}

// bitsOf are the types of a name, 0 if there is no such type.
func bitsOf(name string) types {
	for _, n := range typeNames {
		if n.name == name {
			return n.bits
		}
	}
	return 0
}

// typeOf is the type of a value.
func typeOf(v any) types {
	switch v := v.(type) {
	case object:
		return tObject
	case []any:
		return tArray
	case string:
		return tString
	case bool:
		return tBoolean
	case number:
		if whole(v) {
			return tInteger
		}
		return tFraction
	}
	return tNull
}

// node is what is understood of a schema, references followed and whatever its
// draft: the conjunction of its fields. It says no less than the schema allows,
// but for what the package doc names.
type node struct {
	types       types
	title       string
	description string
	values      []any  // enum and const; nil if there is none
	rest        object // keywords that are carried as they are, of checked shape
	props       []prop
	maybe       []prop // named under a condition only
	required    []string
	closed      bool  // no further members
	additional  *node // what further members are; nil is anything
	items       *node // what elements are; nil is anything
	any         [][]*node
}

type prop struct {
	name string
	*node
}

func open() *node  { return &node{types: tAny} }
func never() *node { return &node{} }

func (n *node) impossible() bool { return n.types == 0 || n.values != nil && len(n.values) == 0 }

// loose reports whether a node says nothing of what a value looks like, though
// it may ask for members by name or bound a length.
func (n *node) loose() bool {
	return n.types == tAny && n.values == nil && n.props == nil && n.items == nil && n.additional == nil && !n.closed && n.any == nil
}

// members are all that are named: those under a condition last, as optional ones.
func (n *node) members() []prop {
	all, known := slices.Clone(n.props), n.index()
	for _, p := range n.maybe {
		if _, ok := known[p.name]; !ok {
			all = append(all, p)
			known[p.name] = len(all) - 1
		}
	}
	return all
}

func (n *node) index() map[string]int {
	at := make(map[string]int, len(n.props))
	for i, p := range n.props {
		at[p.name] = i
	}
	return at
}

// both is a node for what is a and b at once, or for more: where two bounds
// meet, the first stands.
func both(a, b *node) *node {
	n := *a
	n.types &= b.types
	if n.title == "" {
		n.title = b.title
	}
	if n.description == "" {
		n.description = b.description
	}
	switch {
	case a.values == nil:
		n.values = b.values
	case b.values != nil:
		n.values = common(a.values, b.values)
	}
	n.rest = slices.Clone(a.rest)
	for _, m := range b.rest {
		if n.rest.get(m.name) == nil {
			n.rest.add(m.name, m.value)
		}
	}
	n.props = slices.Clone(a.props)
	at := n.index()
	for _, p := range b.props {
		if i, ok := at[p.name]; ok {
			n.props[i].node = both(n.props[i].node, p.node)
		} else {
			n.props = append(n.props, p)
		}
	}
	n.maybe = append(slices.Clone(a.maybe), b.maybe...)
	n.required = slices.Clone(a.required)
	for _, name := range b.required {
		if !slices.Contains(n.required, name) {
			n.required = append(n.required, name)
		}
	}
	n.closed = a.closed || b.closed
	n.additional = bothOrOne(a.additional, b.additional)
	n.items = bothOrOne(a.items, b.items)
	n.any = append(slices.Clone(a.any), b.any...)
	return &n
}

func bothOrOne(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return both(a, b)
}

func common(a, b []any) []any {
	in := map[string]bool{}
	for _, v := range b {
		in[print(v)] = true
	}
	found := []any{}
	for _, v := range a {
		if in[print(v)] {
			found = append(found, v)
		}
	}
	return found
}

// either is a node for what is any of some nodes. Where all are plain lists of
// values it is their list.
func either(nodes []*node) *node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	merged := &node{values: []any{}}
	seen := map[string]bool{}
	for _, n := range nodes {
		if n.values == nil || n.rest != nil || n.any != nil || n.props != nil || n.items != nil || n.description != "" {
			return &node{types: tAny, any: [][]*node{nodes}}
		}
		merged.types |= n.types
		for _, v := range n.values {
			if key := print(v); !seen[key] && typeOf(v)&n.types != 0 {
				seen[key] = true
				merged.values = append(merged.values, v)
			}
		}
	}
	return merged
}

// folded is the node with its alternatives laid over one another: every member
// that one of them names, required only what all of them require.
func (n *node) folded() *node {
	if len(n.any) == 0 {
		return n
	}
	plain := *n
	plain.any = nil
	out := &plain
	for _, alternatives := range n.any {
		var objects []*node
		for _, a := range alternatives {
			if a = a.folded(); a.types&tObject != 0 && !a.impossible() {
				objects = append(objects, a)
			}
		}
		if len(objects) > 0 {
			out = both(out, overlaid(objects))
		}
	}
	return out
}

func overlaid(objects []*node) *node {
	first := objects[0]
	n := &node{types: tAny, closed: true, required: first.required}
	if len(objects) == 1 {
		n.title = first.title
	}
	by := map[string][]*node{}
	seen := map[string]bool{} // of name and content
	var order []string
	for _, o := range objects {
		n.closed = n.closed && o.closed
		n.maybe = append(n.maybe, o.maybe...)
		n.required = slices.DeleteFunc(slices.Clone(n.required), func(name string) bool { return !slices.Contains(o.required, name) })
		for _, p := range o.props {
			if by[p.name] == nil {
				order = append(order, p.name)
			}
			if key := print([]any{p.name, p.outline()}); !seen[key] {
				seen[key] = true
				by[p.name] = append(by[p.name], p.node)
			}
		}
	}
	for _, name := range order {
		n.props = append(n.props, prop{name, either(by[name])})
	}
	return n
}

// outline is a node as a value, by which two are compared.
func (n *node) outline() any {
	if n == nil {
		return nil
	}
	props := object{}
	for _, p := range n.members() {
		props.add(p.name, p.outline())
	}
	required, alternatives := []any{}, []any{}
	for _, name := range n.required {
		required = append(required, name)
	}
	for _, list := range n.any {
		l := []any{}
		for _, a := range list {
			l = append(l, a.outline())
		}
		alternatives = append(alternatives, l)
	}
	return []any{string(rune(n.types)), n.title, n.description, n.values != nil, n.values, n.rest,
		props, required, n.closed, n.additional.outline(), n.items.outline(), alternatives}
}
