package policy

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// A decision follows from what the rules that may speak read of input. Which
// paths these are is known at load, so calls that have the same values there,
// and the same answers to the bodies of quick.go, get the same decision, and
// OPA is asked once for all of them. What rules of other tools read does not
// count, nor what a rule reads whose body does not hold. A policy of which OPA still
// asks the time of day is asked at each call.

// plan is what decisions about one tool depend on.
type plan struct {
	rules []mayHold // that speak about it
	reads []string  // of input, by all other rules
}

// question is what a decision depends on in one call.
type question struct {
	tool   *gateway.Tool
	values string
}

// outcome is what OPA gave: the decision document and the marks.
type outcome struct {
	value ast.Value
	fired []int
	told  []told // of this call alone
}

// What is remembered is bounded: outcomes, and bytes of values of one of them.
const (
	maxOutcomes = 4096
	maxValues   = 512
)

// decide answers by what is remembered, or asks OPA. ok is false if a body
// cannot be answered without it.
func (q *quick) decide(ctx context.Context, limit time.Duration, r *revision, c *gateway.Call, in map[string]any) (o outcome, ok bool, err error) {
	p := q.plans.get(c.Tool, func() *plan { return q.plan(c.Tool) })
	a := q.pool.Get().(*answering)
	a.begin(in, c.Time, limit)
	var space [maxValues]byte
	values, told, ok := p.answer(space[:0], a)
	a.in = nil
	q.pool.Put(a)
	if !ok {
		return outcome{}, false, nil
	}
	values, short := p.read(values, in)
	asked := question{c.Tool, string(values)}
	if o, known := q.known.look(asked); known && short {
		o.told = told
		return o, true, nil
	}
	may := map[string]any{}
	for i, rule := range p.rules {
		if holdsAt(values, i) {
			may[rule.name] = true
		}
	}
	in[mayKey] = may
	o.value, o.fired, err = r.eval(ctx, limit, q.query, ast.LazyObject(in), c.Time, nil)
	if err == nil && short && !q.timed {
		q.known.put(asked, o)
	}
	o.told = told
	return o, true, err
}

// answer appends a bit for each rule: whether its body holds, or what of it is
// answered. ok is false where OPA has to say.
func (p *plan) answer(to []byte, a *answering) (answers []byte, said []told, ok bool) {
	to = append(to, make([]byte, (len(p.rules)+7)/8)...)
	for i := range p.rules {
		r := &p.rules[i]
		if r.tells {
			a.gather[r.n].values = nil
		}
		if r.of.holds(a, r.n) {
			to[i/8] |= 1 << (i % 8)
			if r.tells {
				said = append(said, told{placeholder(r.name), a.gather[r.n].values})
			}
		}
		if a.unsure {
			return nil, nil, false
		}
	}
	return to, said, true
}

func holdsAt(answers []byte, i int) bool { return answers[i/8]&(1<<(i%8)) != 0 }

// read appends what is read of input, after the answers. ok is false if that is
// too much to be remembered.
func (p *plan) read(answers []byte, in map[string]any) (values []byte, ok bool) {
	values, ok = appendPaths(answers, in, p.reads)
	for i := range p.rules {
		if ok && holdsAt(answers, i) {
			values, ok = appendPaths(values, in, p.rules[i].reads)
		}
	}
	return values, ok
}

func appendPaths(to []byte, in map[string]any, paths []string) (values []byte, ok bool) {
	for _, path := range paths {
		v, there := follow(in, path)
		if !there {
			to = append(to, 'u')
			continue
		}
		if to, ok = appendValue(to, v); !ok || len(to) > maxValues {
			return to, false
		}
	}
	return to, true
}

// appendValue appends a value so that different ones are told apart wherever
// they end. ok is false if that is too much.
func appendValue(to []byte, v any) (out []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return append(to, 'z'), true
	case bool:
		if v {
			return append(to, 't'), true
		}
		return append(to, 'f'), true
	case string:
		return appendLong(to, 's', v)
	case json.Number:
		return appendLong(to, 'n', string(v))
	case int:
		return binary.BigEndian.AppendUint64(append(to, 'i'), uint64(v)), true
	case float64:
		return binary.BigEndian.AppendUint64(append(to, 'd'), math.Float64bits(v)), true
	case []string:
		to = binary.AppendUvarint(append(to, 'l'), uint64(len(v)))
		for i := range v {
			if to, ok = appendLong(to, 's', v[i]); !ok {
				return to, false
			}
		}
		return to, true
	case []any:
		to = binary.AppendUvarint(append(to, 'l'), uint64(len(v)))
		for i := range v {
			if to, ok = appendValue(to, v[i]); !ok {
				return to, false
			}
		}
		return to, true
	case map[string]any:
		to = binary.AppendUvarint(append(to, 'o'), uint64(len(v)))
		for _, name := range util.KeysSorted(v) {
			if to, ok = appendLong(to, 's', name); ok {
				to, ok = appendValue(to, v[name])
			}
			if !ok {
				return to, false
			}
		}
		return to, true
	}
	return to, false
}

func appendLong(to []byte, kind byte, s string) (out []byte, ok bool) {
	if len(to)+len(s) > maxValues {
		return to, false
	}
	return append(binary.AppendUvarint(append(to, kind), uint64(len(s))), s...), true
}

// remember finds what the compiled rules read.
func (q *quick) remember(c *ast.Compiler) {
	q.timed = timed(c)
	q.reader = newReader(c)
	number := map[string]int{}
	for i := range q.rules {
		number[pathTo(mayKey, q.rules[i].name)] = i
	}
	for _, m := range c.Modules {
		for _, rule := range m.Rules {
			for path := range direct(rule) {
				if i, ok := number[path]; ok {
					q.rules[i].reads = paths(q.reader.of(rule))
				}
			}
		}
	}
}

// timed reports whether a decision asks for more than input and data.
func timed(c *ast.Compiler) bool {
	found, seen := false, map[*ast.Rule]bool{}
	var visit func(*ast.Rule)
	visit = func(rule *ast.Rule) {
		if seen[rule] {
			return
		}
		seen[rule] = true
		ast.WalkExprs(rule, func(e *ast.Expr) bool {
			if e.IsCall() {
				b := ast.BuiltinMap[e.Operator().String()]
				found = found || b != nil && b.IsNondeterministic()
			}
			return found
		})
		for r := rule; r != nil; r = r.Else {
			for dep := range c.Graph.Dependencies(r) {
				if other, ok := dep.(*ast.Rule); ok {
					visit(other)
				}
			}
		}
	}
	for _, rule := range c.GetRulesExact(ast.MustParseRef(entryDecision)) {
		visit(rule)
	}
	return found
}

// plan finds what decisions about a tool depend on.
func (q *quick) plan(t *gateway.Tool) *plan {
	p := &plan{}
	for _, rule := range q.rules {
		if rule.about.covers(t) {
			p.rules = append(p.rules, rule)
		}
	}
	p.reads = readsAbout(q.reader.compiler, entryDecision, t, func(own map[string]bool) bool {
		for path := range own {
			if isMay(path) {
				return true // what it reads counts if its body holds
			}
		}
		return false
	})
	return p
}

// readsAbout finds what an entry point reads about a tool, but for rules that are
// skipped by what they name themselves.
func readsAbout(c *ast.Compiler, entry string, t *gateway.Tool, skip func(own map[string]bool) bool) []string {
	read, seen := map[string]bool{}, map[*ast.Rule]bool{}
	var visit func(*ast.Rule)
	visit = func(rule *ast.Rule) {
		if a, ok := addressOf(rule.Module.Package); seen[rule] || ok && !a.covers(t) {
			return
		}
		seen[rule] = true
		own := direct(rule)
		if skip(own) {
			return
		}
		for path := range own {
			read[path] = true
		}
		for r := rule; r != nil; r = r.Else {
			for dep := range c.Graph.Dependencies(r) {
				if other, ok := dep.(*ast.Rule); ok {
					visit(other)
				}
			}
		}
	}
	for _, rule := range c.GetRulesExact(ast.MustParseRef(entry)) {
		visit(rule)
	}
	return paths(read)
}

func isMay(path string) bool { return strings.HasPrefix(path, pathTo(mayKey, "")) }

// paths are those whose values count: nothing of the tool, which is the
// question's own, and no answers.
func paths(read map[string]bool) []string {
	return slices.DeleteFunc(util.KeysSorted(read), func(path string) bool {
		return path == "tool" || strings.HasPrefix(path, pathTo("tool", "")) || isMay(path)
	})
}
