//go:build e2e

package field

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// People add, disable, enable and remove upstreams by commands while the gateway runs:
// the file keeps what is theirs, the gateway takes it over at once, and the record says who.
func TestUpstreamsByCommand(t *testing.T) {
	other := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{})
	file := "# mine\n" + readFile(t, g, "toolward.yaml") + "\n# the end\n"
	g.Write(t, "toolward.yaml", file)
	called := func() string { return lab.CallREST(t, g, g.Tester(), "more__echo", lab.Text("x")).Code }
	listed := func(want string) {
		t.Helper()
		code, out := g.Run(t, "upstreams", "list")
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "more ") && strings.Contains(line, want) {
				return
			}
		}
		if want != "" || strings.Contains(out, "more ") {
			t.Errorf("the list (%d) does not say %q:\n%s", code, want, out)
		}
	}
	for _, step := range []struct {
		args   []string
		said   string
		called string // the code of a call afterwards
		listed string
	}{
		{[]string{"add", "more", "--url", other.URL(), "--label", "private"}, "more is added; it is up", "", "private  up"},
		{[]string{"add", "more", "--url", other.URL()}, "there is an upstream of that name already", "", "up"},
		{[]string{"disable", "more"}, "more is disabled; the running gateway does not offer it any more", "unknown_tool", "disabled"},
		{[]string{"disable", "more"}, "more is disabled already", "unknown_tool", "disabled"},
		{[]string{"enable", "more"}, "more is enabled; it is up", "", "up"},
		{[]string{"remove", "more"}, "more is removed; the running gateway does not offer it any more", "unknown_tool", ""},
		{[]string{"remove", "more"}, "there is no such upstream", "unknown_tool", ""},
		{[]string{"add", "more", "--", "no-such-program", "-y"}, "more is added; it is not up: ", "upstream_down", "not up"},
		{[]string{"remove", "more"}, "more is removed", "unknown_tool", ""},
		{[]string{"add", "more", "--url", other.URL(), "--header", "K=${NOT_SET_THERE}"}, "so the file stays as it was", "unknown_tool", ""},
		{[]string{"add", "more"}, "says nothing about where the upstream is", "unknown_tool", ""},
		{[]string{"add", "more__x", "--url", other.URL()}, "must not contain __", "unknown_tool", ""},
		{[]string{"add", "more", "npx"}, "stands behind --", "unknown_tool", ""},
		{[]string{"add", "more", "--env", "synthetic-secret-77", "--", "x"}, "write NAME=VALUE", "unknown_tool", ""},
		{[]string{"remove", "crm"}, "there is no such upstream", "unknown_tool", ""},
	} {
		_, out := g.Run(t, append([]string{"upstreams"}, step.args...)...)
		if !strings.Contains(out, step.said) || strings.Contains(out, "synthetic-secret-77") {
			t.Fatalf("%v says\n%s", step.args, out)
		}
		if got := called(); got != step.called {
			t.Errorf("after %v a call got %q", step.args, got)
		}
		listed(step.listed)
	}
	if got := readFile(t, g, "toolward.yaml"); got != file {
		t.Errorf("the file was\n%s\nand is\n%s", file, got)
	}
	rows := g.Rows(t, "", "SELECT body FROM events WHERE type = 'config.loaded' AND body ->> '$.added[0]' = 'more' ORDER BY seq LIMIT 1")
	if len(rows) == 0 {
		t.Error("the record has nothing of it")
	}
	g.Stop(t)
	if _, out := g.Run(t, "upstreams", "add", "more", "--url", other.URL()); !strings.Contains(out, "it takes effect with the next start") {
		t.Errorf("without a gateway: %s", out)
	}
	listed("unknown")
	g.Restart(t)
	if got := called(); got != "" {
		t.Errorf("after the start a call got %q", got)
	}
}
