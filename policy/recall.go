package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// checkRecalled finds a rule that looks in the history for a name that nothing
// adds:
//
//	some e in input.history
//	e.name == "refundde"
//
// in the form in which the compiler leaves it: e is a local variable, bound by
// input.history[i] or a membership test.
func (n *counting) checkRecalled(rule *ast.Rule) []Problem {
	if len(n.memories) == 0 {
		return nil
	}
	entries := map[ast.Var]bool{}
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if !e.IsCall() || len(e.Operands()) < 2 {
			return false
		}
		for i := range 2 {
			v, isVar := e.Operand(i).Value.(ast.Var)
			ref, isRef := e.Operand(1 - i).Value.(ast.Ref)
			if isVar && isRef && len(ref) == 3 && ref.HasPrefix(historyRef) {
				entries[v] = true
			}
		}
		return false
	})
	var ps []Problem
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if !e.IsCall() || len(e.Operands()) != 2 {
			return false
		}
		for i := range 2 {
			ref, isRef := e.Operand(i).Value.(ast.Ref)
			name, isText := e.Operand(1 - i).Value.(ast.String)
			if !isRef || !isText || !ref[len(ref)-1].Equal(ast.InternedTerm("name")) || n.memories[string(name)] != nil {
				continue
			}
			v, isVar := ref[0].Value.(ast.Var)
			if isVar && entries[v] && len(ref) == 2 || ref.HasPrefix(historyRef) && len(ref) == 4 {
				p := problemAt(e.Location, "meter_unknown", "nothing adds %s to input.history", name)
				if near := nearest(string(name), util.KeysSorted(n.memories)); near != "" {
					p = p.hint("%s", didYouMean(near))
				} else {
					p = p.hint("%s", entryForms[ruleRemember])
				}
				ps = append(ps, p)
			}
		}
		return false
	})
	return ps
}

var historyRef = ast.MustParseRef("input.history")
