package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// checkForms finds what each file shows by itself: packages that nothing asks,
// public rules of the wrong form, constants that name nothing.
func checkForms(modules map[string]*ast.Module) []Problem {
	var ps []Problem
	for _, name := range util.KeysSorted(modules) {
		m := modules[name]
		if isLibrary(m.Package) {
			if !libraryFile(name) {
				ps = append(ps, problemAt(m.Package.Location, "package_reserved", "package %s belongs to the library", packageName(m.Package)))
			}
			continue
		}
		ps = append(ps, checkPackage(m)...)
		if isOperators(m.Package) {
			ps = append(ps, checkOperators(m)...)
		}
		if speaks(m.Package) {
			for _, rule := range m.Rules {
				ps = append(ps, checkRule(rule)...)
			}
		}
	}
	return ps
}

// checkPackage finds packages that look like ones that decisions ask, and are
// not.
func checkPackage(m *ast.Module) []Problem {
	names := pathOf(m.Package)
	if len(names) == 0 || speaks(m.Package) {
		return nil
	}
	loc := m.Package.Location
	if names[0] == operatorsPackage {
		if len(names) > 1 && holdsPublic(m) {
			return []Problem{problemAt(loc, "package_unasked", "no decision asks package %s", packageName(m.Package)).hint("who may approve what is asked of package operators alone")}
		}
		return nil
	}
	if n, ok := parts[names[0]]; ok {
		want := map[int]string{0: "", 1: ".SERVER", 2: ".SERVER.NAME"}[n]
		if n == 0 || len(names)-1 < n || holdsPublic(m) {
			return []Problem{problemAt(loc, "package_unasked", "no decision asks package %s", packageName(m.Package)).
				hint("packages of this kind are named %s%s", names[0], want)}
		}
		return nil
	}
	if near := nearest(names[0], append(roots(), operatorsPackage)); near != "" {
		return []Problem{problemAt(loc, "package_unasked", "no decision asks package %s", packageName(m.Package)).hint("%s", didYouMean(near))}
	}
	return nil
}

func holdsPublic(m *ast.Module) bool {
	return slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return isPublic(ruleName(r)) })
}

// checkRule finds public rules that are not what the library expects. In plain
// Rego `deny if …` is the value true, not a set of reasons, and would never
// deny.
func checkRule(rule *ast.Rule) []Problem {
	name := ruleName(rule)
	if !isPublic(name) {
		return nil
	}
	single := rule.Head.RuleKind() == ast.SingleValue
	switch {
	case len(rule.Head.Args) > 0:
		return []Problem{problemAt(rule.Location, "rule_form", "%s is a function; nothing calls it", name).hint("public rules take no arguments")}
	case name == ruleAllow && !(single && len(rule.Head.Ref()) == 1):
		return []Problem{problemAt(rule.Location, "rule_form", "allow must be true or undefined").hint("write `allow if …`")}
	case name == ruleAllow:
		return checkAllow(rule)
	case name == ruleFlow && !(single && len(rule.Head.Ref()) == 1):
		return []Problem{problemAt(rule.Location, "rule_form", "flow must be a string").hint("write `flow := \"approve\" if …`")}
	case name == ruleFlow:
		return checkFlow(rule)
	case counts(name):
		return checkEntry(rule, name)
	case single || len(rule.Head.Ref()) != 1:
		return []Problem{problemAt(rule.Location, "rule_form", "%s must be a set of strings", name).
			hint("write `%s contains \"%s\" if …`", name, map[string]string{
				ruleDeny: "reason", ruleApprove: "reason", ruleRedact: "args.body", ruleReveal: "args.body", ruleLabel: "untrusted"}[name])}
	}
	return checkKey(rule, name)
}

// checkAllow wants true or false written out: a value that is computed could be
// 1 or "yes", which look like consent and are not.
func checkAllow(rule *ast.Rule) []Problem {
	var ps []Problem
	for r := rule; r != nil; r = r.Else {
		if v := r.Head.Value; v != nil {
			if _, ok := v.Value.(ast.Boolean); !ok {
				condition := "…"
				if _, computed := v.Value.(ast.Ref); computed {
					condition = clip(v.String()) + " == true"
				}
				ps = append(ps, problemAt(r.Location, "rule_form", "allow is %s, and only true allows", clip(v.String())).
					hint("write `allow if %s`", condition))
			}
		}
	}
	return ps
}

func checkFlow(rule *ast.Rule) []Problem {
	modes := []string{"allow", "approve", "deny"}
	var ps []Problem
	for r := rule; r != nil; r = r.Else {
		if v := r.Head.Value; v != nil {
			if s, ok := v.Value.(ast.String); !ok || !slices.Contains(modes, string(s)) {
				ps = append(ps, problemAt(r.Location, "rule_value", "flow is %s", clip(v.String())).
					hint("write one of \"allow\", \"approve\" and \"deny\""))
			}
		}
	}
	return ps
}

func checkKey(rule *ast.Rule, name string) []Problem {
	if rule.Head.Key == nil || !rule.Head.Key.IsGround() {
		return nil
	}
	key, ok := constantKey(rule)
	if !ok {
		if isConstant(rule.Head.Key.Value) {
			return []Problem{problemAt(rule.Location, "rule_value", "%s must hold strings, not %s", name, clip(rule.Head.Key.String()))}
		}
		return nil
	}
	if name != ruleRedact && name != ruleReveal {
		return nil
	}
	where, err := parsePlace(key)
	if err == nil && name == ruleReveal && where.root != "args" {
		return []Problem{problemAt(rule.Location, "reveal_path", "values are put back in arguments only: a path starts with args").hint("write `reveal contains \"args.body\" if …`")}
	}
	if err != nil {
		root, _ := cutName(key)
		p := problemAt(rule.Location, name+"_path", "%v", err)
		if near := nearest(root, []string{"args", "result"}); near != "" && near != root {
			p = p.hint("%s", didYouMean(near))
		}
		return []Problem{p}
	}
	return nil
}

func isConstant(v ast.Value) bool {
	switch v.(type) {
	case ast.Null, ast.Boolean, ast.Number, *ast.Array, ast.Object, ast.Set:
		return true
	}
	return false
}

// checkWords finds comparisons of what is one of a few words, as input.stage is, with
// another.
func checkWords(c *ast.Compiler) (ps []Problem) {
	input := inputSchema()
	for _, name := range util.KeysSorted(c.Modules) {
		m := c.Modules[name]
		if isLibrary(m.Package) {
			continue
		}
		spots := newSpots(c, input, nil, m.Rules)
		spots.words = true
		for _, rule := range m.Rules {
			ps = append(ps, spots.checkValues(rule)...)
		}
	}
	return ps
}

func isComparison(e *ast.Expr) bool {
	if !e.IsCall() || len(e.Operands()) != 2 {
		return false
	}
	op := e.Operator().String()
	return op == "equal" || op == "neq"
}
