//go:build e2e

package field

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// A policy that lets nobody call anything of an upstream shows clients a server without
// tools: the start says so. Where anybody may anything, however it is asked, it does not.
func TestToolsThatNobodyMayCallAreSaid(t *testing.T) {
	for name, tt := range map[string]struct {
		policy string
		said   bool
	}{
		"no rule":             {"package gateway\n", true},
		"a rule of another":   {"package servers.other\n\nallow if true\n", true},
		"a rule for no tool":  {"package gateway\n\nallow if {\n\t\"tester\" in input.agent.roles\n\tinput.tool.name == \"nosuch\"\n}\n", true},
		"a rule that is over": {"package gateway\n\nallow if {\n\t\"tester\" in input.agent.roles\n\tfalse\n}\n", true},
		"a role":              {lab.AllowTesters, false},
		"an agent":            {"package gateway\n\nallow if {\n\tinput.agent.id == \"ann\"\n\tinput.args.text == \"x\"\n}\n", false},
		"everybody":           {"package gateway\n\nallow := true\n", false},
		"a claim":             {"package gateway\n\nallow if input.agent.claims.team == \"red\"\n", false},
		"a person is asked":   {"package gateway\n\napprove contains \"ask\" if input.tool.name == \"echo\"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": tt.policy}})
			g.Until(t, "no banner", func() bool { return strings.Contains(g.Log.String(), "upstream lab ") })
			if said := strings.Contains(g.Log.String(), "none of them allowed to anybody: see `toolward policy who-can lab__"); said != tt.said {
				t.Errorf("said: %v\n%s", said, g.Log)
			}
		})
	}
}
