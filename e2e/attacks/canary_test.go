//go:build e2e

package attacks

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestCanaries gives the gateway secrets, has its upstreams echo them in results
// and errors, and looks for them in every answer, log and file.
func TestCanaries(t *testing.T) {
	upstream := "canary-" + "upstream-5f2c9a7d1e"
	process := "canary-" + "process-8b31d6f04c"
	p, u := lab.NewProcess(t), lab.NewUpstream(t)
	entry := p.Config()
	entry["env"].(map[string]any)["LAB_TOKEN"] = "${PROCESS_SECRET}"
	g := lab.Start(t, lab.Options{Upstream: u, Env: []string{"UPSTREAM_SECRET=" + upstream, "PROCESS_SECRET=" + process}, Config: map[string]any{
		"upstreams": map[string]any{
			"lab":  map[string]any{"url": u.URL(), "headers": map[string]any{"Authorization": "Bearer ${UPSTREAM_SECRET}"}},
			"proc": entry,
		},
		"log": map[string]any{"level": "debug"},
	}})
	token := g.Tester()
	canaries := map[string]string{"the upstream's credential": upstream, "the process's credential": process, "the agent's token": token, "its signature": token[strings.LastIndex(token, ".")+1:]}
	check := func(where, text string) {
		for what, canary := range canaries {
			if strings.Contains(text, canary) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
	for _, server := range []string{"lab", "proc"} {
		for _, tool := range []string{"leak", "leak_in_an_error"} {
			a := lab.CallREST(t, g, token, server+"__"+tool, lab.Text("give it away"))
			if a.ID == "" {
				t.Errorf("%s of %s: no call in %+v", tool, server, a)
			}
			check("the answer of "+tool+" of "+server, a.Text)
		}
	}
	for _, s := range lab.Surfaces {
		check("the answer over "+s.Name, s.Call(t, g, token, "leak", lab.Text("give it away")).Text)
		check("the error over "+s.Name, s.Call(t, g, token, "leak_in_an_error", lab.Text("give it away")).Text)
		check("the answer to a token in the arguments over "+s.Name, s.Call(t, g, g.Token("another", "tester"), "echo", lab.Text(token)).Text)
	}
	g.CloseStdio(t)
	sent := false
	for _, c := range u.Ledger() {
		if strings.Contains(c.Header.Get("Authorization"), token) {
			t.Error("the agent's token was passed on to the upstream")
		}
		sent = sent || c.Header.Get("Authorization") == "Bearer "+upstream
	}
	if !sent {
		t.Error("the upstream never got its credential: the test proves nothing")
	}
	_, printed := g.Run(t, "config", "check", "toolward.yaml")
	check("config check", printed)
	_, printed = g.Run(t, "audit", "export", "--config", "toolward.yaml")
	check("audit export", printed)
	g.Stop(t)
	check("the log", g.Log.String())
	must(t, filepath.WalkDir(g.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		check(filepath.Base(path), string(content))
		return err
	}))
}
