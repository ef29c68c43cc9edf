//go:build e2e

package field

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// Whoever works beside a gateway, in a second terminal or from cron, has none of its
// upstreams' secrets: what starts no upstream does not ask for them.
func TestCommandsWantNoSecretsOfUpstreams(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) (string, error) {
		cmd := exec.Command(lab.Binary(), args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
		cmd.Stdin = strings.NewReader("nothing of note\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	config := "listen: 127.0.0.1:1\n" +
		"upstreams:\n" +
		"  gh: {command: cat, args: [--as, \"${GH_USER}\"], env: {GH_TOKEN: \"${GH_TOKEN}\"}}\n" +
		"  web: {url: \"https://web.example/mcp?key=${WEB_KEY}\", headers: {X-Key: \"${WEB_KEY}\"}}\n" +
		"  far: {url: \"${FAR_URL}\"}\n" +
		"policy: {path: ./policies}\n"
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"/policies", 0o700); err != nil {
		t.Fatal(err)
	}
	write("toolward.yaml", config)
	write("policies/a.rego", "package gateway\n\nallow if \"a\" in input.agent.roles\n")
	write("policies/a_test.rego", "package gateway_test\n\ntest_nobody if not data.gateway.allow with input as {\"agent\": {\"roles\": []}}\n")
	for _, command := range []string{
		"token mint --subject me", "token create laptop --subject me", "token list", "token revoke laptop",
		"audit list", "audit stats", "audit verify", "audit backup copy.db", "audit rotate-keys --why a-test", "audit export",
		"approvals list", "block add --agent x --why because", "block list", "config show", "connect", "connect cursor",
		"policy check --offline", "policy test", "guard scan -", "guard allow list",
		"guard allow add --rule injection.override --reason because", "upstreams list", "sessions list",
	} {
		t.Run(command, func(t *testing.T) {
			out, err := run(strings.Fields(command)...)
			if strings.Contains(out, "is not set") || err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if command == "config show" {
				for _, want := range []string{"GH_TOKEN: ${GH_TOKEN}", "- ${GH_USER}", "X-Key: ${WEB_KEY}", "mcp?key=${WEB_KEY}", "url: ${FAR_URL}"} {
					if !strings.Contains(out, want) {
						t.Errorf("%s is not in\n%s", want, out)
					}
				}
			}
		})
	}
	if out, err := run("config", "check"); err == nil || !strings.Contains(out, "GH_TOKEN is not set") { // it says what serve would refuse
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("serve"); err == nil || !strings.Contains(out, "GH_TOKEN is not set") {
		t.Errorf("%v\n%s", err, out)
	}
}
