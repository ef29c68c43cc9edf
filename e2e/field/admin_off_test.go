//go:build e2e

package field

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// A gateway that runs without the operators' API cannot put on record what commands
// do beside it. Each says what to do, and leaves nothing half done; once the gateway
// has stopped, each does it.
func TestCommandsBesideAGatewayWithoutOperators(t *testing.T) {
	account := lab.NewAccount(t)
	g := lab.Launch(t, lab.Options{Config: map[string]any{
		"upstreams": map[string]any{"acct": account.Config()}, "admin": map[string]any{"enabled": false}, "auth": map[string]any{"local": map[string]any{}},
	}})
	g.WaitReady(t)
	commands := map[string][]string{
		"token": {"token", "mint", "--subject", "a"},
		"allow": {"guard", "allow", "add", "--rule", "injection.*", "--tool", "wiki__*", "--reason", "our handbook"},
		"login": {"login", "acct"},
		"block": {"block", "add", "--agent", "a", "--why", "a test"},
	}
	run := func(t *testing.T, words []string) (code int, out, said string) {
		cmd := g.Command(append(words, "--config", "toolward.yaml")...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			out += lines.Text()
			if words[0] == "login" { // its address, which the person opens
				resp, err := http.Get(lines.Text())
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
		}
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode(), out, errs.String()
	}
	files := func() (names []string) {
		all, err := filepath.Glob(filepath.Join(g.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			if strings.Contains(name, "logins") || strings.Contains(name, "allow") {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name+" "+string(text))
			}
		}
		return names
	}
	before := files()
	t.Run("running", func(t *testing.T) {
		for name, words := range commands {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				code, out, said := run(t, words)
				if code == 0 || name != "login" && out != "" || !strings.Contains(said, "admin.enabled: false") || !strings.Contains(said, "stop the gateway") {
					t.Errorf("code %d, %q, %s", code, out, said)
				}
			})
		}
	})
	if after := files(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("left behind: %q, before %q", after, before)
	}
	if code, out, said := run(t, []string{"guard", "allow", "list"}); code != 0 || strings.Contains(out, "our handbook") {
		t.Errorf("an exception holds: %s%s", out, said)
	}
	g.Stop(t)
	for name, words := range commands {
		if code, out, said := run(t, words); code != 0 {
			t.Errorf("%s, when it has stopped: %d, %s%s", name, code, out, said)
		}
	}
	if rows := g.Rows(t, "", "SELECT 1 FROM events WHERE type IN ('token.minted', 'guard.excepted', 'upstream.login', 'block.added')"); len(rows) != 4 {
		t.Errorf("%d are on record, want 4", len(rows))
	}
	if after := files(); len(after) == len(before) {
		t.Errorf("nothing is kept: %q", after)
	}
}
