package policy

import (
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
)

// translator makes bodies of rules as OPA's compiler leaves them: in the order in which
// they are evaluated, each call an expression of its own, and references with names
// that are written out.
//
//	startswith(input.args.path, dirs[_])   →   x = input.args.path; y = data.p.dirs[_]; startswith(x, y)
//
// What it does not know it refuses: the expression stays OPA's.
type translator struct {
	revision *revision
	compiler *ast.Compiler
	settled  bool // data and rules are the same wherever they are read

	refused string // why the expression under way is not translated; "" if it is
	slots   int
	gathers int
	kept    map[string]*kept // by how it is written
	rules   map[string]*verdict
	own     map[string]*defined
	refusal map[string]string // of rules, by name
	data    map[string]term
}

func newTranslator(r *revision, settled bool) *translator {
	return &translator{
		revision: r, compiler: r.compiler, settled: settled, kept: map[string]*kept{},
		rules: map[string]*verdict{}, own: map[string]*defined{}, refusal: map[string]string{}, data: map[string]term{},
	}
}

func (t *translator) refuse(why string) operand {
	if t.refused == "" {
		t.refused = why
	}
	return operand{of: nothing{}}
}

func (t *translator) slot() int {
	t.slots++
	return t.slots - 1
}

func (t *translator) gather() int {
	t.gathers++
	return t.gathers - 1
}

// operand is a term, and how it is written if it is the same in all of a decision.
type operand struct {
	of  term
	key string
}

// names are what variables stand for. One that is not there is not bound yet; one
// without a term is bound by what is not translated.
type names map[ast.Var]operand

// hide keeps those that an expression has from being bound by another: it may be one
// of several values, of which `not` would ask all.
func (n names) hide(e *ast.Expr) {
	for v := range varsOf(e) {
		if _, bound := n[v]; !bound {
			n[v] = operand{}
		}
	}
}

// bound reports whether a term has no variable that is still to be bound but in the
// path of a reference.
func (n names) bound(t *ast.Term) bool {
	all := true
	switch v := t.Value.(type) {
	case ast.Var:
		_, all = n[v]
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { all = all && n.bound(e) })
	case ast.Set:
		v.Foreach(func(e *ast.Term) { all = all && n.bound(e) })
	case ast.Object:
		v.Foreach(func(k, e *ast.Term) { all = all && n.bound(k) && n.bound(e) })
	}
	return all
}

// once is a term that is the same in all of a decision, and is kept when it is found.
func (t *translator) once(of term, key string) operand {
	if key == "" {
		return operand{of: of}
	}
	k := t.kept[key]
	if k == nil {
		k = &kept{of, len(t.kept)}
		t.kept[key] = k
	}
	return operand{k, key}
}

// expressions translates all of a body, or refuses.
func (t *translator) expressions(n names, exprs []*ast.Expr) (steps []clause) {
	for _, e := range exprs {
		steps = append(steps, t.expression(n, e)...)
	}
	return steps
}

// expression translates one, and binds its variables in n.
func (t *translator) expression(n names, e *ast.Expr) []clause {
	if len(e.With) > 0 {
		t.refuse("with")
		return nil
	}
	if e.Negated {
		positive := *e
		positive.Negated = false
		s := &negation{n: tallied(t.gather())}
		s.of = &body{t.expression(maps.Clone(n), &positive), s.n}
		return []clause{s}
	}
	switch terms := e.Terms.(type) {
	case *ast.Term:
		steps, o := t.value(n, terms)
		return append(steps, &test{o.of})
	case *ast.Every:
		return t.every(n, terms)
	case []*ast.Term:
		switch {
		case e.IsEquality():
			return t.equality(n, terms[1], terms[2])
		case e.IsCall():
			return t.call(n, terms)
		}
	}
	t.refuse("an expression of another kind")
	return nil
}

func (t *translator) every(n names, e *ast.Every) []clause {
	steps, in := t.value(n, e.Domain)
	inner := maps.Clone(n)
	s := &every{in: in.of, key: t.slot(), elem: t.slot(), n: tallied(t.gather())}
	if e.Key != nil {
		t.name(inner, e.Key, s.key)
	}
	t.name(inner, e.Value, s.elem)
	s.of = &body{t.expressions(inner, e.Body), s.n}
	return append(steps, s)
}

// name lets a variable stand for a slot.
func (t *translator) name(n names, v *ast.Term, slot int) {
	if name, ok := v.Value.(ast.Var); ok {
		n[name] = operand{of: variable(slot)}
		return
	}
	t.refuse("a variable that is none")
}

// equality is unification: what has variables that are not bound is a pattern for the
// value of the other side.
func (t *translator) equality(n names, a, b *ast.Term) []clause {
	if !n.bound(a) {
		a, b = b, a
	}
	if !n.bound(a) {
		return t.pairs(n, a, b)
	}
	steps, o := t.value(n, a)
	if name, isVar := b.Value.(ast.Var); isVar && !n.bound(b) && o.key != "" {
		n[name] = o // stands for it wherever it is written
		return append(steps, &there{o.of})
	}
	more, like := t.pattern(n, b)
	return append(append(steps, more...), &match{o.of, like})
}

// pairs unifies lists element by element, where both have variables.
func (t *translator) pairs(n names, a, b *ast.Term) (steps []clause) {
	x, isList := a.Value.(*ast.Array)
	y, both := b.Value.(*ast.Array)
	if !isList || !both || x.Len() != y.Len() {
		t.refuse("variables on both sides")
		return nil
	}
	for i := range x.Len() {
		steps = append(steps, t.equality(n, x.Elem(i), y.Elem(i))...)
	}
	return steps
}

// pattern is what a value has to be like. The steps come before.
func (t *translator) pattern(n names, p *ast.Term) ([]clause, shapeOf) {
	if n.bound(p) {
		steps, o := t.value(n, p)
		return steps, &same{o.of}
	}
	var steps []clause
	part := func(e *ast.Term) shapeOf {
		more, like := t.pattern(n, e)
		steps = append(steps, more...)
		return like
	}
	switch v := p.Value.(type) {
	case ast.Var:
		s := t.slot()
		n[v] = operand{of: variable(s)}
		return nil, bind(s)
	case *ast.Array:
		of := make(listOf, 0, v.Len())
		v.Foreach(func(e *ast.Term) { of = append(of, part(e)) })
		return steps, of
	case ast.Object:
		of := &recordOf{}
		v.Foreach(func(k, e *ast.Term) {
			name, isText := k.Value.(ast.String)
			if !isText {
				t.refuse("an object whose names are not written out")
			}
			of.names, of.of = append(of.names, string(name)), append(of.of, part(e))
		})
		return steps, of
	}
	t.refuse("a pattern of another kind")
	return nil, nil
}

// named is what a variable stands for.
func (t *translator) named(n names, v ast.Var) operand {
	o := n[v]
	if o.of == nil {
		return t.refuse("a variable that nothing binds")
	}
	return o
}

// value is the value of a term all of whose variables are bound, but for those in the
// paths of references, which the steps go through.
func (t *translator) value(n names, of *ast.Term) ([]clause, operand) {
	switch v := of.Value.(type) {
	case ast.Null, ast.Boolean, ast.Number, ast.String:
		return nil, t.constant(v)
	case ast.Var:
		return nil, t.named(n, v)
	case ast.Ref:
		return t.reference(n, v)
	case *ast.Array, ast.Set, ast.Object:
		if ast.IsConstant(v) {
			return nil, t.constant(v)
		}
		return t.composite(n, v)
	case *ast.ArrayComprehension:
		return nil, t.collection(n, v.Body, nil, v.Term, rankList)
	case *ast.SetComprehension:
		return nil, t.collection(n, v.Body, nil, v.Term, rankSet)
	case *ast.ObjectComprehension:
		return nil, t.collection(n, v.Body, v.Key, v.Value, rankObject)
	}
	return nil, t.refuse("a term of another kind")
}

func (t *translator) constant(v ast.Value) operand {
	is, ok := plainValue(v)
	if !ok {
		return t.refuse("an object with other names than texts")
	}
	return operand{&constant{is}, v.String()}
}

func (t *translator) composite(n names, v ast.Value) (steps []clause, o operand) {
	var of []term
	part := func(e *ast.Term) {
		more, o := t.value(n, e)
		steps, of = append(steps, more...), append(of, o.of)
	}
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(part)
		return steps, operand{of: &listing{of: of}}
	case ast.Set:
		v.Foreach(part)
		return steps, operand{of: &listing{of: of, set: true}}
	case ast.Object:
		var with []string
		v.Foreach(func(k, e *ast.Term) {
			name, isText := k.Value.(ast.String)
			if !isText {
				t.refuse("an object whose names are not written out")
			}
			with = append(with, string(name))
			part(e)
		})
		return steps, operand{of: &record{with, of}}
	}
	return nil, t.refuse("a composite of another kind")
}

func (t *translator) collection(n names, exprs ast.Body, key, head *ast.Term, kind int) operand {
	inner := maps.Clone(n)
	c := &collection{n: t.gather(), kind: kind}
	c.of = &body{t.expressions(inner, exprs), c}
	if key != nil {
		c.key = t.plain(inner, key)
	}
	c.head = t.plain(inner, head)
	return operand{of: c}
}

// plain is a value that needs no clause.
func (t *translator) plain(n names, of *ast.Term) term {
	if !n.bound(of) {
		return t.refuse("a head with variables that nothing binds").of
	}
	steps, o := t.value(n, of)
	if len(steps) > 0 {
		t.refuse("a head that has to be gone through")
	}
	return o.of
}
