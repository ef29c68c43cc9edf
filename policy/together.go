package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkTogether finds conditions of which each can hold, and that never do together: all
// lines of a rule have to, which who means one or the other does not know.
func (p *spots) checkTogether(rule *ast.Rule) (ps []Problem) {
	ast.WalkBodies(rule, func(body ast.Body) bool {
		ps = append(ps, p.together(body)...)
		return false
	})
	return ps
}

// together looks at one body: what equals two texts, and what is in one case and shall
// equal a text in the other.
//
//	input.args.state == "open"          lower(input.args.state) == "OPEN"
//	input.args.state == "closed"
func (p *spots) together(body ast.Body) (ps []Problem) {
	equals, cased := map[string]*ast.Term{}, map[ast.Var]string{}
	for _, e := range body {
		if e.Negated || !e.IsCall() || len(e.With) > 0 || len(e.Operands()) != 2 {
			continue
		}
		if name := e.Operator().String(); name == "lower" || name == "upper" {
			if v, ok := e.Operand(1).Value.(ast.Var); ok {
				cased[v] = name
			}
			continue
		}
		if !e.IsEquality() {
			continue
		}
		for i, other := range []int{1, 0} {
			left, right := e.Operand(i), e.Operand(other)
			value := p.constant(right)
			if value == nil || !ast.IsScalar(value) || !single(left) {
				continue
			}
			if problem := wrongCase(e, left, value, cased); problem != nil {
				ps = append(ps, *problem)
			}
			before, twice := equals[left.String()]
			if twice && before.Value.Compare(value) != 0 {
				ps = append(ps, problemAt(locationOf(e), "value_impossible", "%s is never %s and %s at once", p.shown(left), before, value).
					hint("all lines of a rule have to hold; for one or the other write `%s in {%s, %s}`", p.shown(left), before, value))
			}
			equals[left.String()] = ast.NewTerm(value)
		}
	}
	return ps
}

// single reports whether a term is one value in one run of a body: a variable, or what a
// reference without variables names.
func single(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Var:
		return !v.IsWildcard()
	case ast.Ref:
		return v.HasPrefix(ast.InputRootRef) && v.IsGround()
	}
	return false
}

// wrongCase finds a text that a variable never is, since all its letters are small, or large.
func wrongCase(e *ast.Expr, left *ast.Term, value ast.Value, cased map[ast.Var]string) *Problem {
	v, isVar := left.Value.(ast.Var)
	text, isText := value.(ast.String)
	if !isVar || !isText || cased[v] == "" {
		return nil
	}
	becomes := map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper}[cased[v]](string(text))
	if becomes == string(text) {
		return nil
	}
	pr := problemAt(locationOf(e), "value_impossible", "what comes from %s is never %s", cased[v], text)
	pr.Hint = fmt.Sprintf("write %q", becomes)
	return &pr
}
