//go:build e2e

package field

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestToolsAreKnownWithoutStartingThem runs commands beside a gateway and without one,
// and counts which upstreams each connects to.
func TestToolsAreKnownWithoutStartingThem(t *testing.T) {
	ups, offers, offered := map[string]*lab.Scripted{}, map[string]func(string){}, config{}
	for _, name := range []string{"a", "b", "new"} {
		ups[name], offers[name] = changing(t, file(""))
		offered[name] = ups[name].Config()
	}
	delete(offered, "new")
	g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters}, Config: map[string]any{"upstreams": offered}})
	started := func() (s string) {
		for _, name := range []string{"a", "b", "new"} {
			s += fmt.Sprint(len(ups[name].Got("initialize")))
		}
		return s
	}
	before := started()
	// since is what a command connects to, as "a b".
	since := func() string {
		var names []string
		for i, name := range []string{"a", "b", "new"} {
			if started()[i] != before[i] {
				names = append(names, name)
			}
		}
		before = started()
		return strings.Join(names, " ")
	}
	pinned := ""
	type command struct {
		args      string
		code      int
		says, not string
		starts    string
	}
	run := func(c command) {
		t.Helper()
		code, out := g.Run(t, append(strings.Fields(strings.Replace(c.args, "SHOWN", pinned, 1)), "--config", "toolward.yaml")...)
		if _, rest, ok := strings.Cut(out, "tools pin '"); ok {
			pinned, _, _ = strings.Cut(rest, "'")
		}
		if got := since(); code != c.code || !strings.Contains(out, c.says) || c.not != "" && strings.Contains(out, c.not) || got != c.starts {
			t.Errorf("%s: exit code %d, started %q (want %d, %q, with %q and not %q): %s", c.args, code, got, c.code, c.starts, c.says, c.not, out)
		}
	}
	for _, c := range []command{
		{"tools list", 0, "b__file", "no gateway runs", ""},
		{"tools list --fresh", 0, "b__file", "no gateway runs", ""},
		{"tools show a__file", 0, `"Writes."`, "no gateway runs", ""},
		{"tools show --fresh a__file", 0, `"Writes."`, "", ""},
		{"tools diff", 0, "", "file", ""},
		{"policy check", 0, "the running gateway", "", ""},
	} {
		run(c)
	}
	offers["a"](strings.Replace(file(""), "Writes.", "Reads.", 1))
	run(command{"tools show a__file", 0, "Writes.", "Reads.", ""})
	run(command{"tools show --fresh a__file", 0, "Reads.", "", ""})
	offers["a"](file(""))
	g.Stop(t)
	since()
	for _, c := range []command{
		{"tools list", 0, "no gateway runs: this is what was accepted", "starting", ""},
		{"tools list", 0, "b__file", "", ""},
		{"tools list a", 0, "a__file", "b__file", ""},
		{"tools list -o json", 0, `"pinned": false`, `"pinned": true`, ""},
		{"tools show a__file", 0, `"Writes."`, "", ""},
		{"tools show a__none", 2, "nothing of that name is offered", "", ""},
		{"tools diff", 2, "--fresh starts them", "", ""},
		{"policy check", 0, "the definitions that are pinned", "", ""},
		{"tools list --fresh", 0, "starting a, b", "no gateway runs", "a b"},
		{"tools list --fresh b", 0, "b__file", "a__file", "b"},
		{"tools show --fresh a__file", 0, "starting a to", "", "a"},
		{"tools show --fresh nobody__file", 2, "nothing of that name is offered", "", "a b"},
		{"tools diff --fresh", 0, "", "to accept", "a b"},
	} {
		run(c)
	}
	offers["a"](strings.Replace(file(""), "Writes.", "Reads.", 1))
	for _, c := range []command{
		{"tools list a", 0, "on first use", "waits", ""},
		{"tools list --fresh a", 0, "waits for a person", "", "a"},
		{"tools diff --fresh b", 0, "", "to accept", "b"},
		{"tools diff --fresh a", 1, "Reads.", "", "a"},
		{"tools pin SHOWN", 0, "accepted a__file@", "", "a"},
		{"tools list", 0, "by a person", "", ""},
	} {
		run(c)
	}
	g.Edit(t, func(c config) { c["upstreams"].(config)["new"] = ups["new"].Config() })
	run(command{"tools list", 0, "new__file", "", "new"})
	run(command{"tools list", 0, "new__file", "", ""})
	g.Edit(t, func(c config) {
		c["upstreams"].(config)["a"].(config)["headers"] = config{"Authorization": "${LAB_NO_SUCH_VARIABLE}"}
	})
	run(command{"tools list", 0, "a__file", "left out", ""})
	run(command{"tools list --fresh", 2, "LAB_NO_SUCH_VARIABLE", "", ""})
	g.Edit(t, func(c config) {
		c["upstreams"].(config)["newest"] = config{"url": "http://127.0.0.1:9/mcp", "headers": config{"Authorization": "${LAB_NO_SUCH_VARIABLE}"}}
	})
	run(command{"tools list", 0, "left out, since nothing of it is pinned and it cannot be started: newest: ", "a, ", ""})
}
