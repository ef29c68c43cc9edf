//go:build e2e

package field

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// away runs a command from an empty directory with nothing but an operator's token.
func away(ctx context.Context, t *testing.T, g *lab.Gateway, token string, args ...string) (out, talk string, code int) {
	t.Helper()
	cmd := exec.CommandContext(ctx, lab.Binary(), append(args, "--url", g.URL)...)
	cmd.Dir, cmd.Env = t.TempDir(), []string{"TOOLWARD_TOKEN=" + token, "HOME=" + t.TempDir()}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	_ = cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// TestVerifyThroughTheGateway has the running gateway verify its record, and reads what
// who verifies the file reads, to the byte, also when it does not hold.
func TestVerifyThroughTheGateway(t *testing.T) {
	g, _ := desks(t)
	approver := g.Token("apu", "approver")
	compare := func(want int) {
		t.Helper()
		for _, flags := range []string{"", "--counts", "--strict", "--json", "--expect-first 1", "--expect-first 1 --strict --json", "--as-of 4", "--as-of 2100-01-01"} {
			args := append([]string{"audit", "verify"}, strings.Fields(flags)...)
			cmd := g.Command(append(args, "--config", "toolward.yaml")...)
			var file bytes.Buffer
			cmd.Stdout = &file
			_ = cmd.Run()
			out, talk, code := away(t.Context(), t, g, approver, args...)
			if out != file.String() || code != cmd.ProcessState.ExitCode() || out == "" {
				t.Errorf("%q: exit %d, want %d\n%s%s\nwant\n%s", flags, code, cmd.ProcessState.ExitCode(), out, talk, &file)
			}
			if flags == "" && code != want {
				t.Errorf("exit %d, want %d: %s", code, want, out)
			}
			if !strings.Contains(talk, "own word") {
				t.Errorf("%q: it says %q", flags, talk)
			}
		}
	}
	compare(0)
	if _, talk, code := away(t.Context(), t, g, g.Token("vera", "viewer"), "audit", "verify"); code != 2 || !strings.Contains(talk, "it takes the role approver") {
		t.Errorf("a viewer: %d %s", code, talk)
	}
	if _, talk, code := away(t.Context(), t, g, approver, "audit", "verify", "--as-of", "soon"); code != 2 || !strings.Contains(talk, "no time") {
		t.Errorf("no time: %d %s", code, talk)
	}
	if _, talk, code := away(t.Context(), t, g, approver, "audit", "verify", "--checkpoints", "x"); code != 2 || !strings.Contains(talk, "checkpoints url") {
		t.Errorf("an auditor's flag: %d %s", code, talk)
	}
	if out, err := exec.Command("sqlite3", filepath.Join(g.Dir, "toolward.db"), "DROP TRIGGER events_refuse_update; UPDATE events SET agent = 'nobody' WHERE seq = 5").CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v %s", err, out)
	}
	compare(1)
	var job struct{ ID, State string }
	a := g.Operate(t, approver, http.MethodPost, "audit/verify", "", nil)
	if err := json.Unmarshal([]byte(a.Text), &job); err != nil || a.Status != 200 {
		t.Fatal(a.Status, a.Text)
	}
	g.Until(t, "the verification does not end", func() bool {
		a := g.Operate(t, g.Token("vera", "viewer"), http.MethodGet, "audit/verify/"+job.ID, "", nil)
		return json.Unmarshal([]byte(a.Text), &job) == nil && job.State == "done"
	})
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("after")); a.Status != 200 {
		t.Errorf("a call: %d %s", a.Status, a.Text)
	}
}

// TestPolicyRevisionsThroughTheGateway changes a policy twice and asks for what was in
// force, by the file and with nothing but a token.
func TestPolicyRevisionsThroughTheGateway(t *testing.T) {
	g, _ := desks(t)
	reload := func(name, text string) {
		t.Helper()
		n := strings.Count(g.Log.String(), "policy reloaded")
		g.Write(t, "policies/"+name, text)
		g.Until(t, "the policy is not read again", func() bool { return strings.Count(g.Log.String(), "policy reloaded") > n })
	}
	reload("more.rego", "package servers.lab\n\ndeny contains \"no\" if input.args.text == \"no\"\n")
	reload("all.rego", "package gateway\n\nallow if true\n\ndeny contains \"not \u202ethat\" if input.args.text == \"bad\"\n")
	rows := g.Rows(t, "", "SELECT body ->> '$.revision' AS r FROM events WHERE type = 'policy.loaded' ORDER BY seq")
	first, second, last := rows[0]["r"].(string), rows[len(rows)-2]["r"].(string), rows[len(rows)-1]["r"].(string)
	viewer := g.Token("vera", "viewer")
	for _, tt := range []struct {
		line string
		code int
		want []string // in what is printed or said
	}{
		{"policy revisions", 0, []string{first, second, last, "more.rego"}},
		{"policy revisions -o json --limit 1", 0, []string{`"revision": "` + last, `"in_force": true`, `"loads": 1`}},
		{"policy show " + first, 0, []string{"==> policies/all.rego", "deny contains \"not that\"", "label contains"}},
		{"policy show " + last[:12] + " --file policies/more.rego", 0, []string{"package servers.lab"}},
		{"policy show " + last + " -o json", 0, []string{`"files"`, "more.rego"}},
		{"policy show " + last + " --file policies/mor.rego", 2, []string{"did you mean policies/more.rego?"}},
		{"policy show nosuch", 2, []string{"no policy"}},
		{"policy diff " + first + " " + second, 1, []string{"added policies/more.rego", "+package servers.lab", "1 files are different"}},
		{"policy diff " + second + " " + last, 1, []string{"changed policies/all.rego", "-label contains", `\u202e`}},
		{"policy diff " + last + " " + first + " -o json", 1, []string{`"change": "removed"`, `"from": "` + last}},
		{"policy diff " + last + " " + last, 0, nil},
		{"policy diff nosuch " + last, 2, []string{"no policy"}},
	} {
		args := strings.Fields(tt.line)
		cmd := g.Command(append(args, "--config", "toolward.yaml")...)
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != tt.code {
			t.Errorf("%s: exit %d, want %d: %s%s", tt.line, code, tt.code, &out, &talk)
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String()+talk.String(), want) {
				t.Errorf("%s: without %q\n%s%s", tt.line, want, &out, &talk)
			}
		}
		thereOut, thereTalk, code := away(t.Context(), t, g, viewer, args...)
		if thereOut != out.String() || thereTalk != talk.String() || code != tt.code {
			t.Errorf("%s: through the gateway exit %d\n%s%s\nwant\n%s%s", tt.line, code, thereOut, thereTalk, &out, &talk)
		}
	}
}
