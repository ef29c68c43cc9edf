package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// The library finds the packages that speak about a call by name, as in
//
//	deny contains reason if some reason in data.servers[input.tool.server].deny
//
// which OPA answers by walking the tree of packages and asking the store, for
// each of some twenty such rules, in every evaluation. Which packages there are
// is known at load, so each such rule is replaced by one copy per package that
// has the rule, with the names filled in and compared first:
//
//	deny contains reason if {
//		input.tool.server == "files"
//		some reason in data.servers.files.deny
//	}
//
// OPA's rule index then finds the few copies that matter. The meaning is the
// same, because a package without the rule leaves the original undefined;
// a test decides with and without.

// specialise rewrites the library's rules in place. modules are parsed, not
// compiled.
func specialise(modules map[string]*ast.Module) {
	defined := definitions(modules)
	for _, m := range modules {
		if !isLibrary(m.Package) {
			continue
		}
		var kept []*ast.Rule
		gone := map[string]*ast.Rule{}
		for _, rule := range m.Rules {
			ref := lookup(rule)
			if ref == nil {
				kept = append(kept, rule)
				continue
			}
			for _, a := range defined[definition{ref[1].String(), ref[len(ref)-1].String()}] {
				kept = append(kept, fillIn(rule, ref, a))
			}
			gone[ruleName(rule)] = rule
		}
		for _, rule := range kept {
			delete(gone, ruleName(rule))
		}
		for _, name := range util.KeysSorted(gone) {
			kept = append(kept, neverHolds(gone[name]))
		}
		m.Rules = kept
	}
}

// definition is a root and a rule's name, both as terms print.
type definition struct{ root, rule string }

// definitions lists, in a fixed order, the packages that define a rule.
func definitions(modules map[string]*ast.Module) map[definition][]address {
	type defined struct {
		what definition
		by   address
	}
	out, seen := map[definition][]address{}, map[defined]bool{}
	for _, name := range util.KeysSorted(modules) {
		a, ok := addressOf(modules[name].Package)
		if !ok {
			continue
		}
		for _, rule := range modules[name].Rules {
			d := definition{`"` + a.root + `"`, `"` + ruleName(rule) + `"`}
			if !seen[defined{d, a}] {
				seen[defined{d, a}] = true
				out[d] = append(out[d], a)
			}
		}
	}
	return out
}

// lookup returns the one reference of a rule to packages of operators, if all
// that varies in it is the called tool; else nil.
func lookup(rule *ast.Rule) ast.Ref {
	if rule.Else != nil || rule.Default || len(rule.Head.Args) > 0 {
		return nil
	}
	var found []ast.Ref
	ast.WalkRefs(rule, func(ref ast.Ref) bool {
		if len(ref) > 2 && ref.HasPrefix(ast.DefaultRootRef) {
			if s, ok := ref[1].Value.(ast.String); ok {
				if n, known := parts[string(s)]; known && len(ref) == n+3 {
					found = append(found, ref)
				}
			}
		}
		return false
	})
	if len(found) != 1 {
		return nil
	}
	want := []string{"input.tool.server", "input.tool.name"}
	for i, t := range found[0][2 : len(found[0])-1] {
		if t.String() != want[i] {
			return nil
		}
	}
	return found[0]
}

// fillIn copies a rule for one package.
func fillIn(rule *ast.Rule, ref ast.Ref, a address) *ast.Rule {
	out := rule.Copy()
	names := []string{a.server, a.name}
	var compare []*ast.Expr
	for i, t := range ref[2 : len(ref)-1] {
		compare = append(compare, ast.Equal.Expr(t.Copy(), ast.StringTerm(names[i])).SetLocation(rule.Location))
	}
	ast.WalkRefs(out, func(r ast.Ref) bool {
		if r.Equal(ref) {
			for i := range compare {
				r[2+i] = ast.StringTerm(names[i])
			}
		}
		return false
	})
	out.Body = ast.NewBody(append(compare, out.Body...)...)
	return out
}

// neverHolds keeps a rule's name defined where no package has it. The rule
// index leaves it out, unlike a plain false.
func neverHolds(rule *ast.Rule) *ast.Rule {
	out := rule.Copy()
	if out.Head.Key != nil {
		out.Head.Key = ast.StringTerm("")
	}
	out.Body = ast.NewBody(ast.Equal.Expr(ast.NewTerm(ast.MustParseRef("input.stage")), ast.StringTerm("")).SetLocation(rule.Location))
	return out
}
