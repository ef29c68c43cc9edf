package policy

import (
	"context"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"toolward/gateway"
)

// revision is one compiled policy with its data. It never changes, so a call
// that holds it sees one policy however often files change.
type revision struct {
	digest string
	exact  bool // OPA is asked about every call
	files  []File
	demo   bool

	compiler *ast.Compiler
	data     map[string]any
	store    storage.Store
	txn      storage.Transaction // a read transaction; the store is never written
	queries  map[string]query    // by entry point
	quick    *quick              // for decisions where it can be used; nil if it never can

	interpreted string         // why it never can; "" if it can
	rules       []gateway.Rule // by the number that marks them; see instrument
	reads       reads
	mayAsk      map[string]bool           // see asking
	counting    *counting                 // what it counts and remembers; nil if nothing
	sees        *seer                     // what lists can know of the rules
	spoken      map[address][]*ast.Module // by what they speak about
	parsed      map[string]*ast.Module    // as written, without marks, for explain and checks
	names       map[string][]string       // of the rules as written, by their package's path
	problems    []Problem                 // warnings

	agents   cache[*gateway.Agent, map[string]any]
	tools    cache[*gateway.Tool, map[string]any]
	speaking cache[*gateway.Tool, bool]
	noting   cache[*gateway.Tool, bool] // likewise, about notifications
	visible  cache[string, *visibility]
}

// query is a compiled entry point.
type query struct {
	body     ast.Body // binds result to the entry point
	rules    *ast.Compiler
	compiler ast.QueryCompiler
	result   ast.Var
}

// The entry points of the library.
const (
	entryDecision = "data.toolward.decision"
	entryReverse  = "data.toolward.reverse.decision"
	entryVisible  = "data.toolward.visible"
	entryTally    = "data.toolward.tally" // of policies that count
	entryAll      = "data.toolward"       // every rule of the library, for [Engine.Explain]
)

var entries = []string{entryDecision, entryReverse, entryVisible, entryAll}

// compile turns sources into a revision. Problems that are errors come without
// one.
func compile(ctx context.Context, s *sources) (*revision, []Problem) {
	r := &revision{digest: s.digest, exact: s.exact, files: s.files, demo: s.demo, queries: map[string]query{}}
	modules, ps := parse(s.modules)
	r.parsed, r.mayAsk = modules, asking(s, modules)
	if failing(ps) != nil {
		return nil, sorted(append(ps, checkForms(modules)...))
	}
	ps = checkForms(modules)
	marked := make(map[string]*ast.Module, len(modules))
	for name, m := range modules {
		marked[name] = m.Copy()
	}
	r.rules = instrument(marked)
	specialise(marked)
	r.compiler = newCompiler()
	if r.compiler.Compile(marked); r.compiler.Failed() {
		return nil, sorted(ownFirst(append(ps, fromOPA(r.compiler.Errors)...)))
	}
	ps = append(ps, checkStages(r.compiler)...)
	ps = append(ps, checkUse(r.compiler, modules)...)
	ps = append(ps, checkWords(r.compiler)...)
	ps = append(ps, checkOperatorsInput(r.compiler)...)
	var more []Problem
	r.counting, more = countingOf(modules, r.compiler)
	ps = append(ps, more...)
	if failing(ps) != nil {
		return nil, sorted(ps)
	}
	if err := r.openStore(ctx, s.data); err != nil {
		return nil, fromOPA(err)
	}
	for _, entry := range entries {
		var broken []Problem
		if r.queries[entry], broken = prepare(r.compiler, entry); broken != nil {
			return nil, broken
		}
	}
	if len(r.compiler.GetRulesExact(ast.MustParseRef(entryOperators))) > 0 {
		var broken []Problem
		if r.queries[entryOperators], broken = prepare(r.compiler, entryOperators); broken != nil {
			return nil, broken
		}
	}
	if r.counting != nil {
		var broken []Problem
		if r.queries[entryTally], broken = prepare(r.compiler, entryTally); broken != nil {
			return nil, broken
		}
	}
	r.reads = readsOf(r.compiler)
	r.sees = see(r.compiler, entryVisible)
	r.spoken = map[address][]*ast.Module{}
	for _, m := range r.compiler.Modules {
		if a, ok := addressOf(m.Package); ok {
			r.spoken[a] = append(r.spoken[a], m)
		}
	}
	r.problems = sorted(ps)
	r.agents.most, r.tools.most, r.speaking.most, r.noting.most, r.visible.most = 4096, 16384, 16384, 16384, 256
	switch {
	case s.own:
		r.interpreted = "the library is of one's own"
	case s.exact:
		r.interpreted = "policy.exact asks OPA about every call"
	default:
		if r.quick, ps = r.quicken(marked); ps != nil {
			return nil, ps
		}
		if r.quick != nil && r.counting != nil && !r.quick.timed {
			r.counting.known.most = maxOutcomes
		}
	}
	return r, nil
}

func (r *revision) openStore(ctx context.Context, data map[string]any) (err error) {
	r.data = data
	r.store = inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	r.txn, err = r.store.NewTransaction(ctx)
	return err
}

// prepare compiles one entry point. A library without it is refused here, not
// at the first call.
func prepare(rules *ast.Compiler, entry string) (query, []Problem) {
	ref := ast.MustParseRef(entry)
	if entry != entryAll && len(rules.GetRulesExact(ref)) == 0 {
		return query{}, []Problem{{File: "toolward", Code: "library_incomplete", Severity: Error, Message: "the library does not define " + entry}}
	}
	qc := rules.QueryCompiler()
	result := ast.Var("decision")
	body, err := qc.Compile(ast.NewBody(ast.Equality.Expr(ast.VarTerm(string(result)), ast.NewTerm(ref))))
	if err != nil {
		return query{}, fromOPA(err)
	}
	return query{body: body, rules: rules, compiler: qc, result: result}, nil
}

// eval evaluates an entry point. It returns nil for undefined, and the numbers
// of the marked rules whose bodies held.
func (r *revision) eval(ctx context.Context, limit time.Duration, q query, in ast.Value, now time.Time, tracer topdown.QueryTracer) (ast.Value, []int, error) {
	cancel := topdown.NewCancel()
	alarm := time.AfterFunc(limit, cancel.Cancel)
	defer alarm.Stop()
	defer context.AfterFunc(ctx, cancel.Cancel)()

	fired := marks{rules: len(r.rules)}
	run := topdown.NewQuery(q.body).
		WithQueryCompiler(q.compiler).
		WithCompiler(q.rules).
		WithStore(r.store).
		WithTransaction(r.txn).
		WithInput(ast.NewTerm(in)).
		WithBuiltins(fired.builtins()).
		WithStrictBuiltinErrors(true).
		WithTime(now).
		WithMetrics(metrics.NoOp()).
		WithCancel(cancel)
	if tracer != nil {
		run = run.WithQueryTracer(tracer).WithIndexing(false).WithEarlyExit(false)
	}
	var value ast.Value
	err := run.Iter(ctx, func(qr topdown.QueryResult) error {
		value = qr[q.result].Value
		return nil
	})
	return value, fired.numbers, err
}

func (r *revision) agent(a *gateway.Agent) map[string]any {
	return r.agents.get(a, func() map[string]any { return agentInput(a) })
}

func (r *revision) tool(c *gateway.Call) map[string]any {
	if c.Tool == nil {
		return toolInput(nil, c.Server)
	}
	return r.tools.get(c.Tool, func() map[string]any { return toolInput(c.Tool, "") })
}

// cache is a bounded map, safe for concurrent use. When it is full it starts
// anew, which costs one conversion per live key and no bookkeeping per hit.
// The zero cache keeps nothing.
type cache[K comparable, V any] struct {
	most int
	mu   sync.RWMutex
	m    map[K]V
}

func (c *cache[K, V]) get(k K, make func() V) V {
	if v, ok := c.look(k); ok {
		return v
	}
	return c.put(k, make())
}

func (c *cache[K, V]) look(k K) (v V, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok = c.m[k]
	return v, ok
}

// put keeps v unless there is a value already, and returns what is kept.
func (c *cache[K, V]) put(k K, v V) V {
	if c.most == 0 {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.m[k]; ok {
		return old
	}
	if c.m == nil || len(c.m) >= c.most {
		c.m = map[K]V{}
	}
	c.m[k] = v
	return v
}
