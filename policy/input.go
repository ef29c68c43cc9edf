package policy

import (
	"encoding/json"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// Terms of the input that many calls share are converted once: the agent per
// token, the tool per definition. Everything else is handed over as it is and
// converted by OPA when a rule looks at it, so a policy that reads one argument
// does not pay for a megabyte of others.

// input builds the input document of a call. Result is included if withResult.
func (r *revision) input(c *gateway.Call, withResult bool) ast.Value {
	stage := gateway.StageRequest
	if c.Result != nil {
		stage = gateway.StageResult
	}
	in := map[string]any{
		"stage":   string(stage),
		"call":    callInput(c),
		"agent":   r.agent(c.Agent),
		"session": sessionInput(&c.Session),
		"tool":    r.tool(c),
		"args":    argsInput(c.Args),
		"guard":   guardInput(c, stage),
	}
	if withResult {
		in["result"] = resultInput(c.Result)
	}
	return ast.LazyObject(in)
}

func callInput(c *gateway.Call) map[string]any {
	return map[string]any{
		"id": c.ID, "time": c.Time.UTC().Format(time.RFC3339Nano), "surface": string(c.Surface),
		"protocol": c.Protocol, "kind": string(c.Kind), "method": c.Method,
	}
}

func argsInput(a gateway.Args) any { return a.Value() }

func resultInput(res *gateway.Result) any { return gateway.Decode(res.Bytes()) }

func sessionInput(s *gateway.Session) map[string]any {
	recent := make([]any, len(s.Recent))
	for i, r := range s.Recent {
		recent[i] = map[string]any{"tool": r.Tool, "effect": string(r.Effect)}
	}
	return map[string]any{"id": s.ID, "calls": s.Calls, "labels": orEmpty(s.Labels), "recent": recent}
}

// guardInput holds the findings of the stage that is being judged.
func guardInput(c *gateway.Call, stage gateway.Stage) map[string]any {
	findings := make([]any, 0, len(c.Findings))
	for i := range c.Findings {
		if f := &c.Findings[i]; f.Stage == stage {
			findings = append(findings, findingInput(f))
		}
	}
	return map[string]any{"score": c.Score, "findings": findings}
}

func findingInput(f *gateway.Finding) map[string]any {
	m := map[string]any{
		"kind": string(f.Kind), "rule": f.Rule, "where": f.Where, "severity": string(f.Severity),
		"span": []any{f.Span[0], f.Span[1]}, "score": f.Score, "action": string(f.Action),
	}
	if f.Via != "" {
		m["via"] = f.Via
	}
	if f.From != "" {
		m["from"] = f.From
	}
	return m
}

// agentInput converts an agent. Nil, in records of refusals before
// authentication, has no ID and no role.
func agentInput(a *gateway.Agent) ast.Value {
	if a == nil {
		a = &gateway.Agent{}
	}
	claims := ast.NewObject()
	if v, err := ast.InterfaceToValue(a.Claims); err == nil && a.Claims != nil {
		if o, ok := v.(ast.Object); ok {
			claims = o
		}
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("id"), ast.StringTerm(a.ID)),
		ast.Item(ast.InternedTerm("issuer"), ast.StringTerm(a.Issuer)),
		ast.Item(ast.InternedTerm("roles"), stringsTerm(a.Roles)),
		ast.Item(ast.InternedTerm("scopes"), stringsTerm(a.Scopes)),
		ast.Item(ast.InternedTerm("claims"), ast.NewTerm(claims)),
	)
}

// toolInput converts a tool. A call of a reverse kind may have none: then only
// its server is known.
func toolInput(t *gateway.Tool, server string) ast.Value {
	if t == nil {
		t = &gateway.Tool{Server: server}
	}
	annotations := ast.NewObject()
	if t.Annotations != nil {
		if v, err := ast.InterfaceToValue(gateway.Decode(t.Annotations)); err == nil {
			if o, ok := v.(ast.Object); ok {
				annotations = o
			}
		}
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("kind"), ast.StringTerm(string(t.Kind))),
		ast.Item(ast.InternedTerm("server"), ast.StringTerm(t.Server)),
		ast.Item(ast.InternedTerm("name"), ast.StringTerm(t.Name)),
		ast.Item(ast.InternedTerm("wire"), ast.StringTerm(t.Wire)),
		ast.Item(ast.InternedTerm("labels"), stringsTerm(t.Labels)),
		ast.Item(ast.InternedTerm("annotations"), ast.NewTerm(annotations)),
		ast.Item(ast.InternedTerm("fingerprint"), ast.StringTerm(t.Fingerprint)),
		ast.Item(ast.InternedTerm("pinned"), ast.BooleanTerm(t.Pinned)),
	)
}

func stringsTerm(list []string) *ast.Term {
	terms := make([]*ast.Term, len(list))
	for i, s := range list {
		terms[i] = ast.StringTerm(s)
	}
	return ast.ArrayTerm(terms...)
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// InputJSON is the input document that policy sees for a call, for people: to
// read, or to paste into another Rego tool.
func InputJSON(c *gateway.Call) (json.RawMessage, error) {
	r := &revision{}
	return jsonOf(r.input(c, c.Result != nil))
}

func jsonOf(v ast.Value) (json.RawMessage, error) {
	x, err := ast.JSON(v)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(x, "", "  ")
}
