package policy

import (
	"iter"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A list is asked for without a call, so most of input is not known. What a rule
// comes to then is bounded from both sides: whether it may hold for some call,
// and whether it must hold for every call. A tool is left out of a list only if
// the library's visible rule may not hold.
//
// The expressions of a body are of three kinds, found once per revision:
//
//   - What needs nothing but the agent, the tool and data is evaluated by OPA as
//     it is written: `"reader" in input.agent.roles`.
//   - What asks whether another rule holds is answered by the bounds of that rule,
//     and by those of the other side where it is negated: `not suspended`.
//   - All else depends on the call. It may hold, and need not.
//
// Partial evaluation, which OPA has for this, is exact where that works, and was
// found to leave out rules that can hold: `default x := false` under `not x`, and
// comparisons of whole sets.

// sight is what can be said of a rule's body without a call.
type sight struct {
	known  ast.Body // to be evaluated; nil if there is nothing
	asks   []ask
	varies []*ast.Expr // what else there is, which depends on the call
}

// ask is an expression about the outcome of other rules.
type ask struct {
	expr    *ast.Expr
	rules   ruleSet // all that define what is asked about
	negated bool
	as      inquiry
}

// ruleSet is rules, found by the tool or server whose name their bodies compare first:
// a list of a thousand tools must not go over a thousand packages for each.
type ruleSet struct {
	about map[toolName][]*ast.Rule // that can hold for calls of these alone
	rest  []*ast.Rule
}

// toolName names a tool; "" is any server, or any of its tools.
type toolName struct{ server, name string }

func newRuleSet(rules []*ast.Rule) ruleSet {
	set := ruleSet{about: map[toolName][]*ast.Rule{}}
	for _, r := range rules {
		if name := compared(r); name != (toolName{}) {
			set.about[name] = append(set.about[name], r)
		} else {
			set.rest = append(set.rest, r)
		}
	}
	return set
}

// compared is what a compiled rule's body compares with a constant that a tool's name
// is, as those of [specialise] do:
//
//	input.tool.server = "files"; input.tool.name = "read"; …
func compared(r *ast.Rule) (of toolName) {
	if r.Default || r.Else != nil {
		return of
	}
	for _, e := range r.Body {
		if e.Negated || len(e.With) > 0 || !e.IsEquality() {
			continue
		}
		left, right := e.Operand(0).Value, e.Operand(1).Value
		if _, isRef := right.(ast.Ref); isRef {
			left, right = right, left
		}
		ref, isRef := left.(ast.Ref)
		text, isText := right.(ast.String)
		switch {
		case !isRef || !isText:
		case ref.Equal(toolServerRef):
			of.server = string(text)
		case ref.Equal(toolNameRef):
			of.name = string(text)
		}
	}
	return of
}

var toolServerRef, toolNameRef = ast.MustParseRef("input.tool.server"), ast.MustParseRef("input.tool.name")

// all are the rules of the set, or those that can hold for a tool.
func (s ruleSet) all() iter.Seq[*ast.Rule] {
	return func(yield func(*ast.Rule) bool) {
		for _, r := range s.rest {
			if !yield(r) {
				return
			}
		}
		for _, rules := range s.about {
			for _, r := range rules {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// of are the rules that can hold for a tool: the others ask for another name.
func (s ruleSet) of(t toolName) iter.Seq[*ast.Rule] {
	return func(yield func(*ast.Rule) bool) {
		for _, rules := range [][]*ast.Rule{s.rest, s.about[toolName{t.server, ""}], s.about[toolName{"", t.name}], s.about[t]} {
			for _, r := range rules {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// inquiry is what is asked of rules.
type inquiry int

const (
	isTruthy   inquiry = iota // it is defined, and not false
	isTrue                    // it is true
	isNotEmpty                // the set has a member
)

// seer finds what is known of rules.
type seer struct {
	compiler *ast.Compiler
	reader   *reader
	timed    map[*ast.Rule]bool // rules that ask for the time of day, or another that does
	sights   map[*ast.Rule]*sight
	entry    ruleSet // the rules of the entry point
}

// see finds what is known of every rule that the entry point asks about.
func see(c *ast.Compiler, entry string) *seer {
	s := &seer{compiler: c, reader: newReader(c), timed: map[*ast.Rule]bool{}, sights: map[*ast.Rule]*sight{}}
	s.entry = newRuleSet(c.GetRulesExact(ast.MustParseRef(entry)))
	for rule := range s.entry.all() {
		s.visit(rule)
	}
	return s
}

func (s *seer) visit(rule *ast.Rule) {
	for r := rule; r != nil; r = r.Else {
		if s.sights[r] != nil {
			return
		}
		seen := s.look(r.Body)
		s.sights[r] = seen
		for _, a := range seen.asks {
			for other := range a.rules.all() {
				s.visit(other)
			}
		}
	}
}

// look sorts the expressions of a body, which the compiler put in an order in
// which each finds its variables bound.
func (s *seer) look(body ast.Body) *sight {
	seen := &sight{}
	bound := ast.ReservedVars.Copy()
	var known []*ast.Expr
	for i, e := range body {
		switch {
		case isMark(e):
		case s.fixed(e):
			outputs := ast.OutputVarsFromExpr(s.compiler, e, bound)
			if !bindable(body, i, bound, outputs) {
				seen.varies = append(seen.varies, e)
				continue
			}
			known = append(known, e.Copy()) // NewBody numbers its expressions
			bound.Update(outputs)
		default:
			a, ok := s.asked(body, i)
			if !ok {
				seen.varies = append(seen.varies, e)
				continue
			}
			seen.asks = append(seen.asks, a)
		}
	}
	if known != nil {
		seen.known = ast.NewBody(known...)
	}
	return seen
}

// isMark reports whether an expression is what instrument appends.
func isMark(e *ast.Expr) bool { return e.IsCall() && e.Operator().String() == fireName }

// bindable reports whether an expression's variables are bound, or its own.
func bindable(body ast.Body, i int, bound, outputs ast.VarSet) bool {
	for v := range varsOf(body[i]) {
		if bound.Contains(v) || outputs.Contains(v) {
			continue
		}
		for j := range body {
			if j != i && varsOf(body[j]).Contains(v) {
				return false
			}
		}
	}
	return true
}

// varsOf are an expression's variables, those in its comprehensions included.
func varsOf(e *ast.Expr) ast.VarSet {
	return e.Vars(ast.VarVisitorParams{SkipRefCallHead: true})
}

// fixed reports whether an expression depends on nothing that a list does not
// know, directly or through rules.
func (s *seer) fixed(e *ast.Expr) bool {
	if len(e.With) > 0 {
		return false
	}
	varies := false
	ast.WalkRefs(e, func(ref ast.Ref) bool {
		switch {
		case varies:
		case ref.HasPrefix(ast.InputRootRef):
			varies = !listed(inputPath(ref))
		case ref.HasPrefix(ast.DefaultRootRef):
			varies = slices.ContainsFunc(s.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{}), func(r *ast.Rule) bool { return !s.fixedRule(r) })
		default:
			varies = isTimed(ref)
		}
		return varies
	})
	ast.WalkTerms(e, func(t *ast.Term) bool { // input or data alone
		if v, ok := t.Value.(ast.Var); ok && (v == ast.InputRootDocument.Value || v == ast.DefaultRootDocument.Value) {
			varies = true
		}
		_, isRef := t.Value.(ast.Ref)
		return isRef
	})
	return !varies
}

func (s *seer) fixedRule(rule *ast.Rule) bool {
	for path := range s.reader.of(rule) {
		if !listed(path) {
			return false
		}
	}
	return !s.asksTime(rule)
}

// asksTime reports whether a rule's outcome can differ at another time.
func (s *seer) asksTime(rule *ast.Rule) bool {
	timed, known := s.timed[rule]
	if known {
		return timed
	}
	ast.WalkRefs(rule, func(ref ast.Ref) bool {
		timed = timed || isTimed(ref)
		return timed
	})
	for r := rule; r != nil && !timed; r = r.Else {
		for dep := range s.compiler.Graph.Dependencies(r) {
			if other, ok := dep.(*ast.Rule); ok && other != rule && s.asksTime(other) {
				timed = true
				break
			}
		}
	}
	s.timed[rule] = timed
	return timed
}

func isTimed(ref ast.Ref) bool {
	b := ast.BuiltinMap[ref.String()]
	return b != nil && b.IsNondeterministic()
}

// listed reports whether what is at a path of input is known to a list.
func listed(path string) bool {
	for _, known := range []string{"agent", "tool", "stage", pathTo("call", "kind")} {
		if path == known || len(path) > len(known) && path[:len(known)] == known && path[len(known):len(known)+1] == between {
			return true
		}
	}
	return false
}

// asked reads an expression that asks about rules:
//
//	data.p.rule   not data.p.rule   data.p.rule = true   data.p.set[x]   y = data.p.set[x]
//
// where no other expression looks at x and y.
func (s *seer) asked(body ast.Body, i int) (a ask, ok bool) {
	e := body[i]
	if len(e.With) > 0 {
		return a, false
	}
	a.expr, a.negated = e, e.Negated
	var ref ast.Ref
	switch terms := e.Terms.(type) {
	case *ast.Term:
		ref, ok = terms.Value.(ast.Ref)
	case []*ast.Term:
		if !e.IsEquality() {
			return a, false
		}
		left, right := terms[1].Value, terms[2].Value
		if r, isRef := right.(ast.Ref); isRef {
			left, right = r, left
		}
		if ref, ok = left.(ast.Ref); !ok {
			return a, false
		}
		switch v := right.(type) {
		case ast.Boolean:
			a.as, ok = isTrue, bool(v)
		case ast.Var:
			a.as, ok = isNotEmpty, alone(body, i, v)
		default:
			ok = false
		}
	}
	if !ok || !ref.HasPrefix(ast.DefaultRootRef) {
		return a, false
	}
	if last, isVar := ref[len(ref)-1].Value.(ast.Var); isVar {
		if a.as == isTrue || !alone(body, i, last) {
			return a, false
		}
		a.as, ref = isNotEmpty, ref[:len(ref)-1]
	} else if a.as == isNotEmpty {
		return a, false
	}
	rules := s.defining(ref, a.as)
	a.rules = newRuleSet(rules)
	return a, rules != nil
}

// alone reports whether no other expression has a variable.
func alone(body ast.Body, i int, v ast.Var) bool {
	for j := range body {
		if j != i && varsOf(body[j]).Contains(v) {
			return false
		}
	}
	return true
}

// defining returns the rules that define what is at a reference, if that is one
// value, or a set where a set is asked about. It returns nil if something else
// can stand there.
func (s *seer) defining(ref ast.Ref, as inquiry) []*ast.Rule {
	rules := s.compiler.GetRulesExact(ref)
	if !ref.IsGround() || len(s.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{})) != len(rules) {
		return nil
	}
	for _, r := range rules {
		if len(r.Head.Args) > 0 || !r.Ref().IsGround() || (r.Head.RuleKind() == ast.MultiValue) != (as == isNotEmpty) {
			return nil
		}
	}
	return rules
}

// view is what one list can know: the sights of a revision, for an agent and a
// tool.
type view struct {
	*seer
	tool  toolName
	holds func(ast.Body) (bool, error) // evaluates what is known
	may   map[*ast.Rule]bool
	must  map[*ast.Rule]bool
	err   error // of an evaluation; the rule it was about may hold, and need not
}

// mayBe reports whether rules could come to what is asked for some call.
func (v *view) mayBe(rules ruleSet, as inquiry) bool {
	for rule := range rules.of(v.tool) {
		for r := rule; r != nil; r = r.Else {
			if valueMay(r, as) && v.mayHold(r) {
				return true
			}
		}
	}
	return false
}

// mustBe reports whether rules come to what is asked whatever the call is, or
// the policy fails.
func (v *view) mustBe(rules ruleSet, as inquiry) bool {
	for rule := range rules.of(v.tool) {
		if rule.Default {
			continue // it is what is left where no other holds
		}
		for r := rule; r != nil && valueMust(r, as); r = r.Else {
			if v.mustHold(r) {
				return true
			}
		}
	}
	return false
}

// valueMay reports whether a rule's value could be what is asked.
func valueMay(r *ast.Rule, as inquiry) bool {
	if as == isNotEmpty || !ast.IsConstant(r.Head.Value.Value) {
		return true
	}
	return valueMust(r, as)
}

// valueMust reports whether a rule's value is what is asked, if its body holds.
func valueMust(r *ast.Rule, as inquiry) bool {
	switch as {
	case isNotEmpty:
		return true
	case isTrue:
		return r.Head.Value.Value.Compare(ast.Boolean(true)) == 0
	}
	return ast.IsConstant(r.Head.Value.Value) && r.Head.Value.Value.Compare(ast.Boolean(false)) != 0
}

func (v *view) mayHold(r *ast.Rule) bool {
	if may, done := v.may[r]; done {
		return may
	}
	s := v.sights[r]
	may := !slices.ContainsFunc(s.asks, func(a ask) bool {
		if a.negated {
			return v.mustBe(a.rules, a.as)
		}
		return !v.mayBe(a.rules, a.as)
	}) && v.known(s, true)
	v.may[r] = may
	return may
}

func (v *view) mustHold(r *ast.Rule) bool {
	if must, done := v.must[r]; done {
		return must
	}
	s := v.sights[r]
	must := len(s.varies) == 0 && !slices.ContainsFunc(s.asks, func(a ask) bool {
		if a.negated {
			return v.mayBe(a.rules, a.as)
		}
		return !v.mustBe(a.rules, a.as)
	}) && v.known(s, false)
	v.must[r] = must
	return must
}

// known evaluates what is known of a body. If that fails nothing is known.
func (v *view) known(s *sight, unless bool) bool {
	if s.known == nil {
		return true
	}
	held, err := v.holds(s.known)
	if err != nil {
		v.err = err
		return unless
	}
	return held
}
