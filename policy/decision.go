package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"toolward/gateway"
)

// decide judges a stage of a call under one revision. If the policy itself
// fails, the decision denies and comes with a refusal that holds the fault.
func (r *revision) decide(ctx context.Context, limit time.Duration, c *gateway.Call, stage gateway.Stage) (gateway.Decision, error) {
	if stage == gateway.StageResult && !r.speaksOnResult(c) && !suspicious(c) {
		return gateway.Decision{Effect: gateway.EffectAllow, Revision: r.digest}, nil
	}
	o, err := r.ask(ctx, limit, c, stage)
	if err != nil {
		return r.broken(ctx, err)
	}
	d, err := r.interpret(c, stage, o)
	if err != nil {
		return r.broken(ctx, err)
	}
	d.Rules = r.took(d.Effect, o.fired)
	return d, nil
}

// ask gets the decision document for one stage of a call.
func (r *revision) ask(ctx context.Context, limit time.Duration, c *gateway.Call, stage gateway.Stage) (o outcome, err error) {
	in := r.input(c, stage, r.reads.extent)
	if r.quick != nil && c.Tool != nil && !c.Kind.Reverse() {
		if o, ok, err := r.quick.decide(ctx, limit, r, c, in); ok {
			return o, err
		}
	}
	o.value, o.fired, err = r.eval(ctx, limit, r.queries[entryOf(c)], ast.LazyObject(in), c.Time, nil)
	return o, err
}

// suspicious reports whether guard suspects the result of giving orders, about
// which the library itself has a rule.
func suspicious(c *gateway.Call) bool {
	return slices.ContainsFunc(c.Findings, func(f gateway.Finding) bool {
		return f.Kind == gateway.FindingInjection && f.Stage == gateway.StageResult
	})
}

func entryOf(c *gateway.Call) string {
	if c.Kind.Reverse() {
		return entryReverse
	}
	return entryDecision
}

// broken is the decision when evaluation failed: deny, with what an agent may
// know of it; the fault itself is for the record.
func (r *revision) broken(ctx context.Context, err error) (gateway.Decision, error) {
	d := gateway.Decision{Effect: gateway.EffectDeny, Revision: r.digest}
	said := "the policy could not be evaluated"
	var te *topdown.Error
	switch {
	case ctx.Err() != nil:
		return d, gateway.Refuse("policy", gateway.Cancelled, "the agent cancelled the call or went away").Because(ctx.Err())
	case topdown.IsCancel(err):
		said = "the policy took too long to decide"
	case errors.As(err, &te) && te.Location != nil:
		said = fmt.Sprintf("the policy could not be evaluated: %s at %s:%d", te.Code, te.Location.File, te.Location.Row)
		d.Rules = []gateway.Rule{{File: te.Location.File, Line: te.Location.Row}}
	}
	d.Reasons = []string{said}
	refusal := gateway.Refuse("policy", gateway.PolicyDenied, said).Because(err)
	refusal.Remedy = "the policy is at fault, not the call; see the record of the call for the error"
	return d, refusal
}

// interpret turns the decision document into a Decision. A document that is
// not of the expected form is an error, so that it refuses.
func (r *revision) interpret(c *gateway.Call, stage gateway.Stage, o outcome) (gateway.Decision, error) {
	d := gateway.Decision{Revision: r.digest}
	doc, ok := o.value.(ast.Object)
	if !ok {
		return d, errors.New("the library gave no decision")
	}
	switch effect, _ := field(doc, "effect").(ast.String); gateway.Effect(effect) {
	case gateway.EffectAllow, gateway.EffectApprove, gateway.EffectDeny:
		d.Effect = gateway.Effect(effect)
	default:
		return d, fmt.Errorf("the library gave the effect %v", field(doc, "effect"))
	}
	var err error
	if d.Reasons, err = o.texts(doc, "reasons", ruleDeny+" or "+ruleApprove); err != nil {
		return d, err
	}
	if d.Effect == gateway.EffectDeny {
		return d, nil
	}
	if d.Labels, err = o.texts(doc, "label", ruleLabel); err != nil {
		return d, err
	}
	if stage == gateway.StageRequest {
		paths, err := o.texts(doc, "reveal", ruleReveal)
		if err != nil {
			return d, err
		}
		if d.Reveal, _, err = places(c, stage, ruleReveal, paths); err != nil {
			return d, err
		}
	}
	paths, err := o.texts(doc, "redact", ruleRedact)
	if err != nil || len(paths) == 0 {
		return d, err
	}
	var missed bool
	if d.Redact, missed, err = places(c, stage, ruleRedact, paths); missed && c.Kind == gateway.KindNotification {
		// What a rule takes out of results stands elsewhere in a notification,
		// nobody knows where.
		d.Effect, d.Reasons, d.Labels, d.Redact = gateway.EffectDeny, []string{"a redact rule names a place in results that the notification does not have"}, nil, nil
	}
	return d, err
}

func field(doc ast.Object, name string) ast.Value {
	term, usual := fieldNames[name]
	if !usual {
		term = ast.InternedTerm(name)
	}
	if t := doc.Get(term); t != nil {
		return t.Value
	}
	return nil
}

// fieldNames are those of a decision document, made once: each call looks for all.
var fieldNames = func() map[string]*ast.Term {
	names := map[string]*ast.Term{}
	for _, name := range []string{"effect", "reasons", "label", "reveal", "redact"} {
		names[name] = ast.StringTerm(name)
	}
	return names
}()

// texts returns a set of strings, sorted. Anything else in the set, or no set,
// is an error: what was meant cannot be known.
func (o outcome) texts(doc ast.Object, name, rule string) ([]string, error) {
	v := field(doc, name)
	if v == nil {
		return nil, nil
	}
	list, err := textsOf(v, rule)
	return fill(list, o.told), err
}

func textsOf(v ast.Value, rule string) ([]string, error) {
	set, ok := v.(ast.Set)
	if !ok {
		return nil, fmt.Errorf("%s must be sets", rule)
	}
	if set.Len() == 0 {
		return nil, nil
	}
	out := make([]string, 0, set.Len())
	err := set.Iter(func(t *ast.Term) error {
		s, ok := t.Value.(ast.String)
		if !ok {
			return fmt.Errorf("a %s rule gave %s, which is not a string", rule, clip(t.String()))
		}
		out = append(out, string(s))
		return nil
	})
	slices.Sort(out)
	return out, err
}

// places resolves the paths of this stage to pointers that exist, without those
// inside of others. Paths of the other stage say nothing now. missed says that a
// path led nowhere.
func places(c *gateway.Call, stage gateway.Stage, rule string, paths []string) (out []string, missed bool, err error) {
	root, value := "args", func() any { return c.Args.Value() }
	if stage == gateway.StageResult {
		root, value = "result", func() any { return gateway.Decode(c.Result.Bytes()) }
	}
	var doc any
	for _, path := range paths {
		p, err := parsePlace(path)
		if err != nil {
			return nil, false, fmt.Errorf("a %s rule gave %w", rule, err)
		}
		if p.root != root {
			continue
		}
		if doc == nil {
			doc = value()
		}
		before := len(out)
		if out, err = p.pointers(doc, out); err != nil {
			return nil, false, err
		}
		missed = missed || len(out) == before
	}
	slices.Sort(out)
	return outermost(out), missed, nil
}

// outermost drops from sorted pointers those that lie inside another.
func outermost(sorted []string) []string {
	held := make(map[string]bool, len(sorted))
	kept := sorted[:0]
next:
	for _, p := range sorted {
		if held[p] {
			continue
		}
		for at := p; at != ""; {
			at = at[:strings.LastIndexByte(at, '/')]
			if held[at] {
				continue next
			}
		}
		held[p] = true
		kept = append(kept, p)
	}
	return kept
}

// took returns the rules that led to the effect, by package, file and line.
// allow rules are left out where a deny rule decided.
func (r *revision) took(effect gateway.Effect, fired []int) []gateway.Rule {
	var out []gateway.Rule
	for _, n := range fired {
		rule := r.rules[n]
		if effect == gateway.EffectDeny && rule.Name != ruleDeny {
			continue
		}
		out = append(out, rule)
	}
	slices.SortFunc(out, compareRules)
	return out
}

func compareRules(a, b gateway.Rule) int {
	if c := strings.Compare(a.Package, b.Package); c != 0 {
		return c
	}
	if c := strings.Compare(a.File, b.File); c != 0 {
		return c
	}
	return a.Line - b.Line
}
