//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// The commands stop an agent and let it go on, through the gateway and over its
// files, and say when a name is nobody's.
func TestBlocksFromTheCommandLine(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	run := func(want int, args ...string) string {
		t.Helper()
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != want {
			t.Errorf("%s: %d %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	call := func(want string) {
		t.Helper()
		if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("x")); a.Code != want || want != "" && !strings.Contains(a.Text, "ticket 7") {
			t.Errorf("got %s, want %q", a.Text, want)
		}
	}
	call("")
	for _, bad := range [][]string{
		{"block", "add", "--agent", "tester"},
		{"block", "add", "--agent", "", "--why", "x"},
		{"block", "add", "--why", "x"},
		{"block", "add", "--all", "--agent", "tester", "--why", "x"},
		{"block", "add", "--agent", "tester", "--why", ""},
		{"block", "add", "--agent", "tester", "--why", "x", "--for", "-1h"},
		{"block", "add", "--agent", "tester", "--why", "x", "--for", "0s"},
		{"block", "add", "--agent", "tester", "--why", "x", "--for", "soon"},
		{"block", "lift", "nothing", "--why", "x"}, {"block", "lift", "nothing"},
		{"sessions", "show", "nobody"}, {"sessions", "clear", "nobody", "--why", "x"},
	} {
		run(2, bad...)
	}
	call("")
	for _, unknown := range [][]string{{"--tool", "lab__ech"}, {"--upstream", "lap"}, {"--agent", "testr"}} {
		if out := run(0, "block", "add", unknown[0], unknown[1], "--why", "misspelt"); !strings.Contains(out, "is known to the gateway now") {
			t.Errorf("%v: %s", unknown, out)
		}
	}
	if out := run(0, "block", "add", "--agent", "tester", "--why", "ticket 7", "--for", "1h"); strings.Contains(out, "is known") {
		t.Error(out)
	}
	call("blocked")
	lift := func() {
		t.Helper()
		var list []struct{ ID, Name string }
		if err := json.Unmarshal([]byte(run(0, "block", "list", "--output", "json")), &list); err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			run(0, "block", "lift", b.ID, "--why", "done with "+b.Name)
		}
	}
	lift()
	call("")
	g.Stop(t)
	run(0, "block", "add", "--tool", "lab__echo", "--why", "ticket 7")
	g.Restart(t)
	call("blocked")
	lift()
	call("")
	rows := g.Rows(t, "", "SELECT type, count(*) AS n FROM events WHERE type LIKE 'block.%' AND body LIKE '%\"issuer\":\"local\"%' GROUP BY type ORDER BY type")
	if got := fmt.Sprint(rows); got != "[map[n:5 type:block.added] map[n:5 type:block.lifted]]" {
		t.Errorf("on record with who: %s", got)
	}
	if out := run(0, "sessions", "list"); !strings.Contains(out, "tester") {
		t.Errorf("sessions: %s", out)
	}
	g.CheckChain(t, "")
}
