package policy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// Access is what an agent may do with a tool, as far as that is known without a call.
type Access struct {
	Tool    string         `json:"tool"`
	Effect  gateway.Effect `json:"effect"` // allow; approve, if a person is always asked; deny, if no call can pass
	Always  bool           `json:"always"` // whatever the call is
	Allow   []Condition    `json:"allow,omitempty"`
	Approve []Condition    `json:"approve,omitempty"`
	Deny    []Condition    `json:"deny,omitempty"`
}

// Condition is a rule that can hold, and what it asks of the call.
type Condition struct {
	gateway.Rule
	If []string `json:"if,omitempty"` // expressions, as written, that all have to hold; none: it holds for every call
}

// Access says of each tool what an agent may do with it. Like a list it knows the
// agent, the tool and data; what depends on the call is told as a condition.
func (e *Engine) Access(ctx context.Context, a *gateway.Agent, tools []*gateway.Tool) ([]Access, error) {
	r, all := e.current.Load(), make([]Access, 0, len(tools))
	seen := see(r.compiler, entryVisible) // its own, since more is looked at than lists need
	for _, t := range tools {
		access, err := r.access(ctx, e.opt.Timeout, seen, a, t)
		if err != nil {
			return nil, err
		}
		all = append(all, access)
	}
	return all, nil
}

func (r *revision) access(ctx context.Context, limit time.Duration, seen *seer, a *gateway.Agent, t *gateway.Tool) (Access, error) {
	x := Access{Tool: t.Wire, Effect: gateway.EffectDeny}
	v, done, err := r.view(ctx, limit, a, t)
	if err != nil {
		return x, err
	}
	defer done()
	v.seer = seen
	if !v.mayBe(seen.entry, isTruthy) {
		return x, ctx.Err()
	}
	for _, m := range r.about(t) {
		for _, rule := range m.Rules {
			for branch := rule; branch != nil && !rule.Default; branch = branch.Else {
				x.add(r, v, m, rule, branch)
			}
		}
	}
	x.flow(r, v, t)
	asks := slices.ContainsFunc(x.Approve, func(c Condition) bool { return len(c.If) == 0 })
	switch {
	case asks || len(x.Allow) == 0:
		x.Effect = gateway.EffectApprove
		x.Always = asks && len(x.Deny) == 0
	default:
		x.Effect = gateway.EffectAllow
		x.Always = len(x.Deny)+len(x.Approve) == 0 && slices.ContainsFunc(x.Allow, func(c Condition) bool { return len(c.If) == 0 })
	}
	return x, ctx.Err()
}

// add notes a rule if it can hold.
func (x *Access) add(r *revision, v *view, m *ast.Module, rule, branch *ast.Rule) {
	into := map[string]*[]Condition{ruleAllow: &x.Allow, ruleApprove: &x.Approve, ruleDeny: &x.Deny}[ruleName(rule)]
	as := isNotEmpty
	if ruleName(rule) == ruleAllow {
		as = isTrue
	}
	if v.visit(rule); into == nil || !valueMay(branch, as) || !v.mayHold(branch) {
		return
	}
	c := Condition{Rule: ruleOf(m, branch)}
	if !v.mustHold(branch) {
		c.If = r.conditions(v.sights[branch], branch)
	}
	*into = append(*into, c)
}

// flow notes what the rule on labels does about a tool that sends data out.
func (x *Access) flow(r *revision, v *view, t *gateway.Tool) {
	if !slices.Contains(t.Labels, "external") {
		return
	}
	for _, of := range []struct {
		rule string
		into *[]Condition
	}{{ruleDeny, &x.Deny}, {ruleApprove, &x.Approve}} {
		for _, rule := range r.compiler.GetRulesExact(ast.MustParseRef("data.toolward.flow." + of.rule)) {
			if v.visit(rule); v.mayHold(rule) {
				*of.into = append(*of.into, Condition{Rule: gateway.Rule{Package: "toolward.flow", Name: of.rule}, If: []string{"the session has read private and untrusted data"}})
				break
			}
		}
	}
}

// conditions are the expressions of a rule that depend on the call, as they were
// written. The compiler makes several of one; each lies within the text of its origin.
func (r *revision) conditions(s *sight, rule *ast.Rule) (texts []string) {
	written := r.written(rule)
	if written == nil {
		return nil
	}
	varying := slices.Clone(s.varies)
	for _, a := range s.asks {
		varying = append(varying, a.expr)
	}
	vars := ast.VarSet{} // what they bind is known no better
	for _, e := range varying {
		vars.Update(varsOf(e).Diff(ast.ReservedVars))
	}
	for _, e := range rule.Body {
		if len(varsOf(e).Intersect(vars)) > 0 {
			varying = append(varying, e)
		}
	}
	for _, e := range written.Body {
		from, to := e.Location.Offset, e.Location.Offset+len(e.Location.Text)
		if slices.ContainsFunc(varying, func(v *ast.Expr) bool {
			return v.Location != nil && from <= v.Location.Offset && v.Location.Offset < max(to, from+1)
		}) {
			texts = append(texts, strings.Join(strings.Fields(string(e.Location.Text)), " "))
		}
	}
	return texts
}

// written is a rule as it was parsed.
func (r *revision) written(rule *ast.Rule) *ast.Rule {
	m := r.parsed[rule.Location.File]
	if m == nil {
		return nil
	}
	for _, candidate := range m.Rules {
		for ; candidate != nil; candidate = candidate.Else {
			if candidate.Location.Compare(rule.Location) == 0 {
				return candidate
			}
		}
	}
	return nil
}

// Principals are the roles and the IDs of agents that rules name, themselves or by
// data that they look into: who could be told apart by the policy. Some may be neither.
func (e *Engine) Principals() (roles, ids []string) {
	r := e.current.Load()
	named := map[string]map[string]bool{"roles": {}, "id": {}}
	for _, m := range r.compiler.Modules {
		if isLibrary(m.Package) {
			continue
		}
		for _, rule := range m.Rules {
			for branch := rule; branch != nil; branch = branch.Else {
				for about, set := range named {
					if readsBelow(direct(branch.Body), pathTo("agent", about)) {
						r.texts(branch.Body, set)
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(named["roles"])), slices.Sorted(maps.Keys(named["id"]))
}

// maxPrincipals bounds how many names are taken from data.
const maxPrincipals = 1000

// texts collects the strings of a body, and those of the data that it looks into.
func (r *revision) texts(body ast.Body, into map[string]bool) {
	add := func(s string) {
		if len(into) < maxPrincipals && s != "" {
			into[s] = true
		}
	}
	ast.WalkTerms(body, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.String:
			add(string(v))
		case ast.Ref:
			if v.HasPrefix(ast.DefaultRootRef) {
				r.namesIn(v, add)
			}
			return true // its names are no texts
		}
		return false
	})
}

// namesIn finds the names and texts of the data at a reference, and of the rule there.
func (r *revision) namesIn(ref ast.Ref, add func(string)) {
	at := any(r.data)
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		object, is := at.(map[string]any)
		if !ok || !is {
			break
		}
		if at = object[string(name)]; at == nil {
			break
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			add(v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for name, x := range v {
				add(name)
				walk(x)
			}
		}
	}
	if !ref.HasPrefix(libraryRef) && len(ref) > 1 {
		walk(at)
	}
	for _, rule := range r.compiler.GetRulesExact(ref.GroundPrefix()) {
		if rule.Head.Value != nil {
			ast.WalkTerms(rule.Head.Value, func(t *ast.Term) bool {
				if s, ok := t.Value.(ast.String); ok {
					add(string(s))
				}
				return false
			})
		}
	}
}

// String is the access in a few words.
func (x Access) String() string {
	switch {
	case x.Effect == gateway.EffectDeny:
		return "no"
	case x.Effect == gateway.EffectApprove && len(x.Allow) == 0 && !x.Always:
		return "a person is asked, if"
	case x.Effect == gateway.EffectApprove:
		return "a person is asked"
	case x.Always:
		return "yes"
	}
	return "if"
}

// When is what the call has to be, in a sentence; "" if there is nothing to say.
func (x Access) When() string {
	var parts []string
	one := func(list []Condition) (texts []string, any bool) {
		for _, c := range list {
			if len(c.If) == 0 {
				any = true
			}
			texts = append(texts, cmp.Or(strings.Join(c.If, " and "), "always"))
		}
		return texts, any
	}
	allow, any := one(x.Allow)
	if len(allow) > 0 && !any {
		parts = append(parts, strings.Join(allow, "  or  "))
	}
	if approve, always := one(x.Approve); len(approve) > 0 && !always {
		if x.Effect == gateway.EffectApprove {
			parts = append(parts, strings.Join(approve, "  or  "))
		} else {
			parts = append(parts, "a person is asked if "+strings.Join(approve, "  or  "))
		}
	}
	if deny, _ := one(x.Deny); len(deny) > 0 {
		parts = append(parts, "not if "+strings.Join(deny, "  or  "))
	}
	return strings.Join(parts, "; ")
}

// Otherwise are the rules about a tool that allow, or ask a person, by what else a token
// says: its claims, scopes or issuer, which no policy can list.
func (e *Engine) Otherwise(t *gateway.Tool) (rules []gateway.Rule) {
	r := e.current.Load()
	reader := newReader(r.compiler)
	for _, m := range r.about(t) {
		for _, rule := range m.Rules {
			if n := ruleName(rule); n != ruleAllow && n != ruleApprove || rule.Default || neverAllows(rule) {
				continue
			}
			reads := reader.of(rule)
			if slices.ContainsFunc([]string{"claims", "scopes", "issuer"}, func(of string) bool { return readsBelow(reads, pathTo("agent", of)) }) {
				rules = append(rules, ruleOf(m, rule))
			}
		}
	}
	return rules
}
