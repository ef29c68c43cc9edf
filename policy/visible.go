package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
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

// possible reports whether the library's visible rule may hold for some call of
// the tool. What cannot be evaluated may hold: a list hides what cannot be
// called, and protects nothing.
func (r *revision) possible(ctx context.Context, limit time.Duration, a *gateway.Agent, t *gateway.Tool) (bool, error) {
	v, done, err := r.view(ctx, limit, a, t)
	if err != nil {
		return false, err
	}
	defer done()
	return v.mayBe(r.sees.entry, isTruthy), ctx.Err()
}

// view is what can be known of the rules about an agent and a tool without a call. What
// it asks of OPA ends with done, with ctx, or after limit.
func (r *revision) view(ctx context.Context, limit time.Duration, a *gateway.Agent, t *gateway.Tool) (v *view, done func(), err error) {
	in, err := ast.InterfaceToValue(map[string]any{
		"stage": "request", "agent": r.agent(a), "tool": toolInput(t, ""), "call": map[string]any{"kind": string(t.Kind)},
	})
	if err != nil {
		return nil, nil, err
	}
	cancel := topdown.NewCancel()
	alarm := time.AfterFunc(limit, cancel.Cancel)
	stop := context.AfterFunc(ctx, cancel.Cancel)
	fired := marks{rules: len(r.rules)}
	v = &view{seer: r.sees, tool: toolName{t.Server, t.Name}, may: map[*ast.Rule]bool{}, must: map[*ast.Rule]bool{}}
	v.holds = func(body ast.Body) (held bool, err error) {
		defer func() { // OPA panics on numbers that it reads otherwise than it writes them
			if p := recover(); p != nil {
				err = fmt.Errorf("evaluate what a list knows: %v", p)
			}
		}()
		err = topdown.NewQuery(body).
			WithCompiler(r.compiler).
			WithStore(r.store).
			WithTransaction(r.txn).
			WithInput(ast.NewTerm(in)).
			WithBuiltins(fired.builtins()).
			WithMetrics(metrics.NoOp()).
			WithCancel(cancel).
			Iter(ctx, func(topdown.QueryResult) error {
				held = true
				return errEnough
			})
		if errors.Is(err, errEnough) {
			err = nil
		}
		return held, err
	}
	return v, func() { alarm.Stop(); stop() }, nil
}

// errEnough ends an evaluation at its first answer.
var errEnough = errors.New("enough")

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
