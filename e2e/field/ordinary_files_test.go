//go:build e2e

package field

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// An agent that reads ordinary files all day is not kept from sending mail: this
// project's pages, and the READMEs, changelogs and licences of the modules that it is
// built of. The page that quotes attacks word for word is left out.
func TestReadingOrdinaryFilesClosesNothing(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	dirs, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range strings.Fields(string(dirs)) {
		for _, pattern := range []string{"README*", "CHANGELOG*", "CONTRIBUTING*", "SECURITY*", "LICENSE*"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, files...)
		}
	}
	var text string
	files := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","description":"Reads a file.","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Error(err)
			}
			return `"result":{"content":[{"type":"text","text":` + string(quoted) + `}]}`
		}
		return ""
	}).Config()
	files["labels"] = "private"
	mail := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: mail, Config: map[string]any{
		"limits":    map[string]any{"default": map[string]any{"rate": "600000/min", "burst": 100000}},
		"upstreams": map[string]any{"files": files, "lab": map[string]any{"url": mail.URL(), "labels": "external"}},
	}})
	read := 0
	for _, page := range pages {
		info, err := os.Stat(page)
		if err != nil || info.IsDir() || filepath.Base(page) == "guard-figures.md" {
			continue
		}
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b[:min(len(b), 128<<10)])
		if a := lab.CallREST(t, g, g.Tester(), "files__read", `{}`); a.Status != 200 {
			t.Errorf("%s: %d %s", page, a.Status, a.Text)
		}
		read++
		if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("weekly report")); a.Status != 200 {
			t.Fatalf("after %s, the %dth file: %d %s", page, read, a.Status, a.Text)
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}
