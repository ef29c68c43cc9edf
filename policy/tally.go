package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// Bounds of what one call adds.
const (
	maxEntries = 16      // to meters, and to the history
	maxKept    = 1 << 10 // bytes of a value or a key
)

// CountRequest implements [gateway.Policy]. Where the rules cannot be evaluated, or
// give what cannot be counted, the error is a *gateway.Refusal that holds the fault.
func (e *Engine) CountRequest(ctx context.Context, c *gateway.Call) (gateway.Tally, error) {
	r := e.named(c.Tally.Revision)
	t := gateway.Tally{Revision: r.digest}
	n := r.counting
	if n == nil {
		return t, nil
	}
	if plan, ok := n.asks(c); ok {
		t.May = plan.recall
		if plan.early {
			if err := r.count(ctx, e.opt.Timeout, c, gateway.StageRequest, &t); err != nil {
				return t, err
			}
		}
	}
	for _, name := range n.looks {
		if !slices.ContainsFunc(t.Meters, func(m gateway.Meter) bool { return m.Name == name }) {
			t.Meters = append(t.Meters, n.meter(name, c, true))
		}
	}
	return t, nil
}

// CountResult implements [gateway.Policy], with the errors of [Engine.CountRequest].
func (e *Engine) CountResult(ctx context.Context, c *gateway.Call) (gateway.Tally, error) {
	r := e.revisionOf(c)
	var t gateway.Tally
	if r.counting == nil {
		return t, nil
	}
	if plan, ok := r.counting.asks(c); ok && plan.late {
		return t, r.count(ctx, e.opt.Timeout, c, gateway.StageResult, &t)
	}
	return t, nil
}

// asks answers which rules there are about a call. Only what an agent asks for
// adds: to look after a task, which has the arguments of the call that made it,
// would add to its meters once more.
func (n *counting) asks(c *gateway.Call) (countPlan, bool) {
	switch c.Kind {
	case gateway.KindTool, gateway.KindPrompt, gateway.KindResource:
		if c.Tool != nil {
			return n.plan(c.Tool), true
		}
	}
	return countPlan{}, false
}

// meter is a meter's part in a call, without key and amount.
func (n *counting) meter(name string, c *gateway.Call, looks bool) gateway.Meter {
	d := n.meters[name]
	return gateway.Meter{Name: name, Per: d.per, Of: ownerOf(d.per, c), Window: d.window, Looks: looks, Keys: n.keys[name]}
}

// ownerOf says whose counter a call is counted by.
func ownerOf(per gateway.MeterPer, c *gateway.Call) string {
	switch {
	case per == gateway.PerTool && c.Tool != nil:
		return c.Tool.Wire
	case per == gateway.PerAgent && c.Agent != nil:
		return c.Agent.PrincipalID()
	case per == gateway.PerSession && c.Agent != nil:
		return c.Agent.SessionID()
	}
	return ""
}

// entered is what the rules give for a call, whoever makes it.
type entered struct {
	meters   []gateway.Meter // without whose they are
	memories []gateway.Memory
}

// countQuestion is what a tally depends on in one call.
type countQuestion struct {
	tool   *gateway.Tool
	late   bool
	values string
}

// count asks for what a stage of a call adds. Calls with the same values in what
// the rules read add the same, as with decisions (remember.go), so OPA is asked
// once for all of them.
func (r *revision) count(ctx context.Context, limit time.Duration, c *gateway.Call, stage gateway.Stage, t *gateway.Tally) error {
	in := map[string]any{
		"stage": string(stage), "call": callInput(c, r.reads.call), "agent": r.agent(c.Agent), "tool": r.tool(c), "args": argsInput(c, stage, r.reads.extent),
	}
	late := stage == gateway.StageResult
	if late {
		in["result"] = resultInput(c.Result)
	}
	asked, short := r.counting.question(c.Tool, late, in)
	said, known := entered{}, false
	if short {
		said, known = r.counting.known.look(asked)
	}
	if !known {
		value, _, err := r.eval(ctx, limit, r.queries[entryTally], ast.LazyObject(in), c.Time, nil)
		if err == nil {
			said, err = r.counting.read(value, c.Tool, late)
		}
		if err != nil {
			_, err = r.broken(ctx, err)
			return err
		}
		if short {
			r.counting.known.put(asked, said)
		}
	}
	for _, m := range said.meters {
		m.Of = ownerOf(m.Per, c)
		t.Meters = append(t.Meters, m)
	}
	t.Memories = append(t.Memories, said.memories...)
	return nil
}

// question is what the answer depends on. ok is false if it is not to be remembered.
func (n *counting) question(t *gateway.Tool, late bool, in map[string]any) (q countQuestion, ok bool) {
	if n.known.most == 0 {
		return q, false
	}
	reads := n.about.get(t, func() []string {
		return readsAbout(n.compiler, entryTally, t, func(map[string]bool) bool { return false })
	})
	var space [maxValues]byte
	values, ok := appendPaths(space[:0], in, reads)
	return countQuestion{t, late, string(values)}, ok
}

// read reads the library's tally. Rules of the other stage may hold too, and have
// added, or will.
func (n *counting) read(value ast.Value, tool *gateway.Tool, late bool) (said entered, err error) {
	doc, ok := value.(ast.Object)
	if !ok {
		return said, errors.New("the library gave no tally")
	}
	err = eachEntry(doc, ruleMeter, n.meters, late, func(name string, entry ast.Object) error {
		if slices.ContainsFunc(said.meters, func(m gateway.Meter) bool { return m.Name == name }) {
			return fmt.Errorf("the call adds to meter %s twice; a rule can add up the parts", name)
		}
		d := n.meters[name]
		m := gateway.Meter{Name: name, Per: d.per, Window: d.window, Denied: d.on == onDenied, Running: d.on == onRunning, Keys: n.keys[name], Amount: gateway.One}
		if v := field(entry, "amount"); v != nil {
			number, ok := v.(ast.Number)
			if !ok {
				return fmt.Errorf("the amount for meter %s is %s, which is not a number", name, clip(v.String()))
			}
			var err error
			if m.Amount, err = gateway.ParseAmount(string(number)); err != nil {
				return fmt.Errorf("the amount for meter %s: %w", name, err)
			}
		}
		if v := field(entry, "key"); v != nil {
			key, ok := v.(ast.String)
			if !ok || key == "" || len(key) > maxKept {
				return fmt.Errorf("the key for meter %s is not a text of 1 to %d bytes", name, maxKept)
			}
			m.Key = string(key)
		}
		said.meters = append(said.meters, m)
		return nil
	})
	if err != nil {
		return said, err
	}
	return said, eachEntry(doc, ruleRemember, n.memories, late, func(name string, entry ast.Object) error {
		value, err := scalarOf(field(entry, "value"))
		if err != nil {
			return fmt.Errorf("what is to be remembered as %s: %w", name, err)
		}
		span, _ := spanOf(field(entry, "for"))
		said.memories = append(said.memories, gateway.Memory{Name: name, Value: value, Tool: tool.Wire, For: span})
		return nil
	})
}

// eachEntry hands on, in a fixed order, the entries of a stage.
func eachEntry(doc ast.Object, rule string, names map[string]*declared, late bool, take func(string, ast.Object) error) error {
	set, ok := field(doc, rule).(ast.Set)
	if !ok {
		return fmt.Errorf("the library gave no set of %s", rule)
	}
	if set.Len() > 2*maxEntries {
		return fmt.Errorf("%s gave more than %d entries", rule, maxEntries)
	}
	taken := 0
	for _, term := range set.Slice() {
		entry, ok := term.Value.(ast.Object)
		if !ok {
			return fmt.Errorf("%s gave %s", rule, clip(term.String()))
		}
		name, _ := field(entry, "name").(ast.String)
		d := names[string(name)]
		if d == nil {
			return fmt.Errorf("%s gave %s, which no rule declares", rule, clip(term.String()))
		}
		if d.late != late {
			continue
		}
		if taken++; taken > maxEntries {
			return fmt.Errorf("%s gave more than %d entries", rule, maxEntries)
		}
		if err := take(string(name), entry); err != nil {
			return err
		}
	}
	return nil
}

// scalarOf is a value that can be remembered, as JSON.
func scalarOf(v ast.Value) (json.RawMessage, error) {
	switch v := v.(type) {
	case ast.Number:
		if len(v) <= maxKept {
			return json.RawMessage(v), nil
		}
	case ast.String:
		if len(v) <= maxKept {
			return json.Marshal(string(v))
		}
	case ast.Boolean:
		return json.Marshal(bool(v))
	case ast.Null:
		return json.RawMessage("null"), nil
	default:
		return nil, errors.New("it is no text, number, boolean or null")
	}
	return nil, fmt.Errorf("it is longer than %d bytes", maxKept)
}

// metersInput is what meters say, by name. What policy declares is there, also
// where a call was not asked about it.
func (r *revision) metersInput(s *gateway.Session) map[string]any {
	out := map[string]any{}
	if r.counting != nil {
		for name := range r.counting.meters {
			out[name] = usedInput(&gateway.Used{})
		}
	}
	for i := range s.Meters {
		out[s.Meters[i].Name] = usedInput(&s.Meters[i])
	}
	return out
}

// usedInput has the total too, because OPA adds fractions as binary ones.
func usedInput(u *gateway.Used) map[string]any {
	return map[string]any{
		"count": u.Count, "keys": u.Keys, "sum": json.Number(u.Sum.String()), "amount": json.Number(u.Amount.String()), "total": json.Number(u.Sum.Add(u.Amount).String()),
	}
}

func historyInput(c *gateway.Call) []any {
	list := make([]any, len(c.Session.History))
	for i, m := range c.Session.History {
		list[i] = map[string]any{
			"name": m.Name, "value": gateway.Decode(m.Value), "tool": m.Tool, "time": m.Time.UTC().Format(time.RFC3339Nano),
			"age_s": json.Number(strings.TrimSuffix(fmt.Sprintf("%.3f", max(0, c.Time.Sub(m.Time).Seconds())), ".000")),
		}
	}
	return list
}
