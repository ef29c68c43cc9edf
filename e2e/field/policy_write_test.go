//go:build e2e

package field

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// What init writes beside a running gateway governs it at once and allows nobody; its
// tests pass, and the one that guards against too much fails, with the decision and the
// rule, once a rule lets everybody in.
func TestAStarterGoverns(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"none.rego": "package gateway\n\nallow if false\n"}})
	code, out := g.Run(t, "policy", "init", "policies", "--role", "tester", "--config", "toolward.yaml")
	if code != 0 || !strings.Contains(out, "policies/lab.rego\npolicies/lab_test.rego\n") || !strings.Contains(out, "lab: nobody may use any of its ") {
		t.Fatal(code, out)
	}
	for _, args := range [][]string{{"policy", "test"}, {"policy", "check"}} {
		if code, out := g.Run(t, append(args, "--config", "toolward.yaml")...); code != 0 || strings.Contains(out, "warning") {
			t.Errorf("%s: %d %s", args[1], code, out)
		}
	}
	if code, out = g.Run(t, "policy", "init", "policies", "--server", "lub", "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "there is no upstream lub; did you mean lab?") {
		t.Errorf("a server that is not there: %d %s", code, out)
	}
	if code, out = g.Run(t, "policy", "init", "policies", "--allow", "everything", "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "--allow everything: use read-only") {
		t.Errorf("a preset that is not there: %d %s", code, out)
	}
	if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("x")); a.Code != "policy" {
		t.Errorf("%d %s", a.Status, a.Text)
	}
	name := filepath.Join(g.Dir, "policies", "lab.rego")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(text, "\nallow if input.tool.name == \"echo\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = g.Run(t, "policy", "test", "--config", "toolward.yaml")
	if code != 1 || !strings.Contains(out, "FAIL") || !strings.Contains(out, "lab__echo by an agent without roles with {") || !strings.Contains(out, ": allow, by allow at ") {
		t.Errorf("everybody may call echo: %d %s", code, out)
	}
}

// written is a policy with something of each kind, and what is said about calls that
// nobody made, and about who may make which.
var written = map[string]string{
	"lab.rego": "package servers.lab\n\nallow if {\n\t\"tester\" in input.agent.roles\n\tinput.tool.name == \"echo\"\n\tstartswith(input.args.text, \"note:\")\n}\n\n" +
		"allow if {\n\t\"admin\" in input.agent.roles\n\tinput.tool.name == \"echo\"\n}\n\ndeny contains \"kept back\" if contains(input.result.content[0].text, \"secret\")\n",
}

func TestPoliciesAnswerQuestions(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: written})
	made := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("no note"))
	for name, q := range map[string]struct {
		args []string
		code int
		want []string
		not  []string
	}{
		"a call that was made": {[]string{"explain", made.ID}, 0, []string{"lab__echo, by ", " (tester) with {\"text\":\"no note\"}", "The call is refused: no policy rule allows this call of lab__echo.", "not held  allow    policies/lab.rego:3: line 6 is not so: startswith(input.args.text, \"note:\")", "By revision "}, []string{"toolward/flow.rego", "{\n"}},
		"one that was not":     {[]string{"explain", "--tool", "lab__echo", "--role", "tester", "--agent", "ann", "--args", `{"text":"note: x"}`}, 0, []string{"lab__echo, by ann (tester) with ", "The call is made.", "held      allow    policies/lab.rego:3", "policies/lab.rego:14 waits for the result"}, nil},
		"its result":           {[]string{"explain", "--tool", "lab__echo", "--role", "admin", "--args", `{"text":"x"}`, "--result", `{"content":[{"type":"text","text":"a secret"}]}`}, 0, []string{"The result is withheld: kept back.", "held      deny     policies/lab.rego:14"}, nil},
		"a role without any":   {[]string{"explain", "--tool", "lab__echo", "--role", "guest", "--args", `{"text":"x"}`}, 0, []string{"The call is refused", "The agent does not see the tool"}, nil},
		"what no schema takes": {[]string{"explain", "--tool", "lab__echo", "--role", "admin", "--args", `{"text":5}`}, 0, []string{"the tool's schema refuses the arguments"}, nil},
		"for a program":        {[]string{"explain", "--tool", "lab__echo", "--role", "admin", "--args", `{"text":"x"}`, "-o", "json"}, 0, []string{`"effect": "allow"`, `"input": {`}, nil},
		"a tool misspelt":      {[]string{"explain", "--tool", "lab__ecko", "--role", "admin"}, 2, []string{"no upstream offers a tool lab__ecko; did you mean lab__echo?"}, nil},
		"no call":              {[]string{"explain"}, 2, []string{"say which call"}, nil},
		"both":                 {[]string{"explain", made.ID, "--tool", "lab__echo"}, 2, []string{"say which call"}, nil},
		"a role for one made":  {[]string{"explain", made.ID, "--role", "x"}, 2, []string{"say --tool"}, nil},
		"who can":              {[]string{"who-can", "lab__echo"}, 0, []string{"role admin   if   not if contains(input.result", "role tester  if   startswith(input.args.text, \"note:\"); not if contains("}, []string{"everybody", "note:  "}},
		"access of a role":     {[]string{"access", "--role", "tester"}, 0, []string{"lab__echo", "startswith(input.args.text"}, []string{"lab__injected"}},
		"access of an agent":   {[]string{"access", "tester"}, 0, []string{"had the roles tester at ", "lab__echo"}, nil},
		"access of nobody":     {[]string{"access"}, 2, []string{"say who"}, nil},
		"access of a stranger": {[]string{"access", "nobody-known"}, 0, []string{"no call of nobody-known", "0 of "}, nil},
	} {
		code, out := g.Run(t, append(append([]string{"policy"}, q.args...), "--config", "toolward.yaml")...)
		if code != q.code {
			t.Errorf("%s: exit code %d: %s", name, code, out)
		}
		for _, want := range q.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, out)
			}
		}
		for _, not := range q.not {
			if strings.Contains(out, not) {
				t.Errorf("%s: it says %q:\n%s", name, not, out)
			}
		}
	}
}
