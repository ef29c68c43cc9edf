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
