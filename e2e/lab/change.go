//go:build e2e

package lab

import (
	"encoding/json"
	"net/http"
	"testing"
)

// Edit writes the configuration anew, changed, beside a running gateway, which may
// notice that by itself.
func (g *Gateway) Edit(t testing.TB, change func(config map[string]any)) {
	t.Helper()
	change(g.config)
	g.writeConfig(t, "toolward.yaml", g.config)
}

// Reload has the gateway read its configuration again, as a command does, and returns
// what it says: fields that are in force, those that need a restart, or a problem.
func (g *Gateway) Reload(t testing.TB) (answer struct {
	Fields, Restart, Added, Removed, Changed []string
	Detail                                   string
}) {
	t.Helper()
	a := g.Operate(t, g.Credential(t), http.MethodPost, "config/reload", "", nil)
	if err := json.Unmarshal([]byte(a.Text), &answer); err != nil {
		t.Fatalf("%s: %v", a.Text, err)
	}
	return answer
}
