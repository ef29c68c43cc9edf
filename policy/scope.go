package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// scope says what names mean in a rule as it is written: an import, a rule of the
// package, a variable, or what they mean everywhere.
type scope struct {
	revision *revision
	rules    map[string][]*ast.Rule // of the rule's package
	imports  map[string]ast.Ref
	locals   map[string]bool // variables that the rule declares
	settled  bool            // data is the same wherever it is read
	varies   bool            // what was read last has something that differs from call to call
}

// names lists the rules of each package by name.
func names(modules map[string]*ast.Module) map[string]map[string][]*ast.Rule {
	out := map[string]map[string][]*ast.Rule{}
	for _, m := range modules {
		p := m.Package.Path.String()
		if out[p] == nil {
			out[p] = map[string][]*ast.Rule{}
		}
		for _, rule := range m.Rules {
			out[p][ruleName(rule)] = append(out[p][ruleName(rule)], rule)
		}
	}
	return out
}

func newScope(r *revision, m *ast.Module, rules map[string][]*ast.Rule, settled bool) *scope {
	s := &scope{revision: r, rules: rules, imports: map[string]ast.Ref{}, settled: settled}
	for _, i := range m.Imports {
		if ref, ok := i.Path.Value.(ast.Ref); ok {
			s.imports[string(i.Name())] = ref
		}
	}
	return s
}

// enter makes the scope that of a rule.
func (s *scope) enter(rule *ast.Rule) {
	s.locals = map[string]bool{}
	declare := func(x any) {
		ast.WalkVars(x, func(v ast.Var) bool { s.locals[string(v)] = true; return false })
	}
	for _, arg := range rule.Head.Args {
		declare(arg)
	}
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		switch terms := e.Terms.(type) {
		case *ast.SomeDecl:
			for _, t := range terms.Symbols {
				declare(t)
			}
		case *ast.Every:
			if terms.Key != nil {
				declare(terms.Key)
			}
			declare(terms.Value)
		case []*ast.Term:
			if e.IsAssignment() {
				declare(terms[1])
			}
		}
		return false
	})
}

// resolve writes out what the first name of a reference stands for. ok is false
// for a variable and for a rule of the package.
func (s *scope) resolve(ref ast.Ref) (full ast.Ref, ok bool) {
	head, isVar := ref[0].Value.(ast.Var)
	if !isVar {
		return ref, true
	}
	name := string(head)
	if s.locals[name] || s.rules[name] != nil {
		return nil, false
	}
	if path, imported := s.imports[name]; imported {
		return path.Concat(ref[1:]), true
	}
	return ref, true
}

// function names what is called.
func (s *scope) function(t *ast.Term) (string, bool) {
	ref, ok := t.Value.(ast.Ref)
	if !ok {
		return "", false
	}
	ref, ok = s.resolve(ref)
	return ref.String(), ok
}

// named is a rule of the package that is a constant, as in `modes := {"r", "w"}`.
func (s *scope) named(v ast.Var) (term, bool) {
	if path := s.imports[string(v)]; path != nil && !s.locals[string(v)] {
		return s.reference(path)
	}
	rules := s.rules[string(v)]
	if s.locals[string(v)] || len(rules) != 1 {
		return nil, false
	}
	rule := rules[0]
	plain := !rule.Default && rule.Else == nil && len(rule.Head.Args) == 0 && rule.Head.Key == nil && len(rule.Head.Ref()) == 1
	if !plain || rule.Head.Value == nil || !rule.Body.Equal(ast.NewBody(ast.NewExpr(ast.BooleanTerm(true)))) {
		return nil, false
	}
	return constantOf(rule.Head.Value.Value)
}

// fixed is what data has at a path, if no rule has a say in it.
func (s *scope) fixed(ref ast.Ref, r *reference) (term, bool) {
	if !s.settled || len(s.revision.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true})) > 0 {
		return nil, false
	}
	v, there := r.value(s.revision.data)
	if there != given {
		return nil, false
	}
	value, err := ast.InterfaceToValue(v)
	if err != nil {
		return nil, false
	}
	return constantOf(value)
}

// constantOf is a constant in the form that values of input have.
func constantOf(v ast.Value) (term, bool) {
	if !ast.IsConstant(v) {
		return nil, false
	}
	is, ok := plainValue(v)
	return &constant{is}, ok
}

var (
	argsRef, resultRef  = ast.MustParseRef("input.args"), ast.MustParseRef("input.result")
	scoreRef            = ast.MustParseRef("input.guard.score")
	metersRef, callsRef = ast.MustParseRef("input.meters"), ast.MustParseRef("input.session.calls")
)

// answerable reports whether a reference is to what differs from call to call and
// is compared for itself: something of an argument or a result, or a number of
// guard's or state's.
func answerable(ref ast.Ref) bool {
	return ref.HasPrefix(argsRef) || ref.HasPrefix(resultRef) || ref.Equal(scoreRef) || ref.Equal(callsRef) || ref.HasPrefix(metersRef) && len(ref) == 4
}
