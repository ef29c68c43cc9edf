//go:build e2e

package field

import (
	"regexp"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

var decide = regexp.MustCompile(`msg="a call waits for a person" .*decide="toolward ([^"]+)"`)

// TestTheLogSaysThatAPersonIsAsked: nobody looks at a list all day. The log has a line
// for each question, once, with the command that decides it; what the call would
// send is not in it.
func TestTheLogSaysThatAPersonIsAsked(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"approvals": map[string]any{"wait": "0s"}},
		Policies: map[string]string{"lab.rego": "package tools.lab.echo\n\nallow if true\n\napprove contains \"somebody looks\" if true\n"},
	})
	call := func(text string) lab.Answer { return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(text)) }
	said := func() [][]string { return decide.FindAllStringSubmatch(g.Log.String(), -1) }
	for range 2 {
		if a := call("synthetic-plan"); a.Code != "approval_pending" {
			t.Fatalf("a call: %+v", a)
		}
	}
	call("another")
	var lines [][]string
	g.Until(t, "the log says nothing of the second question", func() bool { lines = said(); return len(lines) > 1 })
	if len(lines) != 2 {
		t.Fatalf("two questions, one of them asked twice, are %d lines:\n%s", len(lines), g.Log.String())
	}
	if strings.Contains(g.Log.String(), "synthetic-plan") {
		t.Error("the log has what the call would send")
	}
	for i, text := range []string{"synthetic-plan", "another"} {
		words := strings.Fields(strings.Replace(lines[i][1], "approve|deny", "approve", 1))
		if code, out := g.Run(t, append(words, "--note", "I looked", "--config", "toolward.yaml")...); code != 0 {
			t.Fatalf("%q: %d %s", words, code, out)
		}
		if a := call(text); a.Code != "" {
			t.Errorf("after it was decided: %+v", a)
		}
	}
}
