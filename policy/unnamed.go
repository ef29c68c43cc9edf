package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// dataNames are the names under data: rules, and what data files hold.
type dataNames struct {
	compiler *ast.Compiler
	data     map[string]any
}

// check finds references into data that nothing defines. Rego calls them
// undefined and goes on.
func (d *dataNames) check(m *ast.Module) (ps []Problem) {
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		if !ref.HasPrefix(ast.DefaultRootRef) || len(ref) < 2 {
			return false
		}
		if i, names := d.absent(ref); i > 0 {
			p := problemAt(locationOf(ref[0], ref[i]), "unknown_data", "there is no %s", ref[:i+1])
			if near := nearest(strings.Trim(ref[i].String(), `"`), names); near != "" {
				p.Hint = didYouMean(near)
			} else if i == 1 {
				p.Hint = "no package, and no data.yaml or data.json of the policy, nor policy.data, has it"
			} else {
				p.Hint = "no rule and no data file has it"
			}
			if p.File == "" {
				p.File, p.Line, p.Col = m.Package.Location.File, m.Package.Location.Row, m.Package.Location.Col
			}
			ps = append(ps, p)
		}
		return false
	})
	return ps
}

// absent is the first name of a reference that nothing defines, 0 if there is
// none, and what stands beside it.
func (d *dataNames) absent(ref ast.Ref) (at int, beside []string) {
	tree, value := d.compiler.RuleTree.Child(ast.DefaultRootDocument.Value), any(d.data)
	for i := 1; i < len(ref); i++ {
		name, ok := ref[i].Value.(ast.String)
		if !ok || tree != nil && len(tree.Values) > 0 {
			return 0, nil // it depends on what rules give
		}
		next := (*ast.TreeNode)(nil)
		if tree != nil {
			for _, child := range tree.Children {
				beside = append(beside, strings.Trim(child.Key.String(), `"`))
			}
			next = tree.Child(name)
		}
		object, _ := value.(map[string]any)
		beside = append(beside, util.KeysSorted(object)...)
		sub, there := object[string(name)]
		if next == nil && !there {
			if tree == nil && object == nil {
				return i, nil // a member of what is no object
			}
			return i, beside
		}
		tree, value, beside = next, sub, nil
	}
	return 0, nil
}

// labels are those that tools carry and rules add.
func (c *catalogNames) labels(compiler *ast.Compiler) []string {
	labels := []string{"private", "untrusted", "external"}
	for _, t := range c.byWire {
		labels = append(labels, t.Labels...)
	}
	for _, m := range compiler.Modules {
		if !speaks(m.Package) {
			continue
		}
		for _, rule := range m.Rules {
			if ruleName(rule) != ruleLabel || rule.Head.Key == nil {
				continue
			}
			if s, ok := rule.Head.Key.Value.(ast.String); ok {
				labels = append(labels, string(s))
			}
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// checkLabelNames finds a label that is added and is nearly one that means
// something.
func checkLabelNames(m *ast.Module, labels []string) (ps []Problem) {
	meaning := []string{"private", "untrusted", "external"}
	for _, rule := range m.Rules {
		key, ok := constantKey(rule)
		if ruleName(rule) != ruleLabel || !ok || slices.Contains(meaning, key) {
			continue
		}
		if near := nearest(key, meaning); near != "" {
			ps = append(ps, problemAt(rule.Location, "unknown_label", "the label %q means nothing to the default rule", key).hint("%s", didYouMean(near)))
		}
	}
	return ps
}

// checkPlaces finds places to redact or reveal that a tool does not have: what stands
// elsewhere would go on as it is, or not go back.
func (p *spots) checkPlaces(rule *ast.Rule) (ps []Problem) {
	key, ok := constantKey(rule)
	name := ruleName(rule)
	if name != ruleRedact && name != ruleReveal || !ok {
		return nil
	}
	where, err := parsePlace(key)
	if err != nil {
		return nil
	}
	ref := ast.Ref{ast.InputRootDocument, ast.StringTerm(where.root)}
	for _, s := range where.steps {
		switch s.index {
		case noIndex:
			ref = append(ref, ast.StringTerm(s.name))
		case allIndex:
			ref = append(ref, ast.VarTerm("_"))
		default:
			ref = append(ref, ast.IntNumberTerm(s.index))
		}
	}
	at, i, how := p.walk(ref)
	if how != missing && how != never {
		return nil
	}
	pr := p.absent(rule.Location, at, ref[i], how)
	pr.Code = name + "_path"
	pr.Message = "nothing is " + map[string]string{ruleRedact: "redacted", ruleReveal: "revealed"}[name] + ": " + strings.Replace(pr.Message, "input.", "", 1)
	pr.Hint = strings.ReplaceAll(strings.ReplaceAll(pr.Hint, "input.", ""), "[_]", "[*]")
	return []Problem{pr}
}
