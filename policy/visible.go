package policy

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"toolward/gateway"
)

// visibility is what principals who look alike to the policy may see.
type visibility struct {
	mu    sync.Mutex
	tools map[*gateway.Tool]bool
}

// maxVisible bounds the tools remembered per kind of principal.
const maxVisible = 8192

// unknowns are what a list cannot know: everything that depends on the call.
var unknowns = []*ast.Term{
	ast.MustParseTerm("input.args"), ast.MustParseTerm("input.guard"), ast.MustParseTerm("input.session"),
	ast.MustParseTerm("input.result"), ast.MustParseTerm("input.call.id"), ast.MustParseTerm("input.call.time"),
	ast.MustParseTerm("input.call.surface"), ast.MustParseTerm("input.call.protocol"), ast.MustParseTerm("input.call.method"),
}

// visibleTo keeps the tools that some arguments could be allowed for.
func (r *revision) visibleTo(ctx context.Context, limit time.Duration, a *gateway.Agent, tools []*gateway.Tool) ([]*gateway.Tool, error) {
	seen := r.visible.get(r.likeness(a), func() *visibility { return &visibility{tools: map[*gateway.Tool]bool{}} })
	seen.mu.Lock()
	defer seen.mu.Unlock()
	var out []*gateway.Tool
	for _, t := range tools {
		ok, known := seen.tools[t]
		if !known {
			var err error
			if ok, err = r.possible(ctx, limit, a, t); err != nil {
				return nil, err
			}
			if len(seen.tools) >= maxVisible {
				clear(seen.tools)
			}
			seen.tools[t] = ok
		}
		if ok {
			out = append(out, t)
		}
	}
	return out, nil
}

// possible evaluates the library's visible rule as far as it can be without a
// call, and reports whether anything is left.
func (r *revision) possible(ctx context.Context, limit time.Duration, a *gateway.Agent, t *gateway.Tool) (bool, error) {
	in, err := ast.InterfaceToValue(map[string]any{
		"stage": "request", "agent": r.agent(a), "tool": toolInput(t, ""), "call": map[string]any{"kind": string(t.Kind)},
	})
	if err != nil {
		return false, err
	}
	q := r.queries[entryVisible]
	cancel := topdown.NewCancel()
	alarm := time.AfterFunc(limit, cancel.Cancel)
	defer alarm.Stop()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	fired := marks{rules: len(r.rules)}
	left, support, err := topdown.NewQuery(q.partial).
		WithQueryCompiler(q.compiler).
		WithCompiler(r.compiler).
		WithStore(r.store).
		WithTransaction(r.txn).
		WithInput(ast.NewTerm(in)).
		WithUnknowns(unknowns).
		WithPartialNamespace("partial").
		WithBuiltins(fired.builtins()).
		WithCancel(cancel).
		PartialRun(ctx)
	return slices.ContainsFunc(left, func(b ast.Body) bool { return satisfiable(b, support) }), err
}

// satisfiable reports whether what partial evaluation left of a condition can
// come true. OPA leaves `not true` where a negated rule is known to hold, and
// puts negated rules of several expressions into modules of their own.
func satisfiable(body ast.Body, support []*ast.Module) bool {
	return !slices.ContainsFunc(body, func(e *ast.Expr) bool {
		term, ok := e.Terms.(*ast.Term)
		if !ok {
			return false
		}
		switch v := term.Value.(type) {
		case ast.Boolean:
			return bool(v) == e.Negated
		case ast.Ref:
			return e.Negated && holds(v, support)
		}
		return false
	})
}

// holds reports whether a rule in support is true whatever is unknown.
func holds(ref ast.Ref, support []*ast.Module) bool {
	for _, m := range support {
		for _, rule := range m.Rules {
			if m.Package.Path.Extend(rule.Head.Ref()).Equal(ref) && isTrue(rule.Body) {
				return true
			}
		}
	}
	return false
}

func isTrue(body ast.Body) bool {
	return !slices.ContainsFunc(body, func(e *ast.Expr) bool {
		term, ok := e.Terms.(*ast.Term)
		return !ok || e.Negated || term.Value.Compare(ast.Boolean(true)) != 0
	})
}

// likeness is what the policy reads of an agent, and nothing else: agents that
// differ only in what no rule looks at, such as the token's expiry, share their
// answers.
func (r *revision) likeness(a *gateway.Agent) string {
	agent := any(r.agent(a))
	var b strings.Builder
	for _, path := range r.reads.agent {
		b.WriteByte(0)
		if v, ok := follow(agent, path); ok {
			// Maps are written in the order of their keys.
			if raw, err := json.Marshal(v); err == nil {
				b.Write(raw)
			}
		}
	}
	return b.String()
}

// follow follows the names of a path; "" is the value itself.
func follow(v any, path string) (any, bool) {
	if path == "" {
		return v, true
	}
	for name := range strings.SplitSeq(path, between) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}
