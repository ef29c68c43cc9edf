package policy

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func visibleNames(t testing.TB, e *Engine, a *gateway.Agent, tools []*gateway.Tool) []string {
	t.Helper()
	seen, err := e.Visible(t.Context(), a, tools)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range seen {
		names = append(names, tool.Name)
	}
	return names
}

func TestVisible(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"a.rego": `package tools.files.read

import data.toolward.lib.path

allow if {
	"reader" in input.agent.roles
	path.under(input.args.path, "/srv/docs")
}

deny contains "hidden" if path.hidden(input.args.path)
`,
		"b.rego":    "package tools.files.write\n\napprove contains \"ask\" if \"writer\" in input.agent.roles\n",
		"c.rego":    "package tools.files.remove\n\nallow if \"reader\" in input.agent.roles\n\ndeny contains \"never\" if true\n",
		"d.rego":    "package tools.files.move\n\nallow if {\n\tinput.args.force == false\n\tinput.agent.claims.team == \"ops\"\n}\n",
		"e.rego":    "package tools.files.export\n\nallow if \"reader\" in input.agent.roles\n",
		"f.rego":    "package tools.files.scan\n\nallow if input.guard.score < 0.5\n",
		"g.rego":    "package tools.files.first\n\nallow if input.session.calls == 0\n",
		"h.rego":    "package gateway\n\ndeny contains \"suspended\" if input.agent.id in data.suspended\n",
		"i.rego":    "package tools.files.mixed\n\nallow if {\n\tnot wrong\n\t\"reader\" in input.agent.roles\n}\n\nwrong if input.args.x == 1\n\nwrong if \"guest\" in input.agent.roles\n",
		"data.yaml": "suspended: [mallory]\n",
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	var tools []*gateway.Tool
	for _, name := range []string{"scan", "read", "write", "remove", "move", "export", "first", "mixed", "unruled"} {
		tool := &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name}
		if name == "export" {
			tool.Labels = []string{"external"}
		}
		tools = append(tools, tool)
	}
	for _, tt := range []struct {
		name  string
		agent gateway.Agent
		want  []string
	}{
		{"reader", gateway.Agent{ID: "a", Roles: []string{"reader"}}, []string{"scan", "read", "export", "first", "mixed"}},
		{"writer", gateway.Agent{ID: "a", Roles: []string{"writer"}}, []string{"scan", "write", "first"}},
		{"team", gateway.Agent{ID: "a", Claims: map[string]any{"team": "ops"}}, []string{"scan", "move", "first"}},
		{"guest", gateway.Agent{ID: "a", Roles: []string{"reader", "guest"}}, []string{"scan", "read", "export", "first"}},
		{"suspended", gateway.Agent{ID: "mallory", Roles: []string{"reader", "writer"}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // evaluated, then remembered
				if diff := cmp.Diff(tt.want, visibleNames(t, e, &tt.agent, tools)); diff != "" {
					t.Errorf("visible (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestVisibleSharesAnswersAmongLookAlikes: a new token of the same role must
// not cost a new evaluation per tool, and another role must not get the answer.
func TestVisibleSharesAnswersAmongLookAlikes(t *testing.T) {
	e := open(t, "package gateway\n\nallow if {\n\t\"reader\" in input.agent.roles\n\tinput.agent.claims.team == \"a\"\n}\n")
	agent := func(id, role, team string, exp int) *gateway.Agent {
		return &gateway.Agent{ID: id, Roles: []string{role}, Claims: map[string]any{"team": team, "exp": json.Number(fmt.Sprint(exp))}}
	}
	r := e.current.Load()
	same := r.likeness(agent("a", "reader", "a", 1))
	if r.likeness(agent("b", "reader", "a", 2)) != same {
		t.Error("agents that differ in what no rule reads do not share")
	}
	for _, other := range []*gateway.Agent{agent("a", "writer", "a", 1), agent("a", "reader", "b", 1), {ID: "a", Roles: []string{"reader"}}} {
		if r.likeness(other) == same {
			t.Errorf("%+v shares answers with another role or team", other)
		}
	}
}

// TestLikenessReadsAllWhereAPolicyMay: a policy that looks at the agent in a
// way that cannot be followed makes every agent one of its own.
func TestLikenessReadsAllWhereAPolicyMay(t *testing.T) {
	e := open(t, "package gateway\n\nallow if {\n\tsome name, value in input.agent.claims\n\tname == input.args.claim\n\tvalue == true\n}\n")
	r := e.current.Load()
	a := r.likeness(&gateway.Agent{ID: "a", Claims: map[string]any{"x": true}})
	if r.likeness(&gateway.Agent{ID: "a", Claims: map[string]any{"x": false}}) == a {
		t.Error("different claims, same answers")
	}
}

func BenchmarkVisible(b *testing.B) {
	e := benchEngine(b, 300)
	tools := make([]*gateway.Tool, 100)
	for i := range tools {
		name := fmt.Sprintf("tool%d", i)
		tools[i] = &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name}
	}
	agent := &gateway.Agent{ID: "alice", Roles: []string{"reader"}}
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n := len(visibleNames(b, e, agent, tools)); n != 99 {
				b.Fatal(n)
			}
		}
	})
	b.Run("evaluated", func(b *testing.B) {
		r := e.current.Load()
		b.ReportAllocs()
		for b.Loop() {
			if ok, err := r.possible(b.Context(), DefaultTimeout, agent, tools[3]); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
}

// TestClaimsNamedByURL: issuers name claims of their own by URLs. Agents that
// differ in such a claim alone do not share what is remembered.
func TestClaimsNamedByURL(t *testing.T) {
	e := open(t, "package tools.files.read\n\nallow if \"ops\" in input.agent.claims[\"https://id.example.com/teams\"]\n")
	tools := []*gateway.Tool{{Kind: gateway.KindTool, Server: "files", Name: "read", Wire: "files__read"}}
	of := func(team string) *gateway.Agent {
		return &gateway.Agent{ID: "a", Claims: map[string]any{"https://id.example.com/teams": []any{team}}}
	}
	if got := visibleNames(t, e, of("ops"), tools); len(got) != 1 {
		t.Errorf("ops sees %q, want read", got)
	}
	if got := visibleNames(t, e, of("sales"), tools); len(got) != 0 {
		t.Errorf("sales sees %q after ops, want nothing", got)
	}
}
