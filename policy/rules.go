package policy

import (
	"cmp"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rule is the value of the rules of a name, which have no arguments.
func (t *translator) rule(ref ast.Ref, node *ast.TreeNode) operand {
	key := ref.String()
	if why, refused := t.refusal[key]; refused {
		return t.refuse(why)
	}
	if t.rules[key] == nil {
		outer := t.refused
		t.refused = ""
		v := t.verdict(ref, node)
		why := t.refused
		if t.refused = outer; why != "" {
			t.refusal[key] = why
			return t.refuse(why)
		}
		t.rules[key] = v
	}
	v := t.rules[key]
	if c := v.constant(); c != nil {
		return operand{c, key}
	}
	return t.once(v, key)
}

// constant is the value of a rule that is the same whatever is asked, as in
// `modes := {"r", "w"}`.
func (r *verdict) constant() *constant {
	if len(r.branches) != 1 || r.otherwise != nil || r.kind != 0 || r.branches[0].or != nil || len(r.branches[0].of.steps) > 0 {
		return nil
	}
	c, _ := r.branches[0].head.(*constant)
	return c
}

func (t *translator) verdict(ref ast.Ref, node *ast.TreeNode) *verdict {
	v := &verdict{n: t.gather()}
	if _, both := t.stored(ref[1:]); both {
		t.refuse("rules and data of one name")
	}
	rules := node.Values
	for _, name := range node.Sorted {
		child := node.Children[name]
		if len(child.Children) > 0 {
			t.refuse("rules below rules")
		}
		rules = append(rules[:len(rules):len(rules)], child.Values...)
	}
	for i, rule := range rules {
		kind := 0
		switch full := rule.Ref(); {
		case len(rule.Head.Args) > 0:
			t.refuse("a function that is not called")
		case rule.Head.RuleKind() == ast.MultiValue && len(full) == len(ref):
			kind = rankSet
		case rule.Head.RuleKind() == ast.SingleValue && len(full) == len(ref):
		case rule.Head.RuleKind() == ast.SingleValue && len(full) == len(ref)+1:
			kind = rankObject
		default:
			t.refuse("a rule of another form")
			return v
		}
		if i > 0 && kind != v.kind {
			t.refuse("rules of two forms")
			return v
		}
		v.kind = kind
		if rule.Default && kind == 0 {
			v.otherwise = t.plain(names{}, rule.Head.Value)
			continue
		}
		v.branches = append(v.branches, t.branches(rule, v, 0))
	}
	return v
}

// branches are a rule and what follows it by else. params is the first of the variables
// of arguments.
func (t *translator) branches(rule *ast.Rule, v *verdict, params int) *branch {
	first := &branch{}
	for b := first; ; b = b.or {
		n := names{}
		var steps []clause
		for i, arg := range rule.Head.Args {
			if name, isVar := arg.Value.(ast.Var); isVar && !n.bound(arg) {
				n[name] = operand{of: variable(params + i)}
				continue
			}
			more, like := t.pattern(n, arg)
			steps = append(append(steps, more...), &match{variable(params + i), like})
		}
		steps = append(steps, t.expressions(n, withoutTrue(rule.Body))...)
		b.of, b.n, b.kind = &body{steps, b}, v.n, v.kind
		switch v.kind {
		case rankSet:
			b.head = t.plain(n, rule.Head.Key)
		case rankObject:
			ref := rule.Ref()
			b.key, b.head = t.plain(n, ref[len(ref)-1]), t.plain(n, rule.Head.Value)
		default:
			b.head = t.plain(n, rule.Head.Value)
		}
		if rule = rule.Else; rule == nil {
			return first
		}
		b.or = &branch{}
	}
}

// withoutTrue leaves out what a rule has that has no body.
func withoutTrue(b ast.Body) []*ast.Expr {
	if len(b) == 1 {
		if term, ok := b[0].Terms.(*ast.Term); ok && !b[0].Negated && len(b[0].With) == 0 && term.Value.Compare(ast.Boolean(true)) == 0 {
			return nil
		}
	}
	return b
}

// function is that of the rules of a name, nil if it is none or refused.
func (t *translator) function(ref ast.Ref) *defined {
	key := ref.String()
	if f, known := t.own[key]; known {
		return f
	}
	t.own[key] = nil
	rules := t.compiler.GetRulesExact(ref)
	if !t.settled || len(rules) == 0 || len(rules[0].Head.Args) == 0 || len(rules[0].Head.Args) > maxOperands {
		return nil
	}
	outer := t.refused
	t.refused = ""
	f := &defined{params: t.slots, arity: len(rules[0].Head.Args)}
	f.n = t.gather()
	t.slots += f.arity
	for _, rule := range rules {
		if rule.Head.RuleKind() != ast.SingleValue || len(rule.Ref()) != len(ref) || len(rule.Head.Args) != f.arity {
			t.refuse("a function of another form")
			break
		}
		if rule.Default {
			f.otherwise = t.plain(names{}, rule.Head.Value)
			continue
		}
		f.branches = append(f.branches, t.branches(rule, &f.verdict, f.params))
	}
	if t.refused == "" {
		t.own[key] = f
	} else {
		t.refusal[key] = t.refused
	}
	t.refused = outer
	return t.own[key]
}

// public translates the body of a rule that decisions ask, as far as can be: what comes
// before the mark. why says what keeps it from being everything. What is not translated
// is taken to hold; behind what can fail in it nothing is answered, since OPA reports
// that only if it comes to it:
//
//	deny contains "x" if { some i in numbers.range(1, input.args.n); contains(input.args.path, "..") }
func (t *translator) public(rule, written *ast.Rule, f *fallible) (steps []clause, n names, why string) {
	n = names{}
	for i, e := range rule.Body {
		if isMark(e) {
			body := written.Body[0].Location.Offset // that of the rule if it has none
			late := func(e *ast.Expr) bool {
				// What a template string is made of has no location.
				return e.Location == nil || body > written.Location.Offset && e.Location.Offset >= body
			}
			if why == "" && slices.ContainsFunc([]*ast.Expr(rule.Body[i+1:]), late) {
				why = "expressions in another order than they are written"
			}
			return steps, n, why
		}
		t.refused = ""
		inner := maps.Clone(n)
		more := t.expression(inner, e)
		if t.refused == "" {
			n, steps = inner, append(steps, more...)
			continue
		}
		if why = cmp.Or(why, t.refused); f.failing(e) {
			break
		}
		n.hide(e)
	}
	return steps, n, why
}

// told is what a rule gives, translated: what comes behind the mark. It is nil if OPA
// has to say it, which it does if the rule's body holds.
func (t *translator) told(rule *ast.Rule, n names) *telling {
	if rule.Head.RuleKind() != ast.MultiValue || len(rule.Ref()) != len(rule.Module.Package.Path)+1 || !t.askedByLibrary(rule) {
		return nil
	}
	mark := slices.IndexFunc([]*ast.Expr(rule.Body), isMark)
	t.refused = ""
	s := &telling{n: t.gather()}
	s.more = &body{t.expressions(n, rule.Body[mark+1:]), (*text)(s)}
	s.gives = t.plain(n, rule.Head.Key)
	if t.refused != "" {
		return nil
	}
	return s
}

// askedByLibrary reports whether nothing but the library reads what a rule gives.
func (t *translator) askedByLibrary(rule *ast.Rule) bool {
	for other := range t.compiler.Graph.Dependents(rule) {
		if r, ok := other.(*ast.Rule); ok && !isLibrary(r.Module.Package) {
			return false
		}
	}
	return true
}

// ruleNames are the names of rules by their package's path; several files may have one.
func ruleNames(modules map[string]*ast.Module) map[string][]string {
	names := map[string][]string{}
	for _, m := range modules {
		path := m.Package.Path.String()
		for _, rule := range m.Rules {
			names[path] = append(names[path], ruleName(rule))
		}
	}
	return names
}

// closedHead reports whether what a rule gives has no variable of its body.
func (r *revision) closedHead(m *ast.Module, rule *ast.Rule) bool {
	free := map[string]bool{"input": true, "data": true}
	for _, i := range m.Imports {
		free[string(i.Name())] = true
	}
	for _, name := range r.names[m.Package.Path.String()] {
		free[name] = true
	}
	for _, e := range rule.Body {
		for _, name := range declares(e) {
			delete(free, name)
		}
	}
	closed := true
	look := ast.NewGenericVisitor(nil)
	look = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.TemplateString:
			closed = false
		case ast.Call:
			if ast.BuiltinMap[x[0].Value.String()] != nil {
				for _, operand := range x[1:] {
					look.Walk(operand)
				}
				return true
			}
		case ast.Var:
			closed = closed && free[string(x)]
		}
		return !closed
	})
	for _, t := range []*ast.Term{rule.Head.Key, rule.Head.Value} {
		if t != nil {
			look.Walk(t)
		}
	}
	for _, t := range rule.Head.Ref()[1:] {
		look.Walk(t)
	}
	return closed
}

// declares are the variables that an expression may bind, and others.
func declares(e *ast.Expr) (vars []string) {
	if some, ok := e.Terms.(*ast.SomeDecl); ok {
		for _, t := range some.Symbols {
			ast.WalkVars(t, func(v ast.Var) bool { vars = append(vars, string(v)); return false })
		}
	}
	if e.IsAssignment() {
		ast.WalkVars(e.Operand(0), func(v ast.Var) bool { vars = append(vars, string(v)); return false })
	}
	return vars
}
