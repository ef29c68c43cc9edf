package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// checkStages finds public rules that wait for what their stage does not have.
// Rego calls that undefined and goes on, which for a deny rule would be silent
// non-enforcement.
func checkStages(c *ast.Compiler) []Problem {
	rd := newReader(c)
	var ps []Problem
	for _, name := range util.KeysSorted(c.Modules) {
		m := c.Modules[name]
		if !speaks(m.Package) {
			continue
		}
		for _, rule := range m.Rules {
			if rule.Default || !isPublic(ruleName(rule)) || !touches(rd.of(rule), "result") {
				continue
			}
			ps = append(ps, checkStage(c, rule)...)
		}
	}
	return ps
}

func checkStage(c *ast.Compiler, rule *ast.Rule) []Problem {
	name := ruleName(rule)
	key, _ := constantKey(rule)
	switch {
	case name == ruleAllow || name == ruleApprove || name == ruleFlow:
		return []Problem{problemAt(rule.Location, "stage_request", "%s is asked before the call, when there is no input.result", name).
			hint("to keep a result back, write `deny contains \"reason\" if … input.result …`")}
	case name == ruleReveal:
		return []Problem{problemAt(rule.Location, "stage_request", "values are put back before the call, when there is no input.result")}
	case name == ruleRedact && strings.HasPrefix(key, "args"):
		return []Problem{problemAt(rule.Location, "stage_request", "arguments are redacted before the call, when there is no input.result").
			hint("a rule that reads input.result can redact places in result")}
	case !needsResult(c, rule, nil):
		return []Problem{problemAt(rule.Location, "stage_unguarded", "%s also holds before the call, where input.result is undefined", name).
			hint("add `input.stage == \"result\"` to the rule")}
	}
	return nil
}

// needsResult reports whether a rule cannot hold while input.result is
// undefined: an expression of its body that is not negated needs it.
func needsResult(c *ast.Compiler, rule *ast.Rule, seen []*ast.Rule) bool {
	if slices.Contains(seen, rule) || rule.Default {
		return false
	}
	seen = append(seen, rule)
	for r := rule; r != nil; r = r.Else {
		if !slices.ContainsFunc(r.Body, func(e *ast.Expr) bool { return exprNeedsResult(c, e, seen) }) {
			return false
		}
	}
	return true
}

func exprNeedsResult(c *ast.Compiler, e *ast.Expr, seen []*ast.Rule) bool {
	if e.Negated {
		return false
	}
	if isStageResult(e) {
		return true
	}
	var terms []*ast.Term
	switch t := e.Terms.(type) {
	case *ast.Term:
		terms = []*ast.Term{t}
	case []*ast.Term:
		terms = t
	case *ast.Every:
		terms = []*ast.Term{t.Domain}
	}
	found := false
	for _, t := range terms {
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
				return true // an empty collection is a value
			case ast.Ref:
				found = found || refNeedsResult(c, x, seen)
			}
			return found
		}).Walk(t)
	}
	return found
}

func isStageResult(e *ast.Expr) bool {
	if !e.IsEquality() && !isComparison(e) || len(e.Operands()) != 2 || e.Operator().String() == "neq" {
		return false
	}
	a, b := e.Operand(0).String(), e.Operand(1).String()
	return a == "input.stage" && b == `"result"` || b == "input.stage" && a == `"result"`
}

// refNeedsResult reports whether a reference is undefined without input.result.
// A whole set of a rule that needs it is empty instead, which is a value; an
// element of that set is undefined.
func refNeedsResult(c *ast.Compiler, ref ast.Ref, seen []*ast.Rule) bool {
	if ref.HasPrefix(ast.InputRootRef) {
		return len(ref) > 1 && ref[1].Equal(ast.InternedTerm("result"))
	}
	if !ref.HasPrefix(ast.DefaultRootRef) {
		return false
	}
	for n := len(ref); n > 1; n-- {
		rules := c.GetRulesExact(ref[:n])
		if len(rules) == 0 {
			continue
		}
		return !slices.ContainsFunc(rules, func(r *ast.Rule) bool {
			whole := r.Head.RuleKind() == ast.MultiValue && n == len(ref)
			return whole || !needsResult(c, r, seen)
		})
	}
	return false
}

// checkUse finds rules that nothing asks: public names in packages that no
// decision reaches, and names that are nearly public ones.
func checkUse(c *ast.Compiler, written map[string]*ast.Module) []Problem {
	var ps []Problem
	asks := asksOf(written)
	for _, file := range util.KeysSorted(c.Modules) {
		m := c.Modules[file]
		if isLibrary(m.Package) {
			continue
		}
		asked := speaks(m.Package) || isOperators(m.Package)
		if checkPackage(m) != nil {
			continue // said already, once
		}
		for _, rule := range m.Rules {
			name := ruleName(rule)
			if len(c.Graph.Dependents(rule)) > 0 {
				continue
			}
			switch {
			case !asked && isPublic(name):
				ps = append(ps, problemAt(rule.Location, "rule_unasked", "no decision asks %s of package %s", name, packageName(m.Package)).
					hint("decisions ask packages gateway, servers.SERVER, tools.SERVER.TOOL, prompts…, resources… and reverse.SERVER"))
			case speaks(m.Package) && isPublic(name) && !counts(name) && !asks[rootOf(m.Package)][name]:
				p := problemAt(rule.Location, "rule_unasked", "no decision asks %s of package %s, so it does nothing", name, packageName(m.Package)).
					hint("it is asked of packages %s", strings.Join(rootsThatAsk(asks, name), ", "))
				p.Severity = Warning // nothing is let through for it
				ps = append(ps, p)
			case asked && !isPublic(name):
				if near := nearest(name, publicRules); near != "" {
					ps = append(ps, problemAt(rule.Location, "rule_unasked", "no decision asks %s, and no rule uses it", name).hint("%s", didYouMean(near)))
				}
			}
		}
	}
	return ps
}

// asksOf says which public rules decisions ask, by the first word of the package: those
// that the library names, as it is written.
func asksOf(written map[string]*ast.Module) map[string]map[string]bool {
	asks := map[string]map[string]bool{}
	for _, m := range written {
		if !isLibrary(m.Package) {
			continue
		}
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			if len(ref) < 3 || !ref.HasPrefix(ast.DefaultRootRef) {
				return false
			}
			root, _ := ref[1].Value.(ast.String)
			for _, step := range ref[2:] {
				if name, ok := step.Value.(ast.String); ok && isPublic(string(name)) {
					if asks[string(root)] == nil {
						asks[string(root)] = map[string]bool{}
					}
					asks[string(root)][string(name)] = true
				}
			}
			return false
		})
	}
	return asks
}

func rootOf(p *ast.Package) string { return pathOf(p)[0] }

// rootsThatAsk are the packages of which a rule is asked, as people write them.
func rootsThatAsk(asks map[string]map[string]bool, name string) (all []string) {
	for _, root := range []string{"gateway", "servers.SERVER", "tools.SERVER.TOOL", "prompts.SERVER.NAME", "resources.SERVER.NAME", "reverse.SERVER"} {
		first, _, _ := strings.Cut(root, ".")
		if asks[first][name] {
			all = append(all, root)
		}
	}
	return all
}
