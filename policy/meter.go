package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// Rules that bound what happens over time. A meter counts calls and adds up
// amounts within a window, and remember keeps values for as long as they matter:
//
//	meter contains {"name": "refunds", "amount": input.args.amount, "window": "24h"} if …
//	remember contains {"name": "refunded", "value": input.args.order, "for": "1h"} if …
//
// What a meter is, is written out, so that it is known at load: a rule about a
// meter that nothing counts would never hold, which for a deny rule is silent
// non-enforcement. What a call adds to it is computed before state is asked,
// which reserves it, so these rules see what was asked and by whom, and nothing
// that state or guard say. Those that wait for the result add when it is there.

// declared is what is known of a meter, or of a name in the history, at load.
type declared struct {
	per    gateway.MeterPer
	window time.Duration
	on     string // "", onDenied or onRunning
	late   bool   // its rules wait for the result
	first  *ast.Location
}

// counting is what a policy counts and remembers; nil if nothing.
type counting struct {
	meters   map[string]*declared
	memories map[string]*declared
	early    []address       // packages with rules that add on the request
	late     []address       // … on the result
	recall   []address       // … to the history, on the result
	looks    []string        // meters that rules read, sorted
	keys     map[string]bool // … of which they read how many keys there are
	compiler *ast.Compiler
	plans    cache[*gateway.Tool, countPlan]
	about    cache[*gateway.Tool, []string] // what the rules about a tool read of input
	known    cache[countQuestion, entered]  // keeps nothing where an answer is not the next call's
}

// countPlan says which rules there are about a tool.
type countPlan struct{ early, late, recall bool }

func (n *counting) plan(t *gateway.Tool) countPlan {
	return n.plans.get(t, func() countPlan {
		covers := func(list []address) bool {
			return slices.ContainsFunc(list, func(a address) bool { return a.covers(t) })
		}
		return countPlan{covers(n.early), covers(n.late), covers(n.recall)}
	})
}

func counts(name string) bool { return name == ruleMeter || name == ruleRemember }

const (
	onDenied  = "denied"  // calls that are refused
	onRunning = "running" // calls under way
	maxWindow = 366 * 24 * time.Hour
	minWindow = time.Second
)

var (
	entryName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	entryMembers = map[string][]string{ruleMeter: {"name", "amount", "per", "key", "window", "on"}, ruleRemember: {"name", "value", "for"}}
	entryForms   = map[string]string{
		ruleMeter:    "write `meter contains {\"name\": \"refunds\", \"amount\": input.args.amount, \"window\": \"24h\"} if …`",
		ruleRemember: "write `remember contains {\"name\": \"refunded\", \"value\": input.args.order, \"for\": \"1h\"} if …`",
	}
	pers = []string{string(gateway.PerAgent), string(gateway.PerSession), string(gateway.PerTool), string(gateway.PerAll)}
)

// checkEntry finds meter and remember rules that are not of their form.
func checkEntry(rule *ast.Rule, name string) []Problem {
	var ps []Problem
	say := func(code, format string, args ...any) {
		ps = append(ps, problemAt(rule.Location, code, format, args...).hint("%s", entryForms[name]))
	}
	if rule.Head.RuleKind() == ast.SingleValue || len(rule.Head.Ref()) != 1 {
		say("rule_form", "%s must be a set of objects", name)
		return ps
	}
	entry, ok := rule.Head.Key.Value.(ast.Object)
	if !ok {
		say("rule_form", "what %s holds must be written out as an object in the rule's head", name)
		return ps
	}
	given := map[string]ast.Value{}
	entry.Foreach(func(k, v *ast.Term) {
		key, _ := k.Value.(ast.String)
		if !slices.Contains(entryMembers[name], string(key)) {
			p := problemAt(rule.Location, "rule_form", "a %s rule has no %s", name, clip(k.String()))
			if near := nearest(string(key), entryMembers[name]); near != "" {
				p = p.hint("%s", didYouMean(near))
			} else {
				p = p.hint("it has %s", strings.Join(entryMembers[name], ", "))
			}
			ps = append(ps, p)
		}
		given[string(key)] = v.Value
	})
	if s, ok := given["name"].(ast.String); !ok || !entryName.MatchString(string(s)) {
		say("rule_value", "the name of a %s rule must be written out, in lower case letters, digits and _", name)
	}
	ps = append(ps, checkEntryValues(rule, name, given)...)
	return ps
}

func checkEntryValues(rule *ast.Rule, name string, given map[string]ast.Value) []Problem {
	var ps []Problem
	wrong := func(member, want string) {
		ps = append(ps, problemAt(rule.Location, "rule_value", "%q of a %s rule must be %s", member, name, want).hint("%s", entryForms[name]))
	}
	span := map[string]string{ruleMeter: "window", ruleRemember: "for"}[name]
	if running := given["on"] != nil && given["on"].Compare(ast.String(onRunning)) == 0; running {
		if given[span] != nil {
			wrong(span, "left out where it counts calls under way: they count until they are over")
		}
	} else if _, err := spanOf(given[span]); err != nil {
		wrong(span, "a time from 1s to 366d, written out")
	}
	if per := given["per"]; per != nil {
		if s, ok := per.(ast.String); !ok || !slices.Contains(pers, string(s)) {
			wrong("per", "one of "+strings.Join(pers, ", ")+", written out")
		}
	}
	if on := given["on"]; on != nil && on.Compare(ast.String(onDenied)) != 0 && on.Compare(ast.String(onRunning)) != 0 {
		wrong("on", "\"denied\" or \"running\", written out; without it the meter counts calls that are made")
	}
	written := func(v ast.Value) bool { return v != nil && ast.IsConstant(v) }
	if v := given["amount"]; written(v) {
		if n, ok := v.(ast.Number); !ok || !isAmount(n) {
			wrong("amount", "a number from 0 to 10^18")
		}
	}
	if v := given["key"]; written(v) {
		if s, ok := v.(ast.String); !ok || s == "" {
			wrong("key", "a text that is not empty")
		}
	}
	if v := given["value"]; name == ruleRemember && v == nil {
		wrong("value", "there")
	} else if written(v) {
		if _, err := scalarOf(v); err != nil {
			wrong("value", "a text, number, boolean or null")
		}
	}
	return ps
}

func isAmount(n ast.Number) bool { _, err := gateway.ParseAmount(string(n)); return err == nil }

// spanOf reads a time: what Go reads, and days.
func spanOf(v ast.Value) (time.Duration, error) {
	s, _ := v.(ast.String)
	d, err := time.ParseDuration(string(s))
	if days, isDays := strings.CutSuffix(string(s), "d"); isDays {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n <= 366 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err == nil && (d < minWindow || d > maxWindow) {
		err = fmt.Errorf("%v is out of range", d)
	}
	return d, err
}

// countingOf finds what a policy that was compiled counts, and what is wrong with
// that.
func countingOf(parsed map[string]*ast.Module, c *ast.Compiler) (*counting, []Problem) {
	n := &counting{meters: map[string]*declared{}, memories: map[string]*declared{}, keys: map[string]bool{}, compiler: c}
	n.plans.most, n.about.most = 16384, 16384
	compiled := map[string]*ast.Rule{}
	for _, m := range c.Modules {
		for _, rule := range m.Rules {
			compiled[rule.Location.String()+ruleName(rule)] = rule
		}
	}
	rd := newReader(c)
	var ps []Problem
	for _, file := range util.KeysSorted(parsed) {
		a, ok := addressOf(parsed[file].Package)
		if !ok {
			continue
		}
		for _, rule := range parsed[file].Rules {
			if counts(ruleName(rule)) {
				ps = append(ps, n.declare(a, rule, compiled[rule.Location.String()+ruleName(rule)], c, rd)...)
			}
		}
	}
	ps = append(ps, n.checkReads(c, rd)...)
	if len(n.meters) == 0 && len(n.memories) == 0 {
		return nil, ps
	}
	return n, ps
}

// declare takes in one rule.
func (n *counting) declare(a address, rule, compiled *ast.Rule, c *ast.Compiler, rd *reader) []Problem {
	name := ruleName(rule)
	if a.root == "reverse" {
		return []Problem{problemAt(rule.Location, "rule_unasked", "no decision asks %s of package reverse.%s", name, a.server).
			hint("what an upstream asks of agents adds to no meter; its rules can read them")}
	}
	read := rd.of(compiled)
	for _, later := range []string{"session", "meters", "history", "guard"} {
		if touches(read, later) {
			return []Problem{problemAt(rule.Location, "meter_input", "%s is asked before there is input.%s", name, later).
				hint("it can read input.call, agent, tool, args and result; read input.%s in a rule that denies", later)}
		}
	}
	entry := rule.Head.Key.Value.(ast.Object)
	d := declared{per: gateway.PerAgent, late: needsResult(c, compiled, nil), first: rule.Location}
	if s, ok := field(entry, "per").(ast.String); ok {
		d.per = gateway.MeterPer(s)
	}
	if on, ok := field(entry, "on").(ast.String); ok {
		d.on = string(on)
	}
	if d.on == onRunning && d.late {
		return []Problem{problemAt(rule.Location, "rule_value", "a call is not under way any more when there is input.result").
			hint("let the rules of a meter on \"running\" read what was asked")}
	}
	span, names := "window", n.meters
	if name == ruleRemember {
		span, names = "for", n.memories
	}
	d.window, _ = spanOf(field(entry, span))
	label := string(field(entry, "name").(ast.String))
	if known := names[label]; known == nil {
		names[label] = &d
	} else if same := *known; name == ruleMeter && (same.per != d.per || same.window != d.window || same.on != d.on) || same.late != d.late {
		return []Problem{problemAt(rule.Location, "meter_conflict", "%q is something else at %s", label, same.first).
			hint("a name has one per, one window and one on, and all of its rules wait for the result or none does")}
	}
	if d.late {
		n.late = append(n.late, a)
		if name == ruleRemember {
			n.recall = append(n.recall, a)
		}
	} else {
		n.early = append(n.early, a)
	}
	return nil
}

// checkReads finds rules that read a meter which nothing counts, and a history
// to which nothing adds.
func (n *counting) checkReads(c *ast.Compiler, rd *reader) []Problem {
	var ps []Problem
	looks := map[string]bool{}
	for _, file := range util.KeysSorted(c.Modules) {
		for _, rule := range c.Modules[file].Rules {
			own := direct(rule)
			for r := rule.Else; r != nil; r = r.Else {
				for path := range direct(r) {
					own[path] = true
				}
			}
			for _, path := range util.KeysSorted(own) {
				names := strings.Split(path, between)
				switch {
				case path == "" || path == "meters": // any of them
					for name := range n.meters {
						looks[name], n.keys[name] = true, true
					}
				case names[0] == "meters" && n.meters[names[1]] == nil:
					p := problemAt(rule.Location, "meter_unknown", "nothing counts input.meters.%s", names[1])
					if near := nearest(names[1], util.KeysSorted(n.meters)); near != "" {
						p = p.hint("%s", didYouMean(near))
					} else {
						p = p.hint("%s", entryForms[ruleMeter])
					}
					ps = append(ps, p)
				case names[0] == "meters":
					looks[names[1]] = true
					n.keys[names[1]] = n.keys[names[1]] || len(names) == 2 || names[2] == "keys"
				case names[0] == "history" && len(n.memories) == 0:
					ps = append(ps, problemAt(rule.Location, "meter_unknown", "nothing adds to input.history").hint("%s", entryForms[ruleRemember]))
				}
			}
			ps = append(ps, n.checkRecalled(rule)...)
		}
	}
	n.looks = util.KeysSorted(looks)
	return ps
}
