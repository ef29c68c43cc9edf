//go:build e2e

package field

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestAccessKnowsAnnotations asks who may use tools that a policy allows by their
// annotations, of the running gateway, of the pins, and of upstreams that are started.
func TestAccessKnowsAnnotations(t *testing.T) {
	up := lab.NewScripted(t, func(r lab.Request) string {
		if r.Method == "tools/list" {
			return `"result":{"tools":[{"name":"look","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
				`{"name":"write","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":false}},{"name":"silent","inputSchema":{"type":"object"}}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": "package gateway\n\nallow if {\n\t\"tester\" in input.agent.roles\n\tinput.tool.annotations.readOnlyHint == true\n}\n"},
		Config:   map[string]any{"upstreams": map[string]any{"s": up.Config()}},
	})
	for name, may := range map[string]bool{"s__look": true, "s__write": false, "s__silent": false} {
		if a := lab.CallREST(t, g, g.Tester(), name, `{}`); (a.Code != "policy") != may {
			t.Fatalf("the call of %s: %q", name, a.Code)
		}
	}
	for _, where := range []string{"beside the gateway", "by the pins"} {
		_, out := g.Run(t, "policy", "access", "--role", "tester", "--config", "toolward.yaml")
		if !strings.Contains(out, "1 of 3 tools") || !strings.Contains(out, "s__look") {
			t.Errorf("%s: access: %s", where, out)
		}
		for tool, may := range map[string]bool{"s__look": true, "s__write": false, "s__silent": false} {
			_, out := g.Run(t, "policy", "who-can", tool, "--config", "toolward.yaml")
			if strings.Contains(out, "role tester") != may {
				t.Errorf("%s: who can %s: %s", where, tool, out)
			}
		}
		if where == "beside the gateway" {
			g.Stop(t)
		}
	}
}
