package policy

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// The input is handed to OPA as Go maps, which it converts where a rule looks:
// a policy that reads one argument does not pay for a megabyte of others. What
// many calls share is made once: the agent per token, the tool per definition.
// There must be no AST value among the maps, because OPA gives them to
// json.marshal as they are.

// extent says which parts of input are built: those that some rule reads.
type extent struct {
	call, session, guard, args        members
	restored, result, meters, history bool
}

// members are names in an object of input; nil is all of them.
type members map[string]bool

func (m members) has(name string) bool { return m == nil || m[name] }

// all of what a call has, for people and for [Engine.Explain].
var all = extent{restored: true, result: true, meters: true, history: true}

// input builds the input document of a stage of a call.
func (r *revision) input(c *gateway.Call, stage gateway.Stage, with extent) map[string]any {
	in := map[string]any{
		"stage":   string(stage),
		"agent":   r.agent(c.Agent),
		"session": sessionInput(&c.Session, with.session),
		"tool":    r.tool(c),
		"args":    argsInput(c, stage, with),
		"guard":   guardInput(c, stage, with.guard),
		"call":    callInput(c, with.call),
	}
	if with.restored {
		in["restored"] = restoredInput(c.Restored)
	}
	if stage == gateway.StageResult && with.result {
		in["result"] = resultInput(c.Result)
	}
	if with.meters {
		in["meters"] = r.metersInput(&c.Session)
	}
	if with.history {
		in["history"] = historyInput(c)
	}
	return in
}

func callInput(c *gateway.Call, with members) map[string]any {
	m := make(map[string]any, 8)
	for _, of := range [...]struct{ name, value string }{
		{"id", c.ID}, {"surface", string(c.Surface)}, {"protocol", c.Protocol}, {"kind", string(c.Kind)}, {"method", c.Method},
	} {
		if with.has(of.name) {
			m[of.name] = of.value
		}
	}
	if with.has("time") {
		m["time"] = c.Time.UTC().Format(time.RFC3339Nano)
	}
	for member, name := range besideNames {
		if !with.has(name) {
			continue
		}
		if raw := c.Beside(member); raw != nil {
			m[name] = gateway.Decode(raw)
		}
	}
	if with.has("client") && c.Origin != nil && c.Origin.ClientInfo() != nil {
		m["client"] = gateway.Decode(c.Origin.ClientInfo())
	}
	return m
}

// besideNames are the members of input.call that hold what is sent beside the
// arguments, by the member of params.
var besideNames = map[string]string{
	gateway.MemberMeta: "meta", gateway.MemberTask: "task", gateway.MemberAnswers: "answers",
}

// argsInput is a call's arguments. What is asked of a task is judged with those
// of the call that made it: they are what its result comes of. Of a notification
// they are those of its call, so that rules on the call's results hold for it, and
// where the call has none of that name the notification's own parameters.
//
// An agent chooses how many arguments there are and how long they are: those that no
// rule reads are passed over.
func argsInput(c *gateway.Call, stage gateway.Stage, with extent) any {
	switch {
	case c.Task != nil:
		return c.Task.Args.Value()
	case c.Kind == gateway.KindNotification && stage == gateway.StageResult:
		args := map[string]any{}
		for _, v := range []any{resultInput(c.Result), c.Args.Value()} {
			own, _ := v.(map[string]any)
			maps.Copy(args, own)
		}
		return args
	case with.args != nil:
		return gateway.DecodeMembers(c.Args.Raw(), with.args)
	}
	return c.Args.Value()
}

func resultInput(res *gateway.Result) any { return gateway.Decode(res.Bytes()) }

func sessionInput(s *gateway.Session, with members) map[string]any {
	m := make(map[string]any, 4)
	if with.has("id") {
		m["id"] = s.ID
	}
	if with.has("calls") {
		m["calls"] = s.Calls
	}
	if with.has("labels") {
		m["labels"] = orEmpty(s.Labels)
	}
	if with.has("recent") {
		list := make([]any, len(s.Recent))
		for i, r := range s.Recent {
			list[i] = map[string]any{"tool": r.Tool, "effect": string(r.Effect)}
		}
		m["recent"] = list
	}
	return m
}

// guardInput holds the findings of the stage that is being judged.
func guardInput(c *gateway.Call, stage gateway.Stage, with members) map[string]any {
	m := make(map[string]any, 2)
	if with.has("score") {
		m["score"] = c.Score
	}
	if with.has("findings") {
		findings := make([]any, 0, len(c.Findings))
		for i := range c.Findings {
			if f := &c.Findings[i]; f.Stage == stage {
				findings = append(findings, findingInput(f))
			}
		}
		m["findings"] = findings
	}
	return m
}

// restoredInput says what will be put back where, and never the values.
func restoredInput(all []gateway.Restored) []any {
	list := make([]any, len(all))
	for i := range all {
		r := &all[i]
		m := map[string]any{"where": r.Where, "kind": string(r.Kind), "rule": r.Rule, "server": r.Server, "from": r.From}
		if r.Key {
			m["key"] = true
		}
		list[i] = m
	}
	return list
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

// agentInput is an agent. Nil, in records of refusals before authentication,
// has no ID and no role.
func agentInput(a *gateway.Agent) map[string]any {
	if a == nil {
		a = &gateway.Agent{}
	}
	claims := a.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	return map[string]any{
		"id": a.ID, "issuer": a.Issuer, "roles": orEmpty(a.Roles), "scopes": orEmpty(a.Scopes), "claims": claims,
	}
}

// toolInput is a tool. A call of a reverse kind may have none: then only its
// server is known.
func toolInput(t *gateway.Tool, server string) map[string]any {
	if t == nil {
		t = &gateway.Tool{Server: server}
	}
	annotations, ok := gateway.Decode(t.Annotations).(map[string]any)
	if !ok {
		annotations = map[string]any{}
	}
	return map[string]any{
		"kind": string(t.Kind), "server": t.Server, "name": t.Name, "wire": t.Wire, "labels": orEmpty(t.Labels),
		"annotations": annotations, "fingerprint": t.Fingerprint, "pinned": t.Pinned,
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// InputJSON is the input document that policy sees for a stage of a call, for people:
// to read, or to paste into another Rego tool.
func InputJSON(c *gateway.Call, stage gateway.Stage) (json.RawMessage, error) {
	r := &revision{}
	return jsonOf(ast.LazyObject(r.input(c, stage, all)))
}

func jsonOf(v ast.Value) (json.RawMessage, error) {
	x, err := ast.JSON(v)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(x, "", "  ")
}
