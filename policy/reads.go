package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
)

// reads is what a policy's rules look at, found once per revision. It decides
// what input has to be built and which calls may share an answer.
type reads struct {
	extent           // what some rule reads
	all    bool      // some rule reads input as a whole
	agent  []string  // what is read of input.agent: paths to roles or claims; "" is all of it
	spoken []address // packages with rules that can come out otherwise on the result than on the request
	noted  []address // … or on a notification
}

// reader finds what rules read, directly and through what they refer to.
type reader struct {
	compiler *ast.Compiler
	memo     map[*ast.Rule]map[string]bool
}

func newReader(c *ast.Compiler) *reader {
	return &reader{compiler: c, memo: map[*ast.Rule]map[string]bool{}}
}

func readsOf(c *ast.Compiler) reads {
	rd, out := newReader(c), reads{extent: extent{call: members{}, session: members{}, guard: members{}, args: members{}}}
	agent := map[string]bool{}
	for _, name := range util.KeysSorted(c.Modules) {
		m := c.Modules[name]
		a, asked := addressOf(m.Package)
		for _, rule := range m.Rules {
			set := rd.of(rule)
			out.add(set)
			for path := range set {
				switch rest, ok := strings.CutPrefix(path, "agent"); {
				case path == "":
					out.all, agent[""] = true, true
				case ok:
					agent[strings.TrimPrefix(rest, between)] = true
				}
			}
			if asked && speaksLater(rule, set) {
				out.spoken = append(out.spoken, a)
			}
			if asked && speaksOfNotes(rule, set) {
				out.noted = append(out.noted, a)
			}
		}
	}
	out.agent = util.KeysSorted(agent)
	return out
}

// add adds what a rule reads.
func (x *extent) add(set map[string]bool) {
	for what, path := range map[*bool]string{&x.restored: "restored", &x.result: "result", &x.meters: "meters", &x.history: "history"} {
		*what = *what || touches(set, path)
	}
	for of, part := range map[*members]string{&x.call: "call", &x.session: "session", &x.guard: "guard", &x.args: "args"} {
		for path := range set {
			switch rest, below := strings.CutPrefix(path, part+between); {
			case path == "" || path == part:
				*of = nil
			case below && *of != nil:
				name, _, _ := strings.Cut(rest, between)
				(*of)[name] = true
			}
		}
	}
}

// touches reports whether something at or below the path, or above it, is read.
func touches(set map[string]bool, path string) bool {
	for p := range set {
		if p == "" || p == path || strings.HasPrefix(p, path+between) || strings.HasPrefix(path, p+between) {
			return true
		}
	}
	return false
}

// speaksLater reports whether a rule can say on the result what it did not say
// on the request: it reads what differs between the two, or it redacts a place
// in the result.
func speaksLater(rule *ast.Rule, set map[string]bool) bool {
	switch ruleName(rule) {
	case ruleDeny, ruleLabel:
	case ruleRedact:
		key, constant := constantKey(rule)
		if !constant || strings.HasPrefix(key, "result") {
			return true
		}
	default:
		return false
	}
	return touches(set, "result") || touches(set, "guard") || touches(set, "stage")
}

// speaksOfNotes is speaksLater for notifications, which are judged as results of
// their call's tool and differ from the call in kind, method and arguments too.
func speaksOfNotes(rule *ast.Rule, set map[string]bool) bool {
	switch ruleName(rule) {
	case ruleDeny, ruleLabel, ruleRedact:
		return speaksLater(rule, set) || touches(set, "args") || touches(set, pathTo("call", "kind")) || touches(set, pathTo("call", "method"))
	}
	return false
}

func constantKey(rule *ast.Rule) (string, bool) {
	if rule.Head.Key == nil {
		return "", false
	}
	s, ok := rule.Head.Key.Value.(ast.String)
	return string(s), ok
}

// of returns the paths below input that a rule depends on, cut after three names
// or at the first that is not known; "" is all of input.
func (rd *reader) of(rule *ast.Rule) map[string]bool {
	if set, ok := rd.memo[rule]; ok {
		return set
	}
	set := map[string]bool{}
	rd.memo[rule] = set
	for path := range direct(rule) {
		set[path] = true
	}
	for r := rule; r != nil; r = r.Else {
		for dep := range rd.compiler.Graph.Dependencies(r) {
			if other, ok := dep.(*ast.Rule); ok && other != rule {
				for path := range rd.of(other) {
					set[path] = true
				}
			}
		}
	}
	return set
}

// direct returns the paths that a node itself names.
func direct(x any) map[string]bool {
	set := map[string]bool{}
	ast.WalkRefs(x, func(ref ast.Ref) bool {
		if ref.HasPrefix(ast.InputRootRef) {
			set[inputPath(ref)] = true
		}
		return false
	})
	return set
}

func inputPath(ref ast.Ref) string {
	var names []string
	for _, t := range ref[1:] {
		s, ok := t.Value.(ast.String)
		if !ok || len(names) == 3 || strings.Contains(string(s), between) {
			break
		}
		names = append(names, string(s))
	}
	return pathTo(names...)
}

// between is what stands between the names of a path. A dot may be part of a
// name: issuers name claims by URLs. A name with this in it cuts the path.
const between = "\x00"

func pathTo(names ...string) string { return strings.Join(names, between) }

// speaksOnResult reports whether the result of a call has to be judged anew.
// A policy whose rules about this tool read neither result nor guard nor stage
// has said on the request all that it has to say.
func (r *revision) speaksOnResult(c *gateway.Call) bool {
	if c.Tool == nil || c.Decision.Revision != r.digest {
		return true
	}
	memory, about := &r.speaking, r.reads.spoken
	if c.Kind == gateway.KindNotification {
		memory, about = &r.noting, r.reads.noted
	}
	return memory.get(c.Tool, func() bool {
		return slices.ContainsFunc(about, func(a address) bool { return a.covers(c.Tool) })
	})
}
