package policy

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A condition is an expression of a rule's body that Go answers as OPA would:
// a comparison, a function, or a function compared, on what input has at a path
// and on constants, each perhaps negated:
//
//	contains(input.args.path, "..")
//	not path.under(input.args.path, "/srv/docs")
//	count(input.args.tags) > 3
//	input.args.mode in modes        with  modes := {"r", "w"}  in the package
//
// What is undefined is as the compiler makes it. It takes what a function is given
// out of the expression, so in `not count(input.args.tags) > 3` nothing holds
// where there are no tags, and leaves what == compares where it is, so that
// `not input.args.mode == "r"` holds where there is no mode. Where a function of
// OPA's fails, and wherever it is not plain what OPA says, the answer is unsure,
// and OPA is asked.
type condition struct {
	negated bool
	left    term // the expression, or what == compares with right
	right   term // nil if left is all
}

// answer is what a condition comes to.
type answer int

const (
	failed answer = iota // undefined, as OPA says, or false
	held
	unsure // OPA decides
)

func (x *condition) answer(in any) answer {
	v, s := x.left.value(in)
	yes := s == given && v != false
	if x.right != nil {
		yes, s = x.equal(in, v, taken(x.left, s))
	}
	switch {
	case s == doubt:
		return unsure
	case s == lost || yes == x.negated:
		return failed
	}
	return held
}

func (x *condition) equal(in, left any, s state) (bool, state) {
	if s == lost || s == doubt {
		return false, s
	}
	right, s2 := x.right.value(in)
	if s2 = taken(x.right, s2); s != given || s2 != given {
		return false, s2
	}
	c, ok := order(left, right)
	if !ok {
		return false, doubt
	}
	return c == 0, given
}

// state says what there is of a value.
type state int

const (
	absent state = iota // undefined
	given
	lost  // undefined before the expression is come to, which `not` does not turn round
	doubt // OPA decides
)

// taken is the state of what is evaluated before the expression that has it: a
// function in it is.
func taken(t term, s state) state {
	if _, ok := t.(*application); ok && s == absent {
		return lost
	}
	return s
}

// term is a part of a condition. Values are those of input, besides [setOf].
type term interface {
	value(in any) (any, state)
}

// constant is a value that is known at load.
type constant struct{ is any }

func (c *constant) value(any) (any, state) { return c.is, given }

// reference is what stands at a path, of input or of what a function gives.
type reference struct {
	of   *application // nil for input
	path []hop
}

// hop is a name, or a place in a list.
type hop struct {
	name  string
	place int // -1 for a name
}

func (r *reference) value(in any) (any, state) {
	if r.of != nil {
		v, s := r.of.value(in)
		if s = taken(r.of, s); s != given {
			return nil, s
		}
		in = v
	}
	for _, at := range r.path {
		there := false
		switch v := in.(type) {
		case map[string]any:
			if at.place < 0 {
				in, there = v[at.name]
			}
		case []any:
			if there = at.place >= 0 && at.place < len(v); there {
				in = v[at.place]
			}
		case []string:
			if there = at.place >= 0 && at.place < len(v); there {
				in = v[at.place]
			}
		case setOf:
			return nil, doubt
		}
		if !there {
			return nil, absent
		}
	}
	return in, given
}

// application is a function of one or two operands.
type application struct {
	run  func(a, b any) (any, state)
	a, b term // b is nil for one operand
}

func (f *application) value(in any) (any, state) {
	a, s := f.a.value(in)
	if s != given {
		return nil, max(s, lost)
	}
	if f.b == nil {
		return f.run(a, nil)
	}
	b, s := f.b.value(in)
	if s != given {
		return nil, max(s, lost)
	}
	return f.run(a, b)
}

// condition reads an expression as it is written. ok is false for what Go does not
// answer, or what is the same in many calls: that is remembered better as it is.
func (s *scope) condition(e *ast.Expr) (x condition, ok bool) {
	if len(e.With) > 0 {
		return x, false
	}
	s.varies = false
	x.negated = e.Negated
	switch terms := e.Terms.(type) {
	case *ast.Term:
		if x.left, ok = s.term(terms); !ok {
			return x, false
		}
	case []*ast.Term:
		name, isName := s.function(terms[0])
		switch {
		case !isName:
			return x, false
		case (name == "equal" || name == "eq") && len(terms) == 3:
			var known bool
			x.left, ok = s.term(terms[1])
			if x.right, known = s.term(terms[2]); !ok || !known {
				return x, false
			}
		default:
			if x.left, ok = s.apply(name, terms[1:]); !ok {
				return x, false
			}
		}
	default:
		return x, false
	}
	return x, s.varies
}

func (s *scope) term(t *ast.Term) (term, bool) {
	switch v := t.Value.(type) {
	case ast.Call:
		name, ok := s.function(v[0])
		if !ok {
			return nil, false
		}
		return s.apply(name, v[1:])
	case ast.Var:
		return s.named(v)
	case ast.Ref:
		return s.reference(v)
	}
	return constantOf(t.Value)
}

func (s *scope) apply(name string, operands []*ast.Term) (term, bool) {
	f := &application{}
	var ok bool
	if name == "regex.match" && len(operands) == 2 {
		pattern, isConstant := operands[0].Value.(ast.String)
		f.run, ok = matching(string(pattern))
		operands = operands[1:]
		ok = ok && isConstant
	}
	known := functions[name]
	if known.run != nil {
		f.run, ok = known.run, known.operands == len(operands)
	}
	if !ok {
		return nil, false
	}
	if f.a, ok = s.term(operands[0]); ok && len(operands) == 2 {
		f.b, ok = s.term(operands[1])
	}
	if b, is := f.b.(*constant); is && known.with != nil {
		f.run, f.b = known.with(b.is), nil
	}
	return f, ok
}

// reference reads a path below input, a function's result, or data.
func (s *scope) reference(ref ast.Ref) (term, bool) {
	full, ok := s.resolve(ref)
	if !ok {
		return nil, false
	}
	r := &reference{path: make([]hop, 0, len(full)-1)}
	for _, t := range full[1:] {
		at := hop{place: -1}
		switch v := t.Value.(type) {
		case ast.String:
			at.name = string(v)
		case ast.Number:
			n, err := strconv.ParseUint(string(v), 10, 31)
			if err != nil || strconv.FormatUint(n, 10) != string(v) {
				return nil, false
			}
			at.place = int(n)
		default:
			return nil, false
		}
		r.path = append(r.path, at)
	}
	switch {
	case full.HasPrefix(ast.InputRootRef):
		s.varies = s.varies || answerable(full)
		return r, true
	case full.HasPrefix(ast.DefaultRootRef):
		return s.fixed(full, r)
	}
	if _, isCall := full[0].Value.(ast.Call); isCall {
		var of term
		of, ok = s.term(full[0])
		r.of, _ = of.(*application)
		return r, ok && r.of != nil
	}
	return nil, false
}
