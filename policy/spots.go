package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// spot is something in the input that a rule looks at: what can stand there, and
// how its path is written.
//
//	some e in input.args.edits; e.old     ->  input.args.edits[_].old
type spot struct {
	schema schema
	path   string
}

// spots knows what the variables of compiled rules stand for. Compiling gives
// each variable a name of its own, so that one table does for a module.
type spots struct {
	compiler *ast.Compiler
	input    schema
	over     map[string]schema // what is known better than by the input's schema, by dotted path
	vars     map[ast.Var]spot
	consts   map[ast.Var]ast.Value // variables that stand for a constant
	words    bool                  // only what is one of a few words is of interest
}

// newSpots reads the rules until nothing new is learnt.
func newSpots(c *ast.Compiler, input schema, over map[string]schema, rules []*ast.Rule) *spots {
	p := &spots{compiler: c, input: input, over: over, vars: map[ast.Var]spot{}, consts: map[ast.Var]ast.Value{}}
	for range 4 {
		before := len(p.vars) + len(p.consts)
		for _, rule := range rules {
			ast.WalkExprs(rule, func(e *ast.Expr) bool {
				p.learn(e)
				return false
			})
		}
		if len(p.vars)+len(p.consts) == before {
			break
		}
	}
	return p
}

// learn takes from an expression what a variable stands for.
func (p *spots) learn(e *ast.Expr) {
	if every, ok := e.Terms.(*ast.Every); ok {
		if in, ok := p.of(every.Domain); ok {
			p.bind(every.Value, spot{in.schema.element(), in.path + "[_]"})
		}
		return
	}
	switch {
	case e.Negated || !e.IsCall():
	case e.IsEquality():
		p.unify(e.Operand(0), e.Operand(1))
		p.unify(e.Operand(1), e.Operand(0))
	case sameText[e.Operator().String()] && len(e.Operands()) > 1:
		if from, ok := p.of(e.Operand(0)); ok {
			p.bind(e.Operand(len(e.Operands())-1), spot{schema{doc: map[string]any{"type": "string"}}, from.path})
		}
	default:
		p.pass(e)
	}
}

// sameText are the functions that give a text which means what theirs did.
var sameText = map[string]bool{"lower": true, "upper": true, "trim_space": true, "trim": true, "trim_left": true, "trim_right": true, "trim_prefix": true}

func (p *spots) unify(v, other *ast.Term) {
	name, ok := v.Value.(ast.Var)
	if !ok {
		return
	}
	if _, known := p.vars[name]; known {
		return
	}
	if constant := p.constant(other); constant != nil {
		if _, known := p.consts[name]; !known {
			p.consts[name] = constant
		}
		return
	}
	if from, ok := p.of(other); ok {
		p.bind(v, from)
	}
}

// pass hands spots on to the parameters of a function of the operator's.
func (p *spots) pass(e *ast.Expr) {
	ref, ok := e.Operator(), true
	if !ref.HasPrefix(ast.DefaultRootRef) || ref.HasPrefix(libraryRef) {
		return
	}
	for _, f := range p.compiler.GetRulesExact(ref) {
		for i, param := range f.Head.Args {
			if i < len(e.Operands()) {
				var from spot
				if from, ok = p.of(e.Operand(i)); ok {
					p.bind(param, from)
				}
			}
		}
	}
}

func (p *spots) bind(v *ast.Term, to spot) {
	if name, ok := v.Value.(ast.Var); ok {
		if _, known := p.vars[name]; !known {
			p.vars[name] = to
		}
	}
}

// constant is the constant that a term is, or stands for.
func (p *spots) constant(t *ast.Term) ast.Value {
	if v, ok := t.Value.(ast.Var); ok {
		return p.consts[v]
	}
	if _, ref := t.Value.(ast.Ref); !ref && ast.IsConstant(t.Value) {
		return t.Value
	}
	return nil
}

// of is the spot that a term names.
func (p *spots) of(t *ast.Term) (spot, bool) {
	switch v := t.Value.(type) {
	case ast.Var:
		at, ok := p.vars[v]
		return at, ok
	case ast.Ref:
		at, _, how := p.walk(v)
		return at, at.path != "" && how != missing && how != never
	}
	return spot{}, false
}

// walk follows a reference as far as its schema knows. Where it comes to what
// cannot be there, at is the spot before, and stopped the index of the term.
func (p *spots) walk(ref ast.Ref) (at spot, stopped int, how access) {
	first := 1
	switch {
	case ref.HasPrefix(ast.InputRootRef):
		at = spot{p.input, "input"}
	case ref.HasPrefix(ast.DefaultRootRef):
		at, first = p.named(ref)
	default:
		name, ok := ref[0].Value.(ast.Var)
		if !ok {
			return spot{}, 0, free
		}
		at = p.vars[name]
		if list := p.consts[name]; list != nil && len(ref) == 2 {
			return spot{elementsOf(list), "each of " + clip(list.String())}, 0, free
		}
	}
	if at.path == "" {
		return spot{}, 0, free
	}
	for i := first; i < len(ref); i++ {
		next, how := p.step(at, ref[i])
		if how == missing || how == never {
			return at, i, how
		}
		at = next
	}
	return at, 0, found
}

// named is what a rule without conditions of another name stands for.
func (p *spots) named(ref ast.Ref) (at spot, first int) {
	for n := 2; n <= len(ref); n++ {
		rules := p.compiler.GetRulesExact(ref[:n])
		if len(rules) != 1 || rules[0].Head.Value == nil || len(rules[0].Head.Args) > 0 || rules[0].Head.RuleKind() != ast.SingleValue {
			continue
		}
		if v, ok := rules[0].Head.Value.Value.(ast.Ref); ok && v.HasPrefix(ast.InputRootRef) {
			at, _, how := p.walk(v)
			if how == missing || how == never {
				return spot{}, 0
			}
			return at, n
		}
		if v, ok := rules[0].Head.Value.Value.(ast.Var); ok {
			return p.vars[v], n
		}
	}
	return spot{}, 0
}

func elementsOf(v ast.Value) schema {
	var values []any
	add := func(t *ast.Term) {
		if x, err := ast.JSON(t.Value); err == nil {
			values = append(values, x)
		}
	}
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(add)
	case ast.Set:
		v.Foreach(add)
	}
	if len(values) == 0 {
		return schema{}
	}
	return schema{doc: map[string]any{"enum": values}}
}

// step goes one name further.
func (p *spots) step(at spot, t *ast.Term) (spot, access) {
	switch name := t.Value.(type) {
	case ast.String:
		next := spot{path: at.path + member(string(name))}
		if s, ok := p.over[strings.TrimPrefix(next.path, "input.")]; ok {
			next.schema = s
			return next, found
		}
		if at.schema.only("array", "string", "number", "boolean", "null") {
			return at, never
		}
		var how access
		next.schema, how = at.schema.member(string(name))
		return next, how
	case ast.Number:
		if at.schema.only("string", "number", "boolean", "null") {
			return at, never
		}
		return spot{at.schema.element(), at.path + "[" + name.String() + "]"}, found
	}
	if at.schema.only("string", "number", "boolean", "null") {
		return at, never
	}
	next := spot{at.schema.element(), at.path + "[_]"}
	if s, ok := p.over[strings.TrimPrefix(next.path, "input.")]; ok {
		next.schema = s
	}
	return next, found
}
