//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// readyz asks as somebody on this machine, or as one that a proxy passed on.
func readyz(t *testing.T, g *lab.Gateway, stranger bool) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/readyz", nil)
	must(t, err)
	if stranger {
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(b)
}

// TestBrokenPolicyOnDisk breaks the policy under a running gateway: the one before
// stays in force, the gateway stays in rotation, and strangers do not read why.
func TestBrokenPolicyOnDisk(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	g.Write(t, "policies/all.rego", "package gateway\n\nallow if if if\n")
	g.Signal(t, syscall.SIGHUP)
	g.Until(t, "the broken policy is not noticed", func() bool {
		status, body := readyz(t, g, false)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		return strings.Contains(body, `"policy":"degraded: `) && strings.Contains(body, "all.rego:3")
	})
	if status, body := readyz(t, g, true); status != http.StatusOK || !strings.Contains(body, `"policy":"degraded"`) {
		t.Errorf("a stranger reads %d %s", status, body)
	}
	if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("x")); a.Code != "" {
		t.Errorf("a call got %+v", a)
	}
	hangup := func(want string) {
		t.Helper()
		g.Until(t, "no event of SIGHUP that says "+want, func() bool {
			rows := g.Rows(t, "", "SELECT body FROM events WHERE type = 'gateway.hangup' ORDER BY seq DESC LIMIT 1")
			return len(rows) == 1 && strings.Contains(fmt.Sprint(rows[0]["body"]), want)
		})
	}
	hangup(`"policy":"broken: the one before stays in force"`)
	g.Write(t, "policies/all.rego", lab.AllowTesters+"\n# again\n")
	g.Write(t, "toolward.yaml", strings.Replace(read(t, g.Dir+"/toolward.yaml"), "127.0.0.1:0", "127.0.0.1:1", 1))
	g.Signal(t, syscall.SIGHUP)
	hangup(`"restart":["listen"]`)
	if status, body := readyz(t, g, false); status != http.StatusOK || !strings.Contains(body, `"policy":"ok"`) {
		t.Errorf("after the repair: %d %s", status, body)
	}
}

// TestPeersBehindProxies spoofs the client's address in the headers of proxies.
func TestPeersBehindProxies(t *testing.T) {
	for name, tt := range map[string]struct {
		http map[string]any
		set  map[string]string
		want string
	}{
		"nobody is trusted":            {map[string]any{}, map[string]string{"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.2"}, "127.0.0.1"},
		"a proxy is":                   {map[string]any{"trusted_proxies": []string{"127.0.0.0/8"}}, map[string]string{"X-Forwarded-For": "127.0.0.1, 198.51.100.1", "Forwarded": "for=198.51.100.2"}, "198.51.100.1"},
		"one that says it another way": {map[string]any{"trusted_proxies": []string{"127.0.0.0/8"}, "client_header": "Forwarded"}, map[string]string{"X-Forwarded-For": "198.51.100.1", "Forwarded": `for="[2001:db8::2]:80"`}, "2001:db8::2"},
		"another than who connects":    {map[string]any{"trusted_proxies": []string{"10.0.0.0/8"}}, map[string]string{"X-Forwarded-For": "198.51.100.1"}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Config: map[string]any{"http": tt.http}})
			for _, path := range []string{"/v1/tools/lab__echo/call", "/mcp"} {
				body := lab.Text("x")
				if path == "/mcp" {
					body = `{"jsonrpc":"2.0","id":1,"method":"no/such"}`
				}
				r := lab.NewRequest(t, g.URL+path, g.Tester(), strings.NewReader(body))
				for name, value := range tt.set {
					r.Header.Set(name, value)
				}
				lab.Do(t, r)
			}
			rows := g.Rows(t, "", "SELECT DISTINCT peer FROM calls")
			if len(rows) != 1 || rows[0]["peer"] != tt.want {
				t.Errorf("on record are %v, want %s", rows, tt.want)
			}
		})
	}
}

// TestCommandsNeedNoSecretsOfUpstreams runs what starts no upstream in an
// environment without their variables.
func TestCommandsNeedNoSecretsOfUpstreams(t *testing.T) {
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Env: []string{"UPSTREAM_KEY=synthetic-key-of-an-upstream"}, Config: map[string]any{
		"upstreams": map[string]any{"lab": map[string]any{"url": u.URL(), "headers": map[string]any{"Authorization": "Bearer ${UPSTREAM_KEY}"}}},
	}})
	bare := func(args ...string) (int, string) {
		cmd := g.Command(append(args, "--config", "toolward.yaml")...)
		var env []string
		for _, v := range cmd.Env {
			if !strings.HasPrefix(v, "UPSTREAM_KEY=") {
				env = append(env, v)
			}
		}
		cmd.Env = env
		out, _ := cmd.CombinedOutput() // the exit code says it
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, args := range [][]string{
		{"health", "--url", g.URL}, {"audit", "list"}, {"audit", "verify"}, {"audit", "hash", "x"}, {"approvals", "list"}, {"policy", "check", "--offline"},
		{"policy", "test"},
	} {
		if code, out := bare(args...); code != 0 {
			t.Errorf("%v ends with %d: %s", args, code, out)
		}
	}
	if code, out := bare("config", "check"); code != 1 || !strings.Contains(out, "UPSTREAM_KEY is not set") {
		t.Errorf("config check ends with %d: %s", code, out)
	}
}

// TestAnnouncedAsJSON reads standard error as whoever collects logs does.
func TestAnnouncedAsJSON(t *testing.T) {
	g := lab.Launch(t, lab.Options{Config: map[string]any{"log": map[string]any{"format": "json"}, "http": map[string]any{"lame_duck": "100ms"}}})
	g.Until(t, "it does not listen", func() bool { return strings.Contains(g.Log.String(), `"msg":"listening"`) })
	g.Stop(t)
	said := map[string]bool{}
	for line := range strings.Lines(g.Log.String()) {
		var record struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		said[record.Msg] = true
	}
	for _, msg := range []string{"started", "upstream", "listening", "draining", "stopped"} {
		if !said[msg] {
			t.Errorf("%q is not in\n%s", msg, g.Log)
		}
	}
}
