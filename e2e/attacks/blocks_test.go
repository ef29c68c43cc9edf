//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

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
		{"block", "add", "--agent", "tester", "--why", "x", "--until", "soon"},
		{"block", "add", "--agent", "tester", "--why", "x", "--until", ""},
		{"block", "add", "--agent", "tester", "--why", "x", "--until", "2020-01-31"},
		{"block", "add", "--agent", "tester", "--why", "x", "--until", "2020-01-31T00:00:00+02:00"},
		{"block", "add", "--agent", "tester", "--why", "x", "--until", "2999-01-31", "--for", "1h"},
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

// A block ends by itself: while the gateway runs, and while none does. Until then
// the list says why, by whom and until when.
func TestBlocksEndByThemselves(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	run := func(args ...string) string {
		t.Helper()
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != 0 {
			t.Fatalf("%s: %d %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	end := time.Now().Add(6 * time.Second).UTC().Truncate(time.Second)
	for agent, flags := range map[string][]string{
		"until-agent": {"--until", end.Format(time.RFC3339)}, "for-agent": {"--for", "6s"}, "year-agent": {"--until", "2999-01-31"},
	} {
		run(append([]string{"block", "add", "--agent", agent, "--why", "ticket 8"}, flags...)...)
	}
	var list []struct {
		Name, Reason string
		By           struct{ Issuer string }
		Until        time.Time
	}
	if err := json.Unmarshal([]byte(run("block", "list", "--output", "json")), &list); err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for _, b := range list {
		if b.Reason != "ticket 8" || b.By.Issuer != "local" || b.Until.IsZero() || b.Name == "until-agent" && !b.Until.Equal(end) {
			t.Errorf("listed: %+v", b)
		}
	}
	call := func(agent string) string {
		return lab.REST.Call(t, g, g.Token(agent, "tester"), "echo", lab.Text("x")).Code
	}
	agents := []string{"until-agent", "for-agent", "year-agent"}
	for _, agent := range agents {
		if code := call(agent); code != "blocked" {
			t.Errorf("%s: %q", agent, code)
		}
	}
	g.Until(t, "blocks do not end", func() bool { return call("until-agent") == "" && call("for-agent") == "" })
	if now := time.Now(); now.Before(end) {
		t.Errorf("ended %s early", end.Sub(now))
	}
	run("block", "add", "--agent", "until-agent", "--why", "ticket 8", "--for", "1s")
	g.Kill()
	g.Restart(t)
	g.Until(t, "a block does not end after kill -9", func() bool { return call("until-agent") == "" })
	run("block", "add", "--agent", "until-agent", "--why", "ticket 8", "--for", "1s")
	g.Stop(t)
	over := time.NewTimer(time.Second)
	<-over.C
	g.Restart(t)
	if code := call("until-agent"); code != "" {
		t.Errorf("ended while nothing ran: %q", code)
	}
	if code := call("year-agent"); code != "blocked" {
		t.Errorf("until 2999: %q", code)
	}
	if out := run("block", "list"); strings.Contains(out, "until-agent") || !strings.Contains(out, "year-agent") {
		t.Errorf("list: %s", out)
	}
	g.CheckChain(t, "")
}
