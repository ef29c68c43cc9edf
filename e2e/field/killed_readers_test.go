//go:build e2e

package field

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// killed is a gateway that was killed with calls that only its journal has: one that was
// answered, one that policy refused, and one that waits for a person.
type killed struct {
	g                  *lab.Gateway
	id, denied, asking string
	session            string
}

func killWithJournal(t *testing.T) killed {
	t.Helper()
	g := lab.Start(t, lab.Options{
		Config: map[string]any{"approvals": map[string]any{"wait": "0s"}},
		Policies: map[string]string{"all.rego": "package gateway\n\nallow if true\n\ndeny contains \"not that\" if input.args.text == \"bad\"\n\n" +
			"approve contains \"ask\" if input.args.text == \"ask\"\n"},
	})
	lab.CallREST(t, g, g.Token("before", "tester"), "lab__echo", lab.Text("before"))
	session := fmt.Sprint(g.Rows(t, "", "SELECT session FROM calls WHERE agent = 'before'")[0]["session"])
	unlock := g.Lock(t)
	k := killed{g: g, session: session}
	for into, text := range map[*string]string{&k.id: "journaled", &k.denied: "bad", &k.asking: "ask"} {
		*into = lab.CallREST(t, g, g.Token("before", "tester"), "lab__echo", lab.Text(text)).ID
	}
	g.Kill()
	unlock()
	if n := g.Count(t, "", "true"); n != 1 {
		t.Fatalf("the database has %d calls, want the one before: the test is about nothing", n)
	}
	return k
}

// copied runs a command in a copy of the killed gateway's folder.
func (k killed) copied(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(k.g.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "toolward.db.keys"), 0o600); err != nil { // a copy has the umask's mode
		t.Fatal(err)
	}
	cmd := k.g.Command(append(args, "--config", "toolward.yaml")...)
	cmd.Dir = dir
	b, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(b)
}

// TestEveryReaderAfterAKill has each command that reads the record be the first to do so
// after a gateway was killed: it shows what was answered for.
func TestEveryReaderAfterAKill(t *testing.T) {
	k := killWithJournal(t)
	for command, want := range map[string][]string{
		"audit list -o jsonl":                 {k.id, k.denied, k.asking},
		"audit list --sort -ms -o csv":        {k.id, k.denied, k.asking},
		"audit list --oldest":                 {"not that", "approved"},
		"audit show " + k.id:                  {"journaled", "ok"},
		"audit show " + k.denied + " -o json": {"not that"},
		"audit trace " + k.id:                 {k.id},
		"audit story " + k.session:            {"not that"},
		"audit diff " + k.id + " " + k.denied: {"journaled", "bad"},
		"audit stats --by code -o csv":        {`"policy","1"`},
		"audit events --calls -o jsonl":       {k.id, k.denied},
		"audit export --format jsonl":         {k.id, k.denied, k.asking},
		"audit export --format ocsf":          {k.id, k.denied, k.asking},
		"audit view approvals -o jsonl":       {"ask"},
		"audit verify":                        {" in the journal beside the database"},
		"audit backup copy.db":                {"event"},
		"audit case -o case.zip " + k.session: {""},
		"policy explain " + k.denied:          {"not that"},
		"policy replay ./policies":            {"4 "},
		"approvals list -o jsonl":             {k.asking},
		"sessions list -o jsonl":              {k.session},
		"sessions show " + k.session:          {"lab__echo"},
	} {
		t.Run(command, func(t *testing.T) {
			code, out := k.copied(t, strings.Fields(command)...)
			if code > 1 {
				t.Errorf("exit %d: %s", code, out)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("%q is not in:\n%s", w, out)
				}
			}
		})
	}
}

// TestSQLiteAfterAKill reads with SQLite what a killed gateway left, once any command of
// ours has been there.
func TestSQLiteAfterAKill(t *testing.T) {
	k := killWithJournal(t)
	if code, out := k.g.Run(t, "audit", "list", "--config", "toolward.yaml"); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	if n := k.g.Count(t, "", "true"); n != 4 {
		t.Errorf("the database has %d calls, want 4", n)
	}
	k.g.CheckChain(t, "")
	if left, err := filepath.Glob(filepath.Join(k.g.Dir, "toolward.db.journal.*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	k.g.Restart(t)
	k.g.CheckAlive(t)
}

// TestReaderWhoMayNotMove reads what a killed gateway left where the keys are not: it is
// told how much is missing.
func TestReaderWhoMayNotMove(t *testing.T) {
	k := killWithJournal(t)
	if err := os.Remove(filepath.Join(k.g.Dir, "toolward.db.keys")); err != nil {
		t.Fatal(err)
	}
	code, out := k.g.Run(t, "audit", "list", "--config", "toolward.yaml")
	if code != 0 || !strings.Contains(out, "events that were recorded last are in the journal, and not in the database") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestReaderBesideARunningGateway reads the file at once after each answer.
func TestReaderBesideARunningGateway(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for range 10 {
		id := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).ID
		if _, out := g.Run(t, "audit", "show", id, "--config", "toolward.yaml"); !strings.Contains(out, id) {
			t.Fatalf("%s", out)
		}
	}
}

// TestAnotherProgramSeesACallSoon reads with sqlite3 alone, under load too.
func TestAnotherProgramSeesACallSoon(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	id := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).ID
	g.Until(t, "sqlite3 does not see it", func() bool {
		out, err := exec.Command("sqlite3", "-readonly", filepath.Join(g.Dir, "toolward.db"), "SELECT outcome FROM calls WHERE id = '"+id+"'").Output()
		return err == nil && strings.TrimSpace(string(out)) == "ok"
	})
}
