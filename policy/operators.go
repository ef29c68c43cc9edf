package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// Package operators says who may not approve what. It is asked when a person says
// yes, beside the roles of the configuration, and sees input.operator and
// input.approval; everything else of input belongs to calls, and calls have
// neither of these two.
const (
	operatorsPackage = "operators"
	entryOperators   = "data.operators.deny"
)

// operatorsInput are the members of input that package operators has.
var operatorsInput = []string{"operator", "approval"}

// MayApprove returns why an operator may not approve a call, nothing if policy
// does not mind. role is what the configuration makes of them. Where the rules
// cannot be evaluated, the error keeps them from approving.
func (e *Engine) MayApprove(ctx context.Context, by gateway.Operator, role string, a gateway.Approval) ([]string, error) {
	r := e.current.Load()
	q, asked := r.queries[entryOperators]
	if !asked {
		return nil, nil
	}
	value, _, err := r.eval(ctx, e.opt.Timeout, q, ast.LazyObject(operatorInput(by, role, a)), time.Now(), nil)
	if err != nil {
		return nil, fmt.Errorf("package operators: %w", err)
	}
	reasons, err := textsOf(value, ruleDeny)
	if err != nil {
		return nil, fmt.Errorf("package operators: %w", err)
	}
	return reasons, nil
}

func operatorInput(by gateway.Operator, role string, a gateway.Approval) map[string]any {
	recent := make([]any, len(a.Recent))
	for i, r := range a.Recent {
		recent[i] = map[string]any{"tool": r.Tool, "effect": string(r.Effect)}
	}
	approval := map[string]any{
		"id": a.ID, "call": a.Call, "agent": a.Agent, "issuer": a.Issuer, "tool": a.Tool, "reasons": orEmpty(a.Reasons),
		"session": a.Session, "labels": orEmpty(a.Labels), "recent": recent,
		"created": a.Created.UTC().Format(time.RFC3339Nano), "args": gateway.Decode(a.Args),
	}
	if len(a.Restored) > 0 {
		approval["restored"] = restoredInput(a.Restored)
	}
	if a.Beside != nil {
		approval["beside"] = gateway.Decode(a.Beside)
	}
	return map[string]any{
		"operator": map[string]any{"issuer": by.Issuer, "subject": by.Subject, "roles": orEmpty(by.Roles), "role": role},
		"approval": approval,
	}
}

func isOperators(p *ast.Package) bool {
	names := pathOf(p)
	return len(names) == 1 && names[0] == operatorsPackage
}

// checkOperators finds rules of package operators that are not asked, or not of
// their form.
func checkOperators(m *ast.Module) []Problem {
	var ps []Problem
	for _, rule := range m.Rules {
		switch name := ruleName(rule); {
		case name == ruleDeny:
			ps = append(ps, checkRule(rule)...)
		case isPublic(name):
			ps = append(ps, problemAt(rule.Location, "rule_unasked", "package operators is asked for deny alone, not for %s", name).
				hint("roles in the configuration allow; write `deny contains \"reason\" if …` for what they allow too much"))
		}
	}
	return ps
}

// checkOperatorsInput finds rules that read what their package never has: they
// would never hold, which for a deny rule is silent non-enforcement.
func checkOperatorsInput(c *ast.Compiler) []Problem {
	rd := newReader(c)
	var ps []Problem
	for _, name := range util.KeysSorted(c.Modules) {
		m := c.Modules[name]
		operators := isOperators(m.Package)
		if !operators && !speaks(m.Package) {
			continue
		}
		for _, rule := range m.Rules {
			if rule.Default || !isPublic(ruleName(rule)) {
				continue
			}
			for _, path := range util.KeysSorted(rd.of(rule)) {
				root, _, _ := strings.Cut(path, between)
				if path == "" || slices.Contains(operatorsInput, root) == operators {
					continue
				}
				p := problemAt(rule.Location, "input_absent", "package %s never has input.%s", packageName(m.Package), root)
				if operators {
					p = p.hint("package operators has input.operator and input.approval")
				} else {
					p = p.hint("only package operators has it")
				}
				ps = append(ps, p)
				break
			}
		}
	}
	return ps
}
