package policy

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// call translates a function with its operands, and perhaps what its value is unified
// with.
func (t *translator) call(n names, terms []*ast.Term) []clause {
	ref, ok := terms[0].Value.(ast.Ref)
	if !ok {
		t.refuse("a call of another kind")
		return nil
	}
	name := ref.String()
	arity := t.arity(ref, name)
	if arity < 0 || len(terms)-1 < arity || len(terms)-1 > arity+1 {
		t.refuse(cmp.Or(t.refusal[name], name))
		return nil
	}
	var steps []clause
	operands := make([]operand, arity)
	for i, of := range terms[1 : 1+arity] {
		if !n.bound(of) {
			t.refuse("a variable that nothing binds")
			return nil
		}
		var more []clause
		more, operands[i] = t.value(n, of)
		steps = append(steps, more...)
	}
	if name == "walk" {
		return append(steps, t.walk(n, operands[0], terms[2:])...)
	}
	o := t.apply(ref, name, operands)
	switch {
	case len(terms)-1 == arity:
		return append(steps, &test{o.of})
	default:
		out := terms[1+arity]
		if v, isVar := out.Value.(ast.Var); isVar && !n.bound(out) && o.key != "" {
			n[v] = o
			return append(steps, &there{o.of})
		}
		more, like := t.pattern(n, out)
		return append(append(steps, more...), &match{o.of, like})
	}
}

// arity is how many operands a function has; -1 if it is not known.
func (t *translator) arity(ref ast.Ref, name string) int {
	if f, known := functions[name]; known {
		return f.operands
	}
	if b := ast.BuiltinMap[name]; b != nil {
		if name == "walk" || name == "time.now_ns" || slices.Contains(lent, name) {
			return b.Decl.Arity()
		}
		return -1
	}
	if f := t.function(ref); f != nil {
		return f.arity
	}
	return -1
}

// apply is a function with its operands.
func (t *translator) apply(ref ast.Ref, name string, operands []operand) operand {
	key := name + "("
	for _, o := range operands {
		if o.key == "" {
			key = ""
			break
		}
		key += o.key + ", "
	}
	of := make([]term, len(operands))
	for i, o := range operands {
		of[i] = o.of
	}
	switch f, known := functions[name]; {
	case known:
		return t.native(f, name, key, operands)
	case name == "time.now_ns":
		return operand{timeOf{}, "time.now_ns()"}
	case name == "object.get":
		return t.once(&getting{of[0], of[1], of[2]}, key)
	case name == "regex.match":
		if c, isConstant := of[0].(*constant); isConstant {
			expr, isText := c.is.(string)
			if run, ok := matching(expr); ok && isText {
				return t.once(&application{run: run, a: of[1], each: costPattern}, key)
			}
			return t.refuse(name) // OPA says what is wrong with it
		}
	}
	if ast.BuiltinMap[name] != nil {
		slow := &borrowed{topdown.GetBuiltin(name), of}
		f, known := usual[name]
		if !known {
			return t.once(slow, key)
		}
		fast := &swift{run: f.run, a: of[0], slow: slow}
		if len(of) == 2 {
			fast.b = of[1]
		}
		return t.once(fast, key)
	}
	return t.once(&own{t.function(ref), of}, key)
}

// native is a function of functions.go. What is compared is found as soon as it is
// looked up.
func (t *translator) native(f native, name, key string, operands []operand) operand {
	a := &application{run: f.run, a: operands[0].of, each: costText, member: name == "internal.member_2"}
	if len(operands) == 2 {
		a.b = operands[1].of
	}
	switch c, is := a.b.(*constant); {
	case is && f.with != nil:
		a.run, a.b = f.with(c.is), nil
	case is && name == "internal.member_2":
		if l, isList := c.is.([]any); isList {
			if s, ok := newSet(slices.Clone(l)); ok {
				a.b = &constant{s}
			}
		}
	}
	switch name {
	case "gt", "gte", "lt", "lte", "neq":
		a.each = costCompared
		return operand{a, key}
	case "contains":
		return t.once(t.contains(a, operands[0]), key)
	}
	return t.once(a, key)
}

// beginning is how many bytes of what a text is to contain are looked for first. Texts
// that are refused for what they contain are refused for many things, which often begin
// alike: none of them is there if that is not, which is found once.
//
//	contains(input.args.text, "case-17-closed")   →   "case-", for all cases
const beginning = 5

// contains is a.
func (t *translator) contains(a *application, text operand) term {
	c, _ := a.b.(*constant)
	if c == nil || text.key == "" {
		return a
	}
	needle, _ := c.is.(string)
	if len(needle) <= beginning {
		return a
	}
	start := needle[:beginning]
	first := t.once(&application{run: a.run, a: text.of, b: &constant{start}, each: a.each}, "contains("+text.key+", "+strconv.Quote(start)+")")
	return &narrowed{first: first.of, then: a}
}

// walk is walk(of, out).
func (t *translator) walk(n names, of operand, out []*ast.Term) []clause {
	if len(out) != 1 {
		t.refuse("walk")
		return nil
	}
	s := &walks{of: of.of, paths: true}
	if list, ok := out[0].Value.(*ast.Array); ok && list.Len() == 2 {
		v, isVar := list.Elem(0).Value.(ast.Var)
		s.paths = !isVar || !v.IsWildcard()
	}
	steps, like := t.pattern(n, out[0])
	s.like = like
	if both, ok := like.(listOf); ok && !s.paths {
		s.element = both[1]
	}
	return append(steps, s)
}

// reference is what stands at a path. Where a variable of it is not bound, a clause goes
// through all that it can be.
func (t *translator) reference(n names, ref ast.Ref) (steps []clause, o operand) {
	at := 1
	switch head := ref[0].Value.(type) {
	case ast.Var:
		switch {
		case head.Equal(ast.InputRootDocument.Value):
			o = operand{whole{}, "input"}
		case head.Equal(ast.DefaultRootDocument.Value):
			o, at = t.below(ref)
		default:
			o = t.named(n, head)
		}
	default:
		return nil, t.refuse("a reference of another kind")
	}
	m := &part{of: o.of}
	key := o.key
	flush := func() operand {
		if len(m.path) == 0 {
			return operand{m.of, key}
		}
		return t.once(m, key)
	}
	for ; at < len(ref); at++ {
		if v, isVar := ref[at].Value.(ast.Var); isVar && !n.bound(ref[at]) {
			s := &each{of: flush().of, key: t.slot(), elem: t.slot()}
			if v.IsWildcard() {
				s.key = -1
			}
			n[v] = operand{of: variable(s.key)}
			steps = append(steps, s)
			m, key = &part{of: variable(s.elem)}, ""
			continue
		}
		if !n.bound(ref[at]) {
			return nil, t.refuse("a pattern in a path")
		}
		more, by := t.value(n, ref[at])
		steps = append(steps, more...)
		m.path = append(m.path, hopTo(by))
		if key != "" && by.key != "" {
			key += "[" + by.key + "]"
		} else {
			key = ""
		}
	}
	return steps, flush()
}

func hopTo(by operand) hop {
	if c, is := by.of.(*constant); is {
		switch v := c.is.(type) {
		case string:
			return hop{name: v, place: -1}
		case interface{ String() string }:
			if n, err := strconv.ParseUint(v.String(), 10, 31); err == nil && strconv.FormatUint(n, 10) == v.String() {
				return hop{place: int(n)}
			}
		}
	}
	return hop{place: -1, key: by.of}
}

// below is a rule, or what data has, and where in the reference its path begins.
func (t *translator) below(ref ast.Ref) (o operand, at int) {
	if !t.settled {
		return t.refuse("data where a rule replaces some of it"), len(ref)
	}
	node := t.compiler.RuleTree.Child(ref[0].Value)
	for at = 1; at < len(ref) && node != nil && !ruled(node, at); at++ {
		if !ast.IsConstant(ref[at].Value) {
			return t.refuse("rules whose names are not written out"), len(ref)
		}
		node = node.Child(ref[at].Value)
	}
	switch {
	case node == nil:
		return t.base(ref)
	case ruled(node, at):
		return t.rule(ref[:at], node), at
	}
	return t.refuse("all rules of a package"), len(ref)
}

// ruled reports whether a node of a depth is below a package: a rule, or an object of
// rules.
func ruled(node *ast.TreeNode, depth int) bool {
	if len(node.Values) > 0 {
		return true
	}
	for _, child := range node.Children {
		if len(child.Values) > 0 {
			return len(child.Values[0].Module.Package.Path) < depth
		}
	}
	return false
}

// base is what data has where no rule has a say in it.
func (t *translator) base(ref ast.Ref) (operand, int) {
	at := 1
	for at < len(ref) {
		if _, isText := ref[at].Value.(ast.String); !isText {
			break
		}
		at++
	}
	key := ref[:at].String()
	if at == 1 {
		return t.refuse("all of data"), len(ref)
	}
	of, known := t.data[key]
	if !known {
		of = nothing{}
		if v, ok := t.stored(ref[1:at]); ok {
			of = &constant{v}
		}
		if t.refused == "" {
			t.data[key] = of
		}
	}
	return operand{of, key}, at
}

func (t *translator) stored(path ast.Ref) (any, bool) {
	var v any = t.revision.data
	for _, name := range path {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		text, _ := name.Value.(ast.String)
		if v, ok = members[string(text)]; !ok {
			return nil, false
		}
	}
	is, err := ast.InterfaceToValue(v)
	if err != nil {
		t.refuse("data of another kind")
		return nil, false
	}
	plain, ok := plainValue(is)
	if !ok {
		t.refuse("data of another kind")
	}
	return plain, ok
}
