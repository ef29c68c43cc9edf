package dialect

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// What is read of one schema. Past a bound a schema stands for its type only:
// the gateway checks arguments against the whole of it anyway.
const (
	maxNodes = 5000      // subschemas, references followed
	maxText  = 256 << 10 // bytes of descriptions, values and bounds, and as many of names, references followed
	maxLevel = 24        // references, combinators and levels along one path
)

// reader turns a schema of any draft into a node.
type reader struct {
	refs  *refs
	old   bool // before 2019-09: what stands beside $ref is not read
	nodes int
	text  int
	names int
	open  []*object // what references are being followed, outermost first
}

// scope is where a schema stands.
type scope struct {
	base  string // the URI that references are relative to
	level int
}

func newReader(root any) *reader {
	r := &reader{}
	draft := ""
	if o, ok := root.(object); ok {
		draft = o.text("$schema")
	}
	r.old = oldDraft.MatchString(draft)
	r.refs = newRefs(root, strings.Contains(draft, "draft-04"))
	return r
}

var oldDraft = regexp.MustCompile(`draft-0[3-7]`)

// read is what a schema says of a value.
func (r *reader) read(v any, at scope) *node {
	n := r.part(v, at)
	n.infer()
	return n
}

// part is what a schema says where others say something of the same value.
func (r *reader) part(v any, at scope) *node {
	if v == false {
		return never()
	}
	o, ok := v.(object)
	if !ok {
		return open()
	}
	at.base = resolveURI(at.base, r.refs.idOf(o))
	at.level++
	n := r.alone(o)
	r.nodes++
	r.names += namesIn(o)
	if r.nodes > maxNodes || r.names > maxText || at.level > maxLevel {
		return n.cut()
	}
	ref := reference(o)
	if ref != "" && r.old {
		return r.annotated(n, r.follow(ref, at))
	}
	r.object(n, o, at)
	r.array(n, o, at)
	for _, sub := range o.list("allOf") {
		n = both(n, r.part(sub, at))
	}
	if ref != "" {
		n = both(n, r.follow(ref, at))
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		r.alternatives(n, o.list(key), at)
	}
	r.conditions(n, o, at)
	return n
}

// annotated is what a reference leads to, with the words that stand beside it.
func (r *reader) annotated(beside, target *node) *node {
	words := &node{types: tAny, title: beside.title, description: beside.description}
	return both(words, target)
}

// alone is what an object says without its subschemas.
func (r *reader) alone(o object) *node {
	n := open()
	n.types = declared(o.get("type"))
	n.title, n.description = r.words(o.text("title")), r.words(o.text("description"))
	if r.text <= maxText { // else nothing of it is kept
		r.values(n, o)
		r.bounds(n, o)
		n.oldBounds(o)
	}
	return n
}

// values reads enum and const.
func (r *reader) values(n *node, o object) {
	if c := constant(o); c != nil {
		n.values = []any{*c}
	}
	if list, ok := o.get("enum").([]any); ok && len(list) > 0 {
		list = unique(list)
		if n.values != nil {
			list = common(n.values, list)
		}
		n.values = list
	}
	for _, v := range n.values {
		r.text += len(print(v))
	}
	if r.text > maxText {
		n.values = nil
	}
}

// bounds reads the keywords that are carried as they are.
func (r *reader) bounds(n *node, o object) {
	for _, m := range o {
		carried := carry(m.name, m.value)
		if carried == nil {
			continue
		}
		if r.text += len(print(carried)); r.text <= maxText {
			n.rest.add(m.name, carried)
		}
	}
}

// namesIn is how many bytes of names a schema has.
func namesIn(o object) int {
	n := 0
	for _, m := range o.sub("properties") {
		n += len(m.name)
	}
	for _, v := range o.list("required") {
		if name, ok := v.(string); ok {
			n += len(name)
		}
	}
	return n
}

func (r *reader) words(s string) string {
	if r.text += len(s); r.text > maxText {
		return ""
	}
	return s
}

// constant is a pointer so that {"const": null} is told from none.
func constant(o object) *any {
	for i := range o {
		if o[i].name == "const" {
			return &o[i].value
		}
	}
	return nil
}

func unique(list []any) []any {
	seen := map[string]bool{}
	var all []any
	for _, v := range list {
		if key := print(v); !seen[key] {
			seen[key] = true
			all = append(all, v)
		}
	}
	return all
}

// declared are the types that "type" names; any if it names none.
func declared(v any) types {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var t types
	for _, name := range list {
		if s, ok := name.(string); ok {
			t |= bitsOf(s)
		}
	}
	if t == 0 {
		return tAny
	}
	return t
}

// oldBounds reads draft-04's {"minimum": 0, "exclusiveMinimum": true}.
func (n *node) oldBounds(o object) {
	for _, b := range [][2]string{{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}} {
		if o.get(b[1]) == true && n.rest.get(b[0]) != nil {
			i := slices.IndexFunc(n.rest, func(m member) bool { return m.name == b[0] })
			n.rest[i].name = b[1]
		}
	}
}

// infer gives a schema without a type the one that its keywords are for, since
// providers want one and authors mean it.
func (n *node) infer() {
	if n.types != tAny || n.values != nil || n.any != nil {
		return
	}
	var t types
	if n.props != nil || n.closed || n.additional != nil {
		t |= tObject
	}
	if n.items != nil {
		t |= tArray
	}
	for _, m := range n.rest {
		t |= keywords[m.name].on
	}
	if len(n.required) > 0 && t != 0 {
		t |= tObject
	}
	if len(t.names()) == 1 {
		n.types = t
	}
}

// cut is a schema of which only type and words are kept.
func (n *node) cut() *node {
	return &node{types: n.types, title: n.title, description: n.description}
}

func (r *reader) object(n *node, o object, at scope) {
	for _, m := range o.sub("properties") {
		if sub := r.read(m.value, at); !sub.impossible() && sendable(m.name) {
			n.props = append(n.props, prop{m.name, sub})
		}
	}
	for _, v := range o.list("required") {
		if name, ok := v.(string); ok && sendable(name) && !slices.Contains(n.required, name) {
			n.required = append(n.required, name)
		}
	}
	var patterns []*node
	for _, m := range o.sub("patternProperties") {
		if sub := r.read(m.value, at); !sub.impossible() {
			patterns = append(patterns, sub)
		}
	}
	switch more := o.get("additionalProperties").(type) {
	case bool:
		n.closed = !more && patterns == nil
		if !more && patterns != nil {
			n.additional = either(patterns)
		}
	case object:
		if patterns == nil {
			n.additional = r.read(more, at)
			n.closed = n.additional.impossible()
		}
	}
	if n.closed || n.additional != nil && n.additional.loose() {
		n.additional = nil
	}
}

// sendable reports whether a call may have a member of a name: the gateway
// refuses those with a control character from whoever sends them.
func sendable(name string) bool { return !strings.ContainsFunc(name, unicode.IsControl) }

// array reads what elements are. Those of a tuple become one schema: what its
// places may hold, all together.
func (r *reader) array(n *node, o object, at scope) {
	places, rest := o.list("prefixItems"), o.get("items")
	if list, ok := rest.([]any); ok { // before 2020-12
		places, rest = list, o.get("additionalItems")
	}
	var nodes []*node
	for _, p := range places {
		if sub := r.read(p, at); !sub.impossible() {
			nodes = append(nodes, sub)
		}
	}
	switch sub, ok := rest.(object); {
	case ok:
		if more := r.read(sub, at); !more.impossible() {
			nodes = append(nodes, more)
		}
	case rest == false && n.rest.get("maxItems") == nil:
		n.rest.add("maxItems", number(strconv.Itoa(len(places))))
	}
	if len(nodes) == 0 {
		return
	}
	distinct := nodes[:0]
	seen := map[string]bool{}
	for _, e := range nodes {
		if key := print(e.outline()); !seen[key] {
			seen[key] = true
			distinct = append(distinct, e)
		}
	}
	n.items = either(distinct)
}

// alternatives reads a list of which a value is one, or several. If one of them
// says nothing of what the value looks like, neither does the list.
func (r *reader) alternatives(n *node, list []any, at scope) {
	var nodes []*node
	loose := false
	for _, v := range list {
		sub := r.read(v, at)
		if sub.impossible() {
			continue
		}
		loose = loose || sub.loose()
		nodes = append(nodes, sub)
	}
	switch {
	case loose:
		for _, sub := range nodes {
			n.maybe = append(n.maybe, sub.members()...)
		}
	case len(nodes) == 1:
		*n = *both(n, nodes[0])
	case len(nodes) > 1:
		if merged := either(nodes); merged.any == nil {
			*n = *both(n, merged)
		} else {
			n.any = append(n.any, nodes)
		}
	}
}

// conditions reads members that are named only where another condition holds:
// they are offered, and never required.
func (r *reader) conditions(n *node, o object, at scope) {
	subs := []any{o.get("then"), o.get("else")}
	for _, key := range []string{"dependentSchemas", "dependencies"} {
		for _, m := range o.sub(key) {
			subs = append(subs, m.value)
		}
	}
	for _, sub := range subs {
		if _, ok := sub.(object); ok {
			n.maybe = append(n.maybe, r.read(sub, at).members()...)
		}
	}
}

// follow is what a reference leads to. One that cannot be followed, because it
// is remote, says nothing; one that leads back to where it came from is cut.
func (r *reader) follow(ref string, at scope) *node {
	target, base, ok := r.refs.find(at.base, ref)
	if !ok {
		return open()
	}
	o, ok := target.(object)
	if !ok {
		return r.part(target, at)
	}
	key := &o
	if len(o) > 0 {
		for _, k := range r.open {
			if len(*k) > 0 && &(*k)[0] == &o[0] {
				return r.alone(o).cut()
			}
		}
	}
	r.open = append(r.open, key)
	n := r.part(o, scope{base, at.level})
	r.open = r.open[:len(r.open)-1]
	return n
}

func reference(o object) string {
	for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if s := o.text(key); s != "" {
			return s
		}
	}
	return ""
}
