//go:build e2e

package field

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// The file was written anew while the gateway goes on: policy init and check are
// about what the file names. What the gateway does not serve yet is started for a
// look, and what the file does not name any more is nobody's concern.
func TestPolicyOfAFileThatIsNewerThanTheGateway(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{
		"old": lab.NewScripted(t, echoing).Config(), "kept": lab.NewScripted(t, echoing).Config(),
	}}})
	path := filepath.Join(g.Dir, "toolward.yaml")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), `"old"`, `"new"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := g.Run(t, "policy", "init", "fresh", "--config", "toolward.yaml")
	if code != 0 || !strings.Contains(out, "starting new to see") || !strings.Contains(out, "new: nobody may use any of its 2 tools yet") || !strings.Contains(out, "kept: nobody") || strings.Contains(out, "old") {
		t.Errorf("%d %s", code, out)
	}
	g.Write(t, "fresh/all.rego", "package tools.old.echo\n\nallow if \"x\" in input.agent.roles\n")
	if code, out := g.Run(t, "policy", "check", "fresh", "--config", "toolward.yaml"); code != 1 || !strings.Contains(out, "old") {
		t.Errorf("a rule about what is gone: %d %s", code, out)
	}
}
