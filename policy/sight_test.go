package policy

import (
	"testing"

	"toolward/gateway"
)

// TestWhatAListCanKnow lists ways of writing a rule, and whether a tool under it
// is shown to a reader, who holds the role "reader" and the claim team "ops".
// The ways are those of OPA's documentation and style guide.
func TestWhatAListCanKnow(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		shown       bool
	}{
		{"a default under not", "default closed := false\n\nclosed if input.args.x == 1\n\nallow if not closed", true},
		{"a default under not, of the agent", "default closed := false\n\nclosed if \"reader\" in input.agent.roles\n\nallow if not closed", false},
		{"a default in deny", "default closed := false\n\nclosed if input.args.x == 1\n\nallow := true\n\ndeny contains \"closed\" if closed", true},
		{"a default that is true", "default open := true\n\nopen := false if input.args.x == 1\n\nallow if open", true},
		{"a default that is true, under not", "default open := true\n\nopen := false if input.args.x == 1\n\nallow if not open", true},
		{"false is not true", "default open := false\n\nallow if open == true", false},
		{"default allow", "default allow := false\n\nallow if input.args.x == 1", true},
		{"default allow, of the agent", "default allow := false\n\nallow if \"writer\" in input.agent.roles", false},
		{"default allow is true", "default allow := true\n\nallow := false if \"writer\" in input.agent.roles", true},
		{"default allow is true, not for readers", "default allow := true\n\nallow := false if \"reader\" in input.agent.roles", false},
		{"else", "allow if input.args.x == 1 else := false", true},
		{"else of the agent", "allow := false if \"reader\" in input.agent.roles else := true", false},
		{"else that must hold", "closed if input.args.x == 1 else := true\n\nallow if not closed", false},
		{"a set that may be empty", "wrong contains \"x\" if input.args.x == 1\n\nallow if count(wrong) == 0", true},
		{"a set compared", "wrong contains \"x\" if input.args.x == 1\n\nallow if wrong == set()", true},
		{"a set compared, of the agent", "wrong contains \"x\" if \"reader\" in input.agent.roles\n\nallow if wrong == set()", false},
		{"a member of a set", "wrong contains \"x\" if \"reader\" in input.agent.roles\n\nallow := true\n\ndeny contains r if some r in wrong", false},
		{"a member of a set that may be empty", "wrong contains \"x\" if input.args.x == 1\n\nallow := true\n\ndeny contains r if some r in wrong", true},
		{"a reason that may be undefined", "allow := true\n\ndeny contains sprintf(\"no %s\", [input.args.x]) if \"reader\" in input.agent.roles", true},
		{"an object", "teams[input.args.x] := true if \"reader\" in input.agent.roles\n\nallow if teams.ops", true},
		{"not an object's member", "teams[input.args.x] := true if \"reader\" in input.agent.roles\n\nallow if not teams.ops", true},
		{"a function of the agent", "in_team(t) if input.agent.claims.team == t\n\nallow if in_team(\"ops\")", true},
		{"a function of the agent that is false", "in_team(t) if input.agent.claims.team == t\n\nallow if in_team(\"dev\")", false},
		{"a function of an argument", "fine(x) if x == 1\n\nallow if fine(input.args.x)", true},
		{"every role", "allow if every r in input.agent.roles { r in {\"reader\", \"writer\"} }", true},
		{"every role is another", "allow if every r in input.agent.roles { r != \"reader\" }", false},
		{"every argument", "allow if every x in input.args.list { x != input.agent.id }", true},
		{"a role that an argument names", "allow if {\n\tsome r in input.agent.roles\n\tr == input.args.role\n}", true},
		{"a role that is also known", "allow if {\n\tsome r in input.agent.roles\n\tr == input.args.role\n\tstartswith(r, \"w\")\n}", false},
		{"with other arguments", "fine if input.args.x == 1\n\nallow if fine with input.args as {\"x\": 1}", true},
		{"the time of day", "allow if time.clock(time.now_ns())[0] < 0", true},
		{"not the time of day", "night if time.clock(time.now_ns())[0] >= 0\n\nallow if not night", true},
		{"data", "allow if input.agent.claims.team in data.teams", true},
		{"data without the team", "allow if input.agent.claims.team in data.others", false},
		{"two of one value", "allow if {\n\tinput.args.x == 1\n\tinput.agent.claims.team == \"dev\"\n}", false},
		{"what fails for this agent", "allow if to_number(input.agent.claims.team) > 1", false},
		{"what panics", "allow if to_number(\"0x1p-99999999\") > 1", true},
		{"what fails in deny", "allow := true\n\ndeny contains \"x\" if to_number(input.agent.claims.team) > 1", true},
		{"another package's rule", "allow if data.servers.files.known", true},
		{"labels", "allow if not \"private\" in input.session.labels", true},
		{"calls so far", "allow if input.session.calls < 3", true},
		{"a conflict", "level := 1 if input.agent.id\n\nlevel := 2 if \"reader\" in input.agent.roles\n\nallow if level == 3", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{
				"t.rego": "package tools.files.read\n\n" + tt.rules + "\n", "s.rego": "package servers.files\n\nknown if input.args.x == 1\n",
				"data.yaml": "teams: [ops]\nothers: [dev]\n",
			})})
			if err != nil {
				t.Fatal(err)
			}
			agent := &gateway.Agent{ID: "a", Roles: []string{"reader"}, Claims: map[string]any{"team": "ops"}}
			tool := &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: "read", Wire: "files__read"}
			if shown := len(visibleNames(t, e, agent, []*gateway.Tool{tool})) == 1; shown != tt.shown {
				t.Errorf("shown: %v, want %v", shown, tt.shown)
			}
		})
	}
}
