package policy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// OPA's rule index leaves out rules whose comparisons with == cannot hold, but
// evaluates every rule that looks into a text or compares a number, as in
//
//	deny contains "leaves the folder" if contains(input.args.path, "..")
//
// at more than a microsecond each. A second compilation of the policy, for
// decisions alone, has in the place of such a condition a name that input has
// only if the condition holds:
//
//	deny contains "leaves the folder" if input["toolward/may"].r12
//
// Who builds the input answers the condition in Go, which takes nanoseconds, and
// OPA's index leaves the rule out. For a call about which OPA would not answer a
// condition with true or false (the argument is no text), the policy is asked as
// it is written, so that the error is OPA's, and a condition after something that
// can fail stays where it is (fallible.go). Rules that see input as a whole, or
// replace it by `with`, would see the difference, and rules that ask another
// package would ask one whose conditions nobody answered: a policy with such a
// rule has no second compilation, nor has one that comes with a library of its
// own. What is left to ask OPA is often the same for many calls; see remember.go.

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

// condition compares what input has at a path with a constant.
type condition struct {
	path     []string
	text     func(s, text string) bool // nil if numbers are compared
	order    func(c int) bool
	constant ast.Value
}

var textual = map[string]func(s, text string) bool{
	"contains":   strings.Contains,
	"startswith": strings.HasPrefix,
	"endswith":   strings.HasSuffix,
}

var numeric = map[string]func(c int) bool{
	"gt":  func(c int) bool { return c > 0 },
	"gte": func(c int) bool { return c >= 0 },
	"lt":  func(c int) bool { return c < 0 },
	"lte": func(c int) bool { return c <= 0 },
}

// quicken makes the second compilation from the marked modules, which it
// changes. It returns nil where it would be seen.
func (r *revision) quicken(marked map[string]*ast.Module) (*quick, []Problem) {
	if r.reads.all || replacesInput(marked) || asksOthers(r.parsed) {
		return nil, nil
	}
	q, f := &quick{}, newFallible(r.compiler)
	q.plans.most, q.known.most = r.tools.most, maxOutcomes
	for _, name := range util.KeysSorted(marked) {
		a, ok := addressOf(marked[name].Package)
		if !ok || a.root == "reverse" || definesFunction(marked, marked[name].Package) {
			continue
		}
		for _, rule := range marked[name].Rules {
			if rule.Default || rule.Else != nil || !isPublic(ruleName(rule)) || counts(ruleName(rule)) {
				continue
			}
			if conditions, rest := conditionsOf(rule, f); conditions != nil {
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
func conditionsOf(rule *ast.Rule, f *fallible) (conditions []condition, rest []*ast.Expr) {
	var answerable []*ast.Expr
	for _, e := range rule.Body {
		if _, ok := conditionOf(e); ok {
			answerable = append(answerable, e)
		}
	}
	reached := f.reached(rule, answerable)
	for _, e := range rule.Body {
		if slices.Contains(reached, e) {
			x, _ := conditionOf(e)
			conditions = append(conditions, x)
		} else {
			rest = append(rest, e)
		}
	}
	return conditions, rest
}

func conditionOf(e *ast.Expr) (x condition, ok bool) {
	terms, isCall := e.Terms.([]*ast.Term)
	if !isCall || e.Negated || len(e.With) > 0 || len(terms) != 3 {
		return x, false
	}
	ref, isRef := terms[1].Value.(ast.Ref)
	if !isRef || len(ref) < 3 || !answerable(ref) {
		return x, false
	}
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		if !ok {
			return x, false
		}
		x.path = append(x.path, string(name))
	}
	x.constant = terms[2].Value
	switch x.constant.(type) {
	case ast.String:
		x.text = textual[terms[0].String()]
	case ast.Number:
		x.order = numeric[terms[0].String()]
	}
	return x, x.text != nil || x.order != nil
}

var (
	argsRef, scoreRef   = ast.MustParseRef("input.args"), ast.MustParseRef("input.guard.score")
	metersRef, callsRef = ast.MustParseRef("input.meters"), ast.MustParseRef("input.session.calls")
)

// answerable reports whether a reference is to what differs from call to call and
// is compared for itself: an argument, or a number of guard's or state's.
func answerable(ref ast.Ref) bool {
	return ref.HasPrefix(argsRef) || ref.Equal(scoreRef) || ref.Equal(callsRef) || ref.HasPrefix(metersRef) && len(ref) == 4
}

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
			if name := ruleName(rule); textual[name] != nil || numeric[name] != nil {
				return true
			}
		}
		for _, i := range m.Imports {
			if name := string(i.Name()); textual[name] != nil || numeric[name] != nil {
				return true
			}
		}
	}
	return false
}

// answer is what a condition comes to.
type answer int

const (
	failed answer = iota // undefined, as OPA says, or false
	held
	unsure // OPA decides
)

func (x *condition) answer(input any) answer {
	for _, name := range x.path {
		o, ok := input.(map[string]any)
		if !ok {
			return unsure // perhaps a list
		}
		if input, ok = o[name]; !ok {
			return failed
		}
	}
	var yes bool
	switch v := input.(type) {
	case string:
		if x.text == nil {
			return unsure
		}
		yes = x.text(v, string(x.constant.(ast.String)))
	case json.Number:
		if x.order == nil {
			return unsure
		}
		yes = x.order(ast.Number(v).Compare(x.constant))
	case int:
		if x.order == nil {
			return unsure
		}
		yes = x.order(ast.Number(strconv.Itoa(v)).Compare(x.constant))
	case float64:
		n, err := ast.InterfaceToValue(v)
		if x.order == nil || err != nil {
			return unsure
		}
		yes = x.order(n.Compare(x.constant))
	default:
		return unsure
	}
	if yes {
		return held
	}
	return failed
}
