//go:build e2e

package attacks

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestConfigWithATypo does not start: it names the place and the nearest name.
func TestConfigWithATypo(t *testing.T) {
	g := lab.Launch(t, lab.Options{Config: map[string]any{"limits": map[string]any{"default": map[string]any{"rate": "60/min", "brust": 5}}}})
	if code := g.Wait(t); code != 2 {
		t.Errorf("it ends with %d, want 2", code)
	}
	for _, want := range []string{"toolward.yaml:", "limits.default.brust", `did you mean "burst"?`} {
		if !strings.Contains(g.Log.String(), want) {
			t.Errorf("no %q in %s", want, g.Log)
		}
	}
}

// TestPlainHTTPBeyondLoopback does not start.
func TestPlainHTTPBeyondLoopback(t *testing.T) {
	g := lab.Launch(t, lab.Options{Config: map[string]any{"listen": "0.0.0.0:0"}})
	if code := g.Wait(t); code != 2 || !strings.Contains(g.Log.String(), "plain HTTP") {
		t.Errorf("it ends with %d: %s", code, g.Log)
	}
}

// TestBrokenPolicyAtStart does not start: no policy, no call.
func TestBrokenPolicyAtStart(t *testing.T) {
	g := lab.Launch(t, lab.Options{Policies: map[string]string{"all.rego": "package gateway\n\nallow if {\n"}})
	if code := g.Wait(t); code != 2 || !strings.Contains(g.Log.String(), "all.rego:") {
		t.Errorf("it ends with %d: %s", code, g.Log)
	}
}

// TestNoPolicy refuses every call.
func TestNoPolicy(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"empty.rego": "package gateway\n"}})
	marker := lab.Marker()
	if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(marker)); a.Code != "policy" || g.Upstream.Executed(marker) > 0 {
		t.Errorf("got %+v", a)
	}
}

// TestBrokenPolicyAtReload keeps the policy that is in force, says so, and takes
// the next good one.
func TestBrokenPolicyAtReload(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	g.Write(t, "policies/all.rego", "package gateway\n\nallow if {\n")
	g.Until(t, "the broken policy is not on record", func() bool {
		return len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'policy.reload_failed' AND body LIKE '%all.rego:%'")) > 0
	})
	g.CheckAlive(t)
	g.Write(t, "policies/all.rego", "package gateway\n\ndeny contains \"closed\"\n")
	g.Until(t, "the next policy is not taken", func() bool {
		return lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("open?")).Code == "policy"
	})
	g.Write(t, "policies/all.rego", lab.AllowTesters)
	g.Until(t, "the good policy is not taken", func() bool {
		return lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("open?")).Code == ""
	})
	g.CheckAlive(t)
}
