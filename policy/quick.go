package policy

import (
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// OPA interprets a rule that looks into a text, compares a number or asks a
// function, as in
//
//	deny contains "leaves the folder" if not path.under(input.args.path, "/srv/docs")
//
// at one to forty microseconds each. A second compilation of the policy, for
// decisions alone, has in the place of such a condition (condition.go) a name that
// input has only if the condition holds:
//
//	deny contains "leaves the folder" if input["toolward/may"].r12
//
// Who builds the input answers the condition in Go, which takes nanoseconds, and
// OPA's index leaves the rule out. For a call about which OPA would not answer a
// condition (it looks into an argument that is no text), the policy is asked as
// it is written, so that the error is OPA's, and a condition after something that
// can fail stays where it is (fallible.go). Rules that see input as a whole, or
// replace it or a function by `with`, would see the difference, and rules that ask
// another package would ask one whose conditions nobody answered: a policy with
// such a rule has no second compilation, nor has one that comes with a library of
// its own. What is left to ask OPA is often the same for many calls; see remember.go.

// mayKey is the member of input that holds the names. It is no identifier, and
// nobody who writes a policy comes upon it.
const mayKey = "toolward/may"

// quick is the second compilation.
type quick struct {
	query  query
	rules  []mayHold
	reader *reader
	timed  bool // the policy asks for more than input and data
	plans  cache[*gateway.Tool, *plan]
	known  cache[question, outcome]
}

// mayHold is a rule with conditions that are answered beforehand.
type mayHold struct {
	about      address
	name       string // what stands for the conditions in input
	conditions []condition
	reads      []string // of input, besides
}

// quicken makes the second compilation from the marked modules, which it
// changes. It returns nil where it would be seen.
func (r *revision) quicken(marked map[string]*ast.Module) (*quick, []Problem) {
	if r.reads.all || replaces(marked) || asksOthers(r.parsed) {
		return nil, nil
	}
	q, f := &quick{}, newFallible(r.compiler)
	q.plans.most, q.known.most = r.tools.most, maxOutcomes
	rules, settled := names(marked), settled(marked)
	for _, name := range util.KeysSorted(marked) {
		a, ok := addressOf(marked[name].Package)
		if !ok || a.root == "reverse" {
			continue
		}
		s := newScope(r, marked[name], rules[marked[name].Package.Path.String()], settled)
		for _, rule := range marked[name].Rules {
			if rule.Default || rule.Else != nil || !isPublic(ruleName(rule)) || counts(ruleName(rule)) {
				continue
			}
			if conditions, rest := s.conditionsOf(rule, f); conditions != nil {
				may := mayHold{about: a, name: "r" + strconv.Itoa(len(q.rules)), conditions: conditions}
				q.rules = append(q.rules, may)
				first := ast.NewExpr(ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm(mayKey)).Append(ast.StringTerm(may.name))))
				rule.Body = ast.NewBody(append([]*ast.Expr{first.SetLocation(rule.Location)}, rest...)...)
			}
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(marking())
	if compiler.Compile(marked); compiler.Failed() {
		return nil, fromOPA(compiler.Errors)
	}
	q.remember(compiler)
	var err []Problem
	q.query, err = prepare(compiler, entryDecision)
	return q, err
}

// conditionsOf returns the conditions of a body that can be answered without
// OPA, and the rest of it.
func (s *scope) conditionsOf(rule *ast.Rule, f *fallible) (conditions []condition, rest []*ast.Expr) {
	s.enter(rule)
	var answerable []*ast.Expr
	as := map[*ast.Expr]condition{}
	for _, e := range rule.Body {
		if x, ok := s.condition(e); ok {
			answerable = append(answerable, e)
			as[e] = x
		}
	}
	reached := f.reached(rule, answerable)
	for _, e := range rule.Body {
		if slices.Contains(reached, e) {
			conditions = append(conditions, as[e])
		} else {
			rest = append(rest, e)
		}
	}
	return conditions, rest
}

// replaces reports whether anything is evaluated with another input, or with
// another function in the place of one that conditions may have.
func replaces(modules map[string]*ast.Module) bool {
	found := false
	each := func(w *ast.With) bool {
		target, ok := w.Target.Value.(ast.Ref)
		found = found || !ok || !target.HasPrefix(ast.DefaultRootRef) || target.HasPrefix(libraryRef)
		return found
	}
	for _, m := range modules {
		ast.WalkWiths(m, each)
	}
	return found
}

var libraryRef = ast.MustParseRef("data.toolward")

// settled reports whether data is the same wherever rules read it.
func settled(modules map[string]*ast.Module) bool {
	found := false
	for _, m := range modules {
		ast.WalkWiths(m, func(*ast.With) bool { found = true; return true })
	}
	return !found
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
