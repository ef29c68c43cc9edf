//go:build e2e

package field

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestShipperThatDies reads an export while the gateway takes calls, kills it after a
// few lines, again and again, and goes on from the last whole line. The gateway is
// killed in between as well. In the end it has each event once, in order, and each
// call once.
func TestShipperThatDies(t *testing.T) {
	for _, format := range []string{"jsonl", "ocsf"} {
		t.Run(format, func(t *testing.T) {
			g := lab.Start(t, lab.Options{})
			cursor, took := "0", []string{}
			ship := func(most int) (ended bool) {
				cmd := g.Command("audit", "export", "--after", cursor, "--events", "--format", format, "--config", "toolward.yaml")
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewReader(out)
				for n := 0; n < most; n++ {
					text, err := lines.ReadString('\n')
					if err != nil { // half a line is none
						return cmd.Wait() == nil
					}
					var e struct {
						Cursor   string
						Unmapped struct{ Cursor string }
						Seq      int64
						Metadata struct{ UID string }
					}
					if err := json.Unmarshal([]byte(text), &e); err != nil {
						t.Fatalf("%v in %s", err, text)
					}
					cursor = e.Cursor + e.Unmapped.Cursor
					took = append(took, fmt.Sprintf("%d %s", e.Seq, e.Metadata.UID))
				}
				_ = cmd.Process.Kill() // in the middle of what it writes
				_ = cmd.Wait()
				return false
			}
			var calls []string
			for round := range 6 {
				for range 5 {
					calls = append(calls, lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).ID)
				}
				if round == 3 {
					interrupt(t, g, g.Tester())
				}
				ship(3 + round)
			}
			g.Stop(t)
			for !ship(7) {
			}
			seen := map[string]int{}
			for _, one := range took {
				if seen[one]++; seen[one] > 1 {
					t.Errorf("%s came twice", one)
				}
			}
			if format == "jsonl" {
				if want := len(g.Rows(t, "", "SELECT seq FROM events")); len(seen) != want {
					t.Errorf("%d events came, want %d", len(seen), want)
				}
			} else {
				for _, id := range calls {
					if seen["0 "+id] != 1 {
						t.Errorf("call %s came %d times", id, seen["0 "+id])
					}
				}
				for _, row := range g.Rows(t, "", "SELECT id FROM calls WHERE outcome = 'interrupted'") {
					if seen[fmt.Sprintf("0 %v", row["id"])] != 1 {
						t.Errorf("call %v, which died, came %d times", row["id"], seen[fmt.Sprintf("0 %v", row["id"])])
					}
				}
			}
		})
	}
}

// TestTypos asks for what cannot be: each is an error that says what there is, for an
// empty answer would read as "nothing happened".
func TestTypos(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x"))
	for command, want := range map[string]string{
		"list --outcome bogus":               "there are ok, error, refused",
		"list --outcome refusd":              "did you mean refused?",
		"list --outcome ok,refusd":           "did you mean refused?",
		"list --outcome ok --outcome refusd": "did you mean refused?",
		"list --effect allowed":              "did you mean allow?",
		"list --code polcy":                  "did you mean policy?",
		"list --kind tol":                    "did you mean tool?",
		"list --finding injektion":           "did you mean injection?",
		"list --not outcome=fine":            "there is no such outcome",
		"list --not outcom=ok":               "did you mean outcome?",
		"list --not outcome":                 "such as outcome=ok",
		"list --arg id":                      "such as customer.id=11",
		"list --since 1x":                    "is no time",
		"list --since tomorow":               "is no time",
		"list --until 2026-13-01":            "is no time",
		"list --since -3h":                   "is no time",
		"list --columns tme":                 "did you mean time?",
		"list --sort -mss":                   "did you mean ms?",
		"list --sort ms --oldest":            "none of the others can be",
		"list -o yaml":                       "table, json or jsonl",
		"stats --by agnt":                    "did you mean agent?",
		"stats --by agent,cod":               "did you mean code?",
		"stats --every 1h":                   "--by",
		"stats --by agent --every 90m":       "whole hours",
		"stats --by agent --compare":         "--since",
		"stats -o csv":                       "--by",
		"view peple":                         "did you mean people?",
		"view people --where persn=x":        "has no column",
		"view people --where person":         "such as agent=ann",
		"view people --sort -persn":          "has no column",
		"view people --columns persn":        "there is no column",
		"view people --since lately":         "is no time",
		"view tools --since 1h":              "is of all time",
		"events --type policy.load":          "did you mean policy.loaded?",
		"events --since 3":                   "is no time",
		"tail --after x":                     "is no cursor",
		"tail --outcome bogus":               "there is no such outcome",
		"tail -o csv":                        "table, json or jsonl",
		"export --after 1.0":                 "is no cursor",
		"export --format xml":                "jsonl, csv, ocsf",
		"export --outcome bogus":             "there is no such outcome",
		"export --events --format csv":       "jsonl or ocsf",
		"export --events --outcome ok":       "no filter of calls",
		"show 0":                             "", // all calls of today begin so: unique, or a list of them
		"show zzz":                           "there is no such call",
		"trace zzz":                          "there is no such call",
		"story nobody":                       "there is no session",
	} {
		args := append(append([]string{"audit"}, strings.Fields(command)...), "--config", "toolward.yaml")
		code, out := g.Run(t, args...)
		if want != "" && (code != 2 || !strings.Contains(out, want)) {
			t.Errorf("%s ends with %d, want 2 and %q:\n%s", command, code, want, out)
		}
	}
	lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("y"))
	if code, out := g.Run(t, "audit", "show", "01", "--config", "toolward.yaml"); code != 2 || strings.Count(out, "lab__echo") != 2 {
		t.Errorf("a prefix of two calls ends with %d:\n%s", code, out)
	}
}
