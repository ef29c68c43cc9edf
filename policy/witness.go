package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"toolward/gateway"
)

// Failure is what a test that failed met on its way.
type Failure struct {
	Line       int            `json:"line,omitempty"`       // of the test's expression that did not hold
	Expression string         `json:"expression,omitempty"` // that expression, on one line
	Decisions  []Tested       `json:"decisions,omitempty"`  // the last that were decided, at most three, the latest last
	Held       []gateway.Rule `json:"held,omitempty"`       // public rules that held where the test asked for no decision
	Missing    []Absent       `json:"missing,omitempty"`    // what rules looked for in the test's input, at most six
}

// Tested is a decision that a test asked for.
type Tested struct {
	Tool    string         `json:"tool"`
	Stage   string         `json:"stage"`
	Roles   []string       `json:"roles"`
	Args    string         `json:"args"`             // as JSON, shortened
	Effect  gateway.Effect `json:"effect,omitempty"` // "" if nothing was decided
	Reasons []string       `json:"reasons,omitempty"`
	Rules   []gateway.Rule `json:"rules,omitempty"` // those that held
}

// Absent is a member that a rule looked for and that was not in a test's input.
type Absent struct {
	Path string `json:"path"` // such as input.call.kind
	File string `json:"file"` // of the rule
	Line int    `json:"line"`
}

const (
	maxTested   = 3
	maxAbsent   = 6
	testTimeout = 10 * time.Second
)

// witness is a tracer of one test. A query is a rule's body, or one inside of it:
// that of a comprehension, of `every`, of what stands after `not`.
type witness struct {
	stops     stops
	entries   map[*ast.Rule]bool         // of the library's decisions
	public    map[*ast.Rule]gateway.Rule // of the operator's packages
	parents   map[uint64]uint64          // queries
	now       map[uint64]*ast.Expr       // what each query is at
	open      *Tested                    // the decision that is under way
	decisions []*Tested
	held      []gateway.Rule
	own       bool // a rule of the operator's was asked
	absent    []Absent
}

// witnessed runs a test that failed once more, and watches.
func witnessed(ctx context.Context, c *ast.Compiler, store storage.Store, txn storage.Transaction, test *ast.Rule) (*Failure, error) {
	w := newWitness(c)
	cancel := topdown.NewCancel()
	defer time.AfterFunc(testTimeout, cancel.Cancel).Stop()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	body := ast.NewBody(ast.NewExpr(ast.NewTerm(test.Ref().GroundPrefix())))
	err := topdown.NewQuery(body).WithCompiler(c).WithStore(store).WithTransaction(txn).WithCancel(cancel).
		WithIndexing(false).WithEarlyExit(false).WithQueryTracer(w).
		Iter(ctx, func(topdown.QueryResult) error { return nil })
	if of := (*topdown.Error)(nil); err != nil && !errors.As(err, &of) { // the test's own error is told beside
		return nil, fmt.Errorf("watch %s: %w", test.Ref(), err)
	}
	return w.failure(test), nil
}

func newWitness(c *ast.Compiler) *witness {
	w := &witness{
		stops: stops{}, entries: map[*ast.Rule]bool{}, public: map[*ast.Rule]gateway.Rule{},
		parents: map[uint64]uint64{}, now: map[uint64]*ast.Expr{},
	}
	for _, entry := range []string{entryDecision, entryReverse} {
		for _, rule := range c.GetRulesExact(ast.MustParseRef(entry)) {
			for ; rule != nil; rule = rule.Else {
				w.entries[rule] = true
			}
		}
	}
	for _, m := range c.Modules {
		for _, rule := range m.Rules {
			for r := rule; r != nil && speaks(m.Package) && isPublic(ruleName(rule)); r = r.Else {
				w.public[r] = ruleOf(m, r)
			}
		}
	}
	return w
}

// Enabled is part of topdown.QueryTracer.
func (w *witness) Enabled() bool { return true }

// Config is part of topdown.QueryTracer.
func (w *witness) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent is part of topdown.QueryTracer.
func (w *witness) TraceEvent(event topdown.Event) {
	w.stops.TraceEvent(event)
	w.parents[event.QueryID] = event.ParentID
	switch node := event.Node.(type) {
	case *ast.Rule:
		w.rule(node, &event)
	case *ast.Expr:
		w.now[event.QueryID] = node
		if event.Op == topdown.FailOp {
			w.failed(node, &event)
		}
	}
}

// rule sees decisions begin and end, and public rules hold.
func (w *witness) rule(rule *ast.Rule, event *topdown.Event) {
	held, public := w.public[rule]
	switch {
	case event.Op == topdown.EnterOp && w.entries[rule]:
		if w.open == nil { // what follows are its other branches
			w.open = about(event.Input())
			w.decisions = append(w.decisions, w.open)
		}
	case event.Op == topdown.EnterOp && public:
		w.own = true
	case event.Op == topdown.ExitOp && w.entries[rule]:
		w.open.decided(event.Plug(rule.Head.Value).Value)
		w.open = nil
	case event.Op == topdown.ExitOp && public && w.open != nil:
		w.open.Rules = append(w.open.Rules, held)
	case event.Op == topdown.ExitOp && public && !rule.Default:
		w.held = append(w.held, held)
	}
}

// about is what a decision is asked about.
func about(input *ast.Term) *Tested {
	t := &Tested{Roles: []string{}}
	if input == nil {
		return t
	}
	text := func(path string) string {
		v, _ := input.Value.Find(ast.MustParseRef(path)[1:])
		s, _ := v.(ast.String)
		return string(s)
	}
	t.Tool = cmp.Or(text("input.tool.wire"), text("input.tool.name"))
	t.Stage = text("input.stage")
	if roles, err := input.Value.Find(ast.MustParseRef("input.agent.roles")[1:]); err == nil {
		ast.WalkTerms(roles, func(role *ast.Term) bool {
			if s, ok := role.Value.(ast.String); ok {
				t.Roles = append(t.Roles, string(s))
			}
			return false
		})
	}
	if args, err := input.Value.Find(ast.MustParseRef("input.args")[1:]); err == nil {
		t.Args = clip(args.String())
	}
	return t
}

func (t *Tested) decided(decision ast.Value) {
	doc, ok := decision.(ast.Object)
	if !ok {
		return
	}
	effect, _ := field(doc, "effect").(ast.String)
	t.Effect = gateway.Effect(effect)
	if reasons := field(doc, "reasons"); reasons != nil {
		t.Reasons, _ = textsOf(reasons, "reasons") // what is none is in the decision all the same
	}
}

// failed sees what an expression looked for in vain.
func (w *witness) failed(e *ast.Expr, event *topdown.Event) {
	rule := w.ruleOf(event.QueryID)
	if rule == nil || event.Input() == nil || isTest(rule.Location.File) {
		return
	}
	ast.WalkRefs(e, func(ref ast.Ref) bool {
		if ref.HasPrefix(ast.InputRootRef) {
			if path := lacking(event.Input().Value, ref); path != "" {
				w.absent = append(w.absent, Absent{path, rule.Location.File, rule.Location.Row})
			}
		}
		return false
	})
}

// ruleOf is the rule that a query belongs to, nil if something in it is negated: that
// a member is not there is what `not` may have asked.
func (w *witness) ruleOf(query uint64) *ast.Rule {
	for {
		if in := w.stops[query]; in != nil {
			return in.rule
		}
		parent, ok := w.parents[query]
		if at := w.now[parent]; !ok || parent == query || at != nil && at.Negated {
			return nil
		}
		query = parent
	}
}

// lacking is the shortest part of a reference that leads nowhere, as it is written;
// "" if it leads somewhere, or to where a variable decides.
//
//	input.call.kind of {"call": {}}  ->  input.call.kind
func lacking(input ast.Value, ref ast.Ref) string {
	for n := 2; n <= len(ref); n++ {
		if _, isVar := ref[n-1].Value.(ast.Var); isVar {
			return ""
		}
		if _, err := input.Find(ref[1:n]); err != nil {
			if path := ref[:n].String(); path != "input.result" {
				return path
			}
			return "" // there is none before the call
		}
	}
	return ""
}

// failure is what was seen.
func (w *witness) failure(test *ast.Rule) *Failure {
	f := &Failure{Held: unique(w.held)}
	if stop := w.stops.of(ruleOf(test.Module, test)); stop != nil {
		f.Line, f.Expression = stop.Location.Row, oneLine(string(stop.Location.Text))
	}
	for _, t := range w.decisions[max(0, len(w.decisions)-maxTested):] {
		t.Rules = slices.DeleteFunc(unique(t.Rules), func(r gateway.Rule) bool {
			return t.Effect == gateway.EffectDeny && r.Name != ruleDeny
		})
		f.Decisions = append(f.Decisions, *t)
	}
	for _, a := range unique(w.absent) {
		// The library looks at everything; it is of use where no rule was come to.
		if len(f.Missing) < maxAbsent && libraryFile(a.File) != w.own {
			f.Missing = append(f.Missing, a)
		}
	}
	return f
}

// unique drops repetitions and keeps the order.
func unique[T comparable](list []T) (out []T) {
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// String is the decision as a sentence.
func (t Tested) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", cmp.Or(t.Tool, "a call of no tool"))
	if t.Stage == string(gateway.StageResult) {
		b.WriteString(", its result,")
	}
	switch {
	case len(t.Roles) == 0:
		b.WriteString(" by an agent without roles")
	default:
		fmt.Fprintf(&b, " by %s", strings.Join(t.Roles, ", "))
	}
	if t.Args != "" {
		fmt.Fprintf(&b, " with %s", t.Args)
	}
	fmt.Fprintf(&b, ": %s", cmp.Or(string(t.Effect), "nothing was decided"))
	if len(t.Reasons) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(t.Reasons, "; "))
	}
	for i, r := range t.Rules {
		fmt.Fprintf(&b, "%s%s at %s:%d", map[bool]string{true: ", by ", false: ", "}[i == 0], r.Name, r.File, r.Line)
	}
	return b.String()
}

// Lines is what is to be told of a failure, a sentence each.
func (f *Failure) Lines() (lines []string) {
	if f.Expression != "" {
		lines = append(lines, fmt.Sprintf("did not hold, line %d: %s", f.Line, f.Expression))
	}
	for _, d := range f.Decisions {
		lines = append(lines, d.String())
	}
	for _, r := range f.Held {
		lines = append(lines, fmt.Sprintf("%s at %s:%d holds", r.Name, r.File, r.Line))
	}
	for _, m := range f.Missing {
		lines = append(lines, fmt.Sprintf("%s is not there: %s:%d looks at it", m.Path, m.File, m.Line))
	}
	return lines
}
