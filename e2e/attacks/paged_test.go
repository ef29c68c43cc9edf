//go:build e2e

package attacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// atRest are the numbers that have to be there before anything happened, so that an
// alert on a change of one can fire at the first: what an operator is paged for.
var atRest = map[string]float64{
	`toolward_approvals_waiting`: 0, `toolward_approvals_oldest_seconds`: 0, `toolward_sessions`: 0, `toolward_calls_in_flight`: 0,
	`toolward_tools_quarantined{server="lab"}`: 0, `toolward_upstream_breaker_open{server="lab"}`: 0, `toolward_upstream_up{server="lab"}`: 1,
	`toolward_upstream_connects_total{server="lab"}`: 1, `toolward_policy_broken`: 0, `toolward_config_broken`: 0, `toolward_config_reloads_total{result="failed"}`: 0, `toolward_policy_reloads_total{result="failed"}`: 0,
	`toolward_audit_ready`: 1, `toolward_audit_standby`: 0, `toolward_audit_foreign`: 0, `toolward_audit_clock_ahead_seconds`: 0,
	`toolward_audit_failures_total`: 0, `toolward_audit_prune_timestamp_seconds`: 0,
	`toolward_limit_refusals_total{rule="agent"}`: 0, `toolward_limit_refusals_total{rule="agent_tool"}`: 0, `toolward_limit_refusals_total{rule="tool"}`: 0,
	`toolward_limit_refusals_total{rule="concurrency"}`: 0, `toolward_limit_refusals_total{rule="total"}`: 0, `toolward_limit_refusals_total{rule="bodies"}`: 0,
	`toolward_auth_failures_total{reason="signature"}`: 0, `toolward_auth_failures_total{reason="expired"}`: 0,
}

// TestWhatPeopleArePagedFor: everything an operator is paged for has a number that is
// there at rest, and what goes wrong moves the right one: a tool's own error is no
// success, and a timeout and a latency say of which upstream.
func TestWhatPeopleArePagedFor(t *testing.T) {
	broken := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"fail","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"no such file"}],"isError":true}`
		}
		return ""
	})
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{
		"upstreams": map[string]any{"broken": broken.Config(), "lab": map[string]any{"url": u.URL(), "timeout": "300ms"}},
		"approvals": map[string]any{"wait": "0s"},
	}, Policies: map[string]string{"all.rego": lab.AllowTesters + "\napprove contains \"ask\" if input.args.text == \"ask\"\n"}})
	rest := metrics(t, g)
	for name, want := range atRest {
		if got, ok := rest[name]; !ok || got != want {
			t.Errorf("at rest %s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
	now := float64(time.Now().Unix())
	for _, name := range []string{"toolward_policy_loaded_timestamp_seconds", "toolward_audit_checkpoint_timestamp_seconds"} {
		if at := rest[name]; at < now-600 || at > now+5 {
			t.Errorf("%s is %v, and now is %v", name, at, now)
		}
	}
	for _, name := range []string{`toolward_audit_bytes{file="db"}`, `toolward_audit_bytes{file="wal"}`, "toolward_audit_disk_free_bytes"} {
		if rest[name] <= 0 {
			t.Errorf("%s is %v", name, rest[name])
		}
	}
	for _, c := range []struct {
		server, tool, args, outcome, code string
	}{
		{"broken", "fail", "{}", "error", ""},
		{"lab", "hang", lab.Text("x"), "timeout", "upstream_timeout"},
		{"lab", "echo", lab.Text("fine"), "ok", ""},
		{"lab", "echo", lab.Text("ask"), "refused", "approval_pending"},
		{"lab", "echo", `{"text":1}`, "refused", "invalid_arguments"},
	} {
		before := metrics(t, g)
		lab.CallREST(t, g, g.Tester(), c.server+"__"+c.tool, c.args)
		want := []string{fmt.Sprintf("server=%q", c.server), fmt.Sprintf("outcome=%q", c.outcome), fmt.Sprintf("code=%q", c.code)}
		var moved []string
		after := metrics(t, g)
		for name, n := range after {
			if strings.HasPrefix(name, "toolward_calls_total{") && n != before[name] {
				moved = append(moved, name)
			}
		}
		if len(moved) != 1 || slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(moved[0], w) }) {
			t.Errorf("%s %s moves %q, want one with %q", c.tool, c.args, moved, want)
		}
		took := fmt.Sprintf(`toolward_call_duration_seconds_count{server=%q}`, c.server)
		if after[took] != before[took]+1 {
			t.Errorf("%s %s: %s is %v after %v", c.tool, c.args, took, after[took], before[took])
		}
	}
	if m := metrics(t, g); m["toolward_approvals_waiting"] != 1 || m["toolward_approvals_oldest_seconds"] <= 0 {
		t.Errorf("waiting: %v, for %v s", m["toolward_approvals_waiting"], m["toolward_approvals_oldest_seconds"])
	}
	// What agents choose makes no series.
	series := func() int { return len(slices.Collect(maps.Keys(metrics(t, g)))) }
	lab.CallREST(t, g, g.Tester(), "nosuch__0", "{}")
	before := series()
	for i := range 50 {
		lab.CallREST(t, g, g.Token(fmt.Sprint("agent-", i), "tester"), fmt.Sprintf("nosuch__%d", i), "{}")
	}
	if after := series(); after != before {
		t.Errorf("%d series, and %d before 50 agents asked for 50 tools that are not there", after, before)
	}
}
