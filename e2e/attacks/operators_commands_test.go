//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// The commands decide as who the token says, through the gateway, and without one
// over its files; the credential goes to nobody who took the gateway's port.
func TestCommandsOfOperators(t *testing.T) {
	g := asking(t, nil)
	id := ask(t, g, g.Tester(), lab.Text("x"))
	run := func(token string, args ...string) (int, string) {
		cmd := g.Command(args...)
		cmd.Env = append(cmd.Env, "TOOLWARD_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, out := run(g.Token("vera", "viewer"), "approvals", "approve", id, "--url", g.URL); code != 2 || !strings.Contains(out, "a viewer may not do that") {
		t.Errorf("a viewer: %d %s", code, out)
	}
	if code, out := run(g.Token("rita", "approver"), "approvals", "approve", id, "--url", g.URL, "--note", "fine"); code != 0 || !strings.Contains(out, "approved: lab__echo of tester by rita of ") {
		t.Errorf("an approver: %d %s", code, out)
	}
	if code, out := g.Run(t, "approvals", "approve", id, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "rita of ") {
		t.Errorf("the second: %d %s", code, out)
	}
	if code, out := g.Run(t, "approvals", "list", "--url", g.URL, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "TOOLWARD_TOKEN") {
		t.Errorf("a URL without a token: %d %s", code, out)
	}
	late := ask(t, g, g.Tester(), lab.Text("y"))
	g.Stop(t)
	thief, err := net.Listen("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	if code, out := g.Run(t, "approvals", "deny", late, "--note", "too late", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, "denied: lab__echo of tester by local:") {
		t.Errorf("without a gateway: %d %s", code, out)
	}
	g.CheckChain(t, "")
	if rows := g.Rows(t, "", "SELECT body ->> '$.by.issuer' || ':' AS who FROM events WHERE type = 'approval.denied'"); len(rows) != 1 || !strings.HasPrefix(fmt.Sprint(rows[0]["who"]), "local:") {
		t.Errorf("on record: %v", rows)
	}
}

// No secret of an upstream is needed to look and to decide.
func TestCommandsNeedNoSecretOfAnUpstream(t *testing.T) {
	up := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{
		Upstream: up, Env: []string{"LAB_UPSTREAM_SECRET=synthetic-secret"},
		Config: map[string]any{
			"approvals": map[string]any{"wait": "0s"},
			"upstreams": map[string]any{"lab": map[string]any{"url": up.URL(), "headers": map[string]any{"X-Key": "${LAB_UPSTREAM_SECRET}"}}},
		},
		Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"},
	})
	id := ask(t, g, g.Tester(), lab.Text("x"))
	run := func(args ...string) (int, string) {
		cmd := g.Command(append(args, "--config", "toolward.yaml")...)
		cmd.Env = append(cmd.Env[:2:2], "TOOLWARD_TOKEN="+g.Tester()) // which is no operator's, and not asked for
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, args := range [][]string{
		{"approvals", "list"}, {"approvals", "show", id}, {"approvals", "approve", id}, {"tools", "list"}, {"tools", "show", "lab__echo"}, {"tools", "diff"},
		{"tools", "call", "lab__echo", lab.Text("x"), "--url", g.URL}, {"audit", "list"}, {"audit", "verify"}, {"audit", "stats"}, {"audit", "hash", "x"}, {"policy", "test"}, {"policy", "explain", id},
		{"token", "inspect"}, {"health", "--url", g.URL},
	} {
		if code, out := run(args...); strings.Contains(out, "LAB_UPSTREAM_SECRET") || args[0] != "policy" && code != 0 {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	g.Stop(t)
	for _, args := range [][]string{{"approvals", "list"}, {"approvals", "show", id}, {"approvals", "revoke", id}} {
		if code, out := run(args...); strings.Contains(out, "LAB_UPSTREAM_SECRET") || args[1] != "revoke" && code != 0 {
			t.Errorf("without a gateway, %q: %d %s", args, code, out)
		}
	}
	if code, out := run("tools", "list"); code != 0 || !strings.Contains(out, "lab__echo") {
		t.Errorf("what is pinned: %d %s", code, out)
	}
	if code, out := run("tools", "list", "--fresh"); code != 2 || !strings.Contains(out, "LAB_UPSTREAM_SECRET") {
		t.Errorf("what starts an upstream: %d %s", code, out)
	}
}

// What people stop and clear by commands, while the gateway runs and while not.
func TestCommandsThatStopAndClear(t *testing.T) {
	up := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: up, Config: map[string]any{
		"upstreams": map[string]any{"lab": map[string]any{"url": up.URL(), "labels": []string{"private"}}},
	}})
	run := func(args ...string) string {
		t.Helper()
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != 0 {
			t.Fatalf("%q: %d %s", args, code, out)
		}
		return out
	}
	call := func() string { return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).Code }
	if code := call(); code != "" {
		t.Fatal(code)
	}
	var sessions []struct {
		ID     string
		Labels []string
	}
	if err := json.Unmarshal([]byte(run("sessions", "list", "--agent", "tester", "--output", "json")), &sessions); err != nil || len(sessions) != 1 || fmt.Sprint(sessions[0].Labels) != "[private private:lab]" {
		t.Fatalf("%+v %v", sessions, err)
	}
	if out := run("sessions", "clear", sessions[0].ID, "--why", "a test record"); !strings.Contains(out, "cleared") {
		t.Error(out)
	}
	if out := run("sessions", "show", sessions[0].ID); strings.Contains(out, "private") {
		t.Errorf("after it was cleared: %s", out)
	}
	out := run("block", "add", "--tool", "lab__echo", "--why", "it mails strangers")
	id := out[strings.LastIndex(out, "block lift ")+len("block lift "):]
	id = strings.Trim(id, "`\n")
	if code := call(); code != "blocked" {
		t.Errorf("a stopped tool: %q", code)
	}
	g.Stop(t)
	if out := run("block", "list"); !strings.Contains(out, "it mails strangers") || !strings.Contains(out, "local:") {
		t.Errorf("without a gateway: %s", out)
	}
	run("block", "lift", id, "--why", "it was a test")
	run("block", "add", "--agent", "tester", "--for", "1h", "--why", "another")
	g.Restart(t)
	if code := call(); code != "blocked" {
		t.Errorf("an agent that was stopped while no gateway ran: %q", code)
	}
	for _, args := range [][]string{
		{"block", "add", "--why", "x"}, {"block", "add", "--agent", "a", "--tool", "b", "--why", "x"}, {"block", "add", "--agent", "a"},
		{"block", "add", "--agent", "a", "--why", ""}, {"block", "lift", "nosuch", "--why", "x"}, {"sessions", "clear", sessions[0].ID}, {"sessions", "show", "nosuch"},
	} {
		if code, out := g.Run(t, append(args, "--config", "toolward.yaml")...); code != 2 {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	g.CheckChain(t, "")
}
