package policy

import (
	"slices"
	"strconv"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// OPA interprets rules at one to forty microseconds an expression. A second
// compilation of the policy, for decisions alone, has in the place of the body of a
// rule that decisions ask a name that input has only if the body holds:
//
//	deny contains "outside" if not path.under(input.args.path, "/srv")
//	deny contains "outside" if input["toolward/may"].r12
//
// Who builds the input answers the body in Go (answer.go, with the rules and functions
// that it refers to), which takes nanoseconds, and OPA's index leaves the rule out. A
// rule whose reason has variables of its body, or with an expression that is not
// translated, keeps its body behind the name. Where Go is unsure, since OPA would
// report an error, the policy is asked as it is written.
//
// Rules that see input as a whole, or replace it or a function by `with`, would see the
// difference, and rules that ask another package would ask one whose rules nobody
// answered: a policy with such a rule has no second compilation, nor has one that comes
// with a library of its own. What is left to ask OPA is often the same for many calls;
// see remember.go.

// mayKey is the member of input that holds the names. It is no identifier, and
// nobody who writes a policy comes upon it.
const mayKey = "toolward/may"

// quick is the second compilation.
type quick struct {
	query  query
	rules  []mayHold
	reader *reader
	timed  bool   // the policy asks for more than input and data
	left   []Left // what OPA is asked of it
	plans  cache[*gateway.Tool, *plan]
	pool   sync.Pool // of *answering
	known  cache[question, outcome]
}

// mayHold is a rule, or what follows one by else, whose body is answered beforehand, or
// the beginning of it.
type mayHold struct {
	about address
	name  string // what stands for it in input
	of    *body
	n     tallied
	tells bool     // what it gives is put together in Go too
	reads []string // of input, besides
}

// quicken makes the second compilation from the marked modules, which it
// changes. It returns nil where it would be seen.
func (r *revision) quicken(marked map[string]*ast.Module) (*quick, []Problem) {
	if r.interpreted = r.seen(marked); r.interpreted != "" {
		return nil, nil
	}
	r.names = ruleNames(r.parsed)
	q := &quick{}
	q.plans.most, q.known.most = r.tools.most, maxOutcomes
	t, f := newTranslator(r, settled(marked)), newFallible(r.compiler)
	for _, name := range util.KeysSorted(marked) {
		m := marked[name]
		a, ok := addressOf(m.Package)
		if !ok || a.root == "reverse" {
			continue
		}
		for _, rule := range m.Rules {
			if rule.Default || !isPublic(ruleName(rule)) || counts(ruleName(rule)) {
				continue
			}
			for compiled := f.rules[rule.Location]; rule != nil && compiled != nil; rule, compiled = rule.Else, compiled.Else {
				t.stand(q, m, a, rule, compiled, f)
			}
		}
	}
	q.pool.New = func() any {
		return &answering{slots: make([]any, t.slots), kept: make([]keptValue, len(t.kept)), gather: make([]accumulator, t.gathers)}
	}
	compiler := ast.NewCompiler().WithCapabilities(marking()).WithSkipStages(checked...)
	if compiler.Compile(marked); compiler.Failed() {
		return nil, fromOPA(compiler.Errors)
	}
	q.remember(compiler)
	var err []Problem
	q.query, err = prepare(compiler, entryDecision)
	return q, err
}

// checked are the stages of OPA's compiler that only look for mistakes. The policy as
// it is written was found to have none.
var checked = []ast.StageID{
	ast.StageCheckUnusedImports, ast.StageCheckKeywordOverrides, ast.StageCheckDuplicateImports, ast.StageCheckVoidCalls, ast.StageCheckRuleConflicts,
	ast.StageCheckUndefinedFuncs, ast.StageCheckSafetyRuleHeads, ast.StageCheckRecursion, ast.StageCheckTypes, ast.StageCheckUnsafeBuiltins, ast.StageCheckDeprecatedBuiltins,
}

// stand puts a name in the place of a rule's body, as far as it is answered.
func (t *translator) stand(q *quick, m *ast.Module, about address, rule, compiled *ast.Rule, f *fallible) {
	steps, n, why := t.public(compiled, rule, f)
	may := mayHold{about: about, name: "r" + strconv.Itoa(len(q.rules)), n: tallied(t.gather())}
	may.of = &body{steps, may.n}
	if _, constant := constantKey(rule); why == "" && !constant {
		if told := t.told(compiled, n); told != nil {
			may.n, may.tells = tallied(told.n), true
			may.of.then = told
			rule.Head.Key = ast.StringTerm(placeholder(may.name))
		} else if !t.revision.closedHead(m, rule) {
			why = putTogether
		}
	}
	if why != "" {
		q.left = append(q.left, Left{ruleOf(m, rule), why})
	}
	if len(steps) > 0 || why == "" {
		q.rules = append(q.rules, may)
		rule.Body = standsFor(rule, may.name, why == "")
	}
}

// standsFor is the body of a rule with the name in input first, and nothing else but the
// mark if that says all.
func standsFor(rule *ast.Rule, name string, all bool) ast.Body {
	rest := rule.Body
	if all {
		rest = rest[len(rest)-1:]
	}
	first := ast.NewExpr(ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm(mayKey)).Append(ast.StringTerm(name))))
	return ast.NewBody(append([]*ast.Expr{first.SetLocation(rule.Location)}, rest...)...)
}

// seen says which rule would see that rules are answered beforehand; "" if none.
func (r *revision) seen(marked map[string]*ast.Module) string {
	switch {
	case r.reads.all:
		return "a rule reads input as a whole"
	case replaces(marked):
		return "a rule replaces input, or a function, by with"
	case asksOthers(r.parsed):
		return "a rule asks a package that decisions ask, or data under a name that is not written out"
	}
	return ""
}

// replaces reports whether anything is evaluated with another input, or with
// another function in the place of one that is answered in Go.
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
