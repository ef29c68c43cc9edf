package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// OPA's rule index leaves out rules whose comparisons with == cannot hold, but
// evaluates every rule that looks into a text, as in
//
//	deny contains "leaves the folder" if contains(input.args.path, "..")
//
// at more than a microsecond each. A second compilation of the policy, for
// decisions alone, puts before such a condition a name that input has only if
// the condition can hold:
//
//	deny contains "leaves the folder" if {
//		input["toolward/may"].r12
//		contains(input.args.path, "..")
//	}
//
// Who builds the input answers the condition in Go, which takes nanoseconds, and
// OPA's index leaves the rule out. A condition that OPA would not answer with
// true or false (the argument is no string) keeps its rule, so that the error is
// OPA's. Rules that see input as a whole, or replace it by `with`, would see the
// difference, and rules that ask another package would ask one whose conditions
// nobody answered: a policy with such a rule has no second compilation, nor has
// one that comes with a library of its own.

// mayKey is the member of input that holds the names. It is no identifier, and
// nobody who writes a policy comes upon it.
const mayKey = "toolward/may"

// quick is the second compilation.
type quick struct {
	queries map[string]query
	rules   map[address][]mayHold
	tools   cache[*gateway.Tool, []mayHold]
}

// mayHold is a rule with conditions that are answered beforehand.
type mayHold struct {
	name       string // what stands for the rule in input
	conditions []condition
}

// condition is a call of a function on one argument and a constant text.
type condition struct {
	path []string // below input.args
	is   func(s, text string) bool
	text string
}

var functions = map[string]func(s, text string) bool{
	"contains":   strings.Contains,
	"startswith": strings.HasPrefix,
	"endswith":   strings.HasSuffix,
}

// quicken makes the second compilation from the marked modules, which it
// changes. It returns nil where there is nothing to gain, or it would be seen.
func (r *revision) quicken(marked map[string]*ast.Module) (*quick, []Problem) {
	if r.reads.all || replacesInput(marked) || asksOthers(r.parsed) {
		return nil, nil
	}
	q := &quick{queries: map[string]query{}, rules: map[address][]mayHold{}}
	q.tools.most = r.tools.most
	n := 0
	for _, name := range util.KeysSorted(marked) {
		a, ok := addressOf(marked[name].Package)
		if !ok || a.root == "reverse" || definesFunction(marked, marked[name].Package) {
			continue
		}
		for _, rule := range marked[name].Rules {
			if rule.Default || rule.Else != nil || !isPublic(ruleName(rule)) {
				continue
			}
			if conditions := conditionsOf(rule.Body); conditions != nil {
				may := mayHold{"r" + strconv.Itoa(n), conditions}
				n++
				q.rules[a] = append(q.rules[a], may)
				first := ast.NewExpr(ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm(mayKey)).Append(ast.StringTerm(may.name))))
				rule.Body = ast.NewBody(append([]*ast.Expr{first.SetLocation(rule.Location)}, rule.Body...)...)
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	compiler := ast.NewCompiler().WithCapabilities(marking())
	if compiler.Compile(marked); compiler.Failed() {
		return nil, fromOPA(compiler.Errors)
	}
	var err []Problem
	q.queries[entryDecision], err = prepare(compiler, entryDecision)
	return q, err
}

// conditionsOf returns the conditions of a body that can be answered without OPA.
func conditionsOf(body ast.Body) []condition {
	var out []condition
	for _, e := range body {
		terms, ok := e.Terms.([]*ast.Term)
		if !ok || e.Negated || len(e.With) > 0 || len(terms) != 3 {
			continue
		}
		arg, isRef := terms[1].Value.(ast.Ref)
		text, isText := terms[2].Value.(ast.String)
		is := functions[terms[0].String()]
		if is == nil || !isRef || !isText || len(arg) < 3 || !arg.HasPrefix(argsRef) {
			continue
		}
		path := make([]string, 0, len(arg)-2)
		for _, t := range arg[2:] {
			name, ok := t.Value.(ast.String)
			if !ok {
				break
			}
			path = append(path, string(name))
		}
		if len(path) == len(arg)-2 {
			out = append(out, condition{path, is, string(text)})
		}
	}
	return out
}

var argsRef = ast.MustParseRef("input.args")

// replacesInput reports whether anything is evaluated with another input.
func replacesInput(modules map[string]*ast.Module) bool {
	found := false
	for _, m := range modules {
		ast.WalkWiths(m, func(w *ast.With) bool {
			target, ok := w.Target.Value.(ast.Ref)
			found = found || !ok || target.HasPrefix(ast.InputRootRef)
			return found
		})
	}
	return found
}

// asksOthers reports whether any package but the library's reads rules of a
// package that decisions ask, or data under a name that is not written out.
func asksOthers(parsed map[string]*ast.Module) bool {
	found := false
	ask := func(ref ast.Ref) bool {
		if ref.HasPrefix(ast.DefaultRootRef) {
			root, ok := ast.String(""), false
			if len(ref) > 1 {
				root, ok = ref[1].Value.(ast.String)
			}
			found = found || !ok || slices.Contains(roots(), string(root))
		}
		return found
	}
	for _, m := range parsed {
		if isLibrary(m.Package) {
			continue
		}
		for _, i := range m.Imports {
			ast.WalkRefs(i, ask)
		}
		for _, rule := range m.Rules {
			ast.WalkRefs(rule, ask)
		}
	}
	return found
}

// definesFunction reports whether the names of functions mean something else
// in a package.
func definesFunction(modules map[string]*ast.Module, p *ast.Package) bool {
	for _, m := range modules {
		if !m.Package.Equal(p) {
			continue
		}
		for _, rule := range m.Rules {
			if functions[ruleName(rule)] != nil {
				return true
			}
		}
		for _, i := range m.Imports {
			if functions[string(i.Name())] != nil {
				return true
			}
		}
	}
	return false
}

// may is the member of input for a call: the rules whose conditions can hold.
func (q *quick) may(c *gateway.Call) map[string]any {
	rules := q.tools.get(c.Tool, func() []mayHold {
		var all []mayHold
		for a, rules := range q.rules {
			if a.covers(c.Tool) {
				all = append(all, rules...)
			}
		}
		return all
	})
	may := map[string]any{}
	for _, rule := range rules {
		if !slices.ContainsFunc(rule.conditions, func(x condition) bool { return x.fails(c.Args.Value()) }) {
			may[rule.name] = true
		}
	}
	return may
}

// fails reports whether a condition does not hold for sure.
func (x *condition) fails(v any) bool {
	for _, name := range x.path {
		o, ok := v.(map[string]any)
		if !ok {
			return false // perhaps a list: OPA decides
		}
		if v, ok = o[name]; !ok {
			return true // undefined
		}
	}
	s, ok := v.(string)
	return ok && !x.is(s, x.text)
}
