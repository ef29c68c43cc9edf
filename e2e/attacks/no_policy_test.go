//go:build e2e

package attacks

import (
	"testing"

	"toolward/e2e/lab"
)

// A configuration that names no policy, or a folder with nothing in it, allows
// nothing: a token is no permission. No surface calls a tool or lists one.
func TestNothingIsAllowedWithoutPolicy(t *testing.T) {
	for name, config := range map[string]map[string]any{
		"no policy":           {"policy": nil},
		"an empty policy":     {"policy": map[string]any{}},
		"a folder of no rule": {"policy": map[string]any{"path": "./empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Config: config, Policies: map[string]string{"../empty/notes.rego": "package notes\n"}})
			for _, s := range lab.Surfaces {
				if s.DB != "" {
					continue // its own gateway, by the same configuration
				}
				marker := lab.Marker()
				if a := s.Call(t, g, g.Tester(), "echo", lab.Text(marker)); a.Code != "policy" {
					t.Errorf("%s: got %d %q, want it refused by policy: %s", s.Name, a.Status, a.Code, a.Text)
				}
				if names := s.List(t, g, g.Tester()); len(names) != 0 {
					t.Errorf("%s lists %v", s.Name, names)
				}
				if g.Upstream.Executed(marker) != 0 {
					t.Errorf("%s: the upstream has it", s.Name)
				}
			}
		})
	}
}
