package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// An expression that fails refuses the call, but only if it is come to: in
//
//	deny contains "x" if { to_number(input.args.n) > 3; contains(input.args.path, "..") }
//
// a number that is none refuses whatever the path is, because it stands first.
// To leave a rule out because one of its conditions does not hold is right only
// where nothing that can fail stands before the condition.

// fallible finds what can fail.
type fallible struct {
	compiler *ast.Compiler
	rules    map[*ast.Location]*ast.Rule // compiled rules by where they are written
	memo     map[*ast.Rule]bool
}

func newFallible(c *ast.Compiler) *fallible {
	f := &fallible{compiler: c, rules: map[*ast.Location]*ast.Rule{}, memo: map[*ast.Rule]bool{}}
	for _, m := range c.Modules {
		for _, rule := range m.Rules {
			f.rules[rule.Location] = rule
		}
	}
	return f
}

// neverFail are the built-in functions that give an answer, or none, whatever
// they are asked.
var neverFail = map[string]bool{
	"eq": true, "equal": true, "neq": true, "gt": true, "gte": true, "lt": true, "lte": true, "assign": true,
	"internal.member_2": true, "internal.member_3": true, "walk": true, fireName: true,
	"is_string": true, "is_number": true, "is_boolean": true, "is_null": true, "is_array": true, "is_set": true, "is_object": true, "type_name": true,
}

// failing reports whether an expression can fail, or one in it.
func (f *fallible) failing(e *ast.Expr) bool {
	fails := false
	ast.WalkExprs(e, func(e *ast.Expr) bool {
		fails = fails || len(e.With) > 0
		return fails
	})
	ast.WalkTerms(e, func(t *ast.Term) bool {
		_, object := t.Value.(*ast.ObjectComprehension) // two values of one name are a conflict
		fails = fails || object
		return fails
	})
	ast.WalkRefs(e, func(ref ast.Ref) bool {
		switch {
		case fails, ref.HasPrefix(ast.InputRootRef):
		case ref.HasPrefix(ast.DefaultRootRef):
			fails = slices.ContainsFunc(f.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{}), f.rule)
		case ast.BuiltinMap[ref.String()] != nil:
			fails = !neverFail[ref.String()]
		}
		return fails
	})
	return fails
}

// rule reports whether evaluating a rule can fail.
func (f *fallible) rule(r *ast.Rule) bool {
	fails, known := f.memo[r]
	if known {
		return fails
	}
	fails = !r.Ref().IsGround() || r.Head.RuleKind() == ast.SingleValue && !f.agree(r.Ref())
	for branch := r; branch != nil && !fails; branch = branch.Else {
		fails = slices.ContainsFunc([]*ast.Expr(branch.Body), f.failing)
	}
	f.memo[r] = fails
	return fails
}

// agree reports whether the rules of a name cannot give two values, which is a
// conflict: there is one, or all of them give the same.
func (f *fallible) agree(ref ast.Ref) bool {
	rules := slices.DeleteFunc(slices.Clone(f.compiler.GetRulesExact(ref)), func(r *ast.Rule) bool { return r.Default })
	for _, r := range rules {
		for branch := r; branch != nil && len(rules) > 1; branch = branch.Else {
			if v := branch.Head.Value.Value; !ast.IsConstant(v) || v.Compare(rules[0].Head.Value.Value) != 0 {
				return false
			}
		}
	}
	return true
}
