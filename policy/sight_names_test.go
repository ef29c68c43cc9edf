package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// openFiles loads each text as a file of its own, in this order.
func openFiles(t *testing.T, texts ...string) *revision {
	t.Helper()
	files := map[string]string{}
	for i, text := range texts {
		files[fmt.Sprintf("%02d.rego", i)] = text
	}
	e, err := Open(t.Context(), Options{Path: writeFiles(t, files)})
	if err != nil {
		t.Fatal(err)
	}
	return e.current.Load()
}

// flat is a seer that goes over every rule for every tool.
func flat(s *seer) *seer {
	all := *s
	all.entry = ruleSet{rest: slices.Collect(s.entry.all())}
	all.sights = map[*ast.Rule]*sight{}
	for rule, seen := range s.sights {
		again := *seen
		again.asks = slices.Clone(seen.asks)
		for i := range again.asks {
			again.asks[i].rules = ruleSet{rest: slices.Collect(seen.asks[i].rules.all())}
		}
		all.sights[rule] = &again
	}
	return &all
}

// What is found by the name of a tool is what is found by asking every rule.
func TestRulesAreFoundByTheToolTheyName(t *testing.T) {
	texts := []string{
		"package gateway\n\ndeny contains \"no\" if input.tool.name == \"t3\"\n\nallow if input.tool.server == \"e\"\n\napprove contains \"ask\" if {\n\t\"t4\" == input.tool.name\n\tinput.agent.id == \"ann\"\n}\n",
		"package servers.a\n\nallow if \"reader\" in input.agent.roles\n\ndeny contains \"late\" if input.args.n > 3\n",
		"package servers.c\n\ndefault allow := false\n\nallow if {\n\tnot input.tool.name == \"t2\"\n\tinput.args.x == 1\n}\n",
		"package servers.d\n\nallow if {\n\tinput.tool.name == \"t2\" with input.tool.name as \"t2\"\n\tinput.args.x == 1\n}\n\nallow if {\n\t\"t5\" == input.tool.name\n\tinput.args.x == 1\n}\n",
		"package prompts.a.t1\n\nallow if input.agent.id == \"ann\"\n",
	}
	for i := range 6 {
		texts = append(texts, fmt.Sprintf("package tools.a.t%d\n\nallow if input.args.x == %d\n\ndeny contains \"role\" if not \"reader\" in input.agent.roles\n", i, i))
		texts = append(texts, fmt.Sprintf("package tools.b.t%d\n\ndeny contains \"never\" if %v\n\nallow if {\n\tinput.tool.name == \"t%d\"\n\tinput.args.x == 1\n} else if {\n\tinput.agent.id == \"ann\"\n\tinput.args.y == 1\n}\n", i, i%2 == 0, (i+1)%6))
	}
	r := openFiles(t, texts...)
	plain := flat(r.sees)
	found := 0
	for _, set := range r.sees.sights {
		for _, a := range set.asks {
			found += len(a.rules.about)
		}
	}
	if found == 0 {
		t.Fatal("no rule is found by a name")
	}
	seen := map[bool]int{}
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt} {
		for _, server := range []string{"a", "b", "c", "d", "e"} {
			for i := range 7 {
				tool := &gateway.Tool{Kind: kind, Server: server, Name: fmt.Sprintf("t%d", i)}
				for _, agent := range []*gateway.Agent{{ID: "ann"}, {ID: "bob", Roles: []string{"reader"}}, {ID: "ann", Roles: []string{"reader"}}} {
					got, err := r.possible(t.Context(), DefaultTimeout, agent, tool)
					if err != nil {
						t.Fatal(err)
					}
					v, done, err := r.view(t.Context(), DefaultTimeout, agent, tool)
					if err != nil {
						t.Fatal(err)
					}
					v.seer = plain
					if want := v.mayBe(plain.entry, isTruthy); got != want {
						t.Errorf("%s %s.%s of %s %v: %v, want %v", kind, server, tool.Name, agent.ID, agent.Roles, got, want)
					}
					done()
					seen[got]++
				}
			}
		}
	}
	if seen[true] < 20 || seen[false] < 20 {
		t.Errorf("visible and not: %v", seen)
	}
}

// Otherwise and the listing of who may what ask the packages about a tool alone.
func TestPackagesAboutATool(t *testing.T) {
	r := openFiles(t, "package gateway\n", "package tools.a.t\n", "package servers.a\n", "package tools.a.other\n", "package prompts.a.t\n", "package tools.a.t\n\nallow := true\n", "package reverse.a\n", "package servers.b\n")
	for kind, want := range map[gateway.Kind]string{
		gateway.KindTool: "[gateway tools.a.t servers.a tools.a.t]", gateway.KindPrompt: "[gateway servers.a prompts.a.t]", gateway.KindCompletion: "[gateway servers.a]",
	} {
		var names []string
		for _, m := range r.about(&gateway.Tool{Kind: kind, Server: "a", Name: "t"}) {
			names = append(names, packageName(m.Package))
		}
		if got := fmt.Sprint(names); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}
