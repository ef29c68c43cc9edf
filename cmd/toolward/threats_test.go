package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A threat is a row of a table in docs/threat-model.md:
//
//	| MCP03 Tool poisoning | pins, guard | `upstream.TestChanged…`, `e2e/labels.test.js` | what is not covered |
var (
	threat = regexp.MustCompile(`(?m)^\| (MCP\d\d|MCP-T\d+|[A-Z]\d) [^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$`)
	shown  = regexp.MustCompile("`([a-z0-9/_.-]+)\\.(Test[A-Za-z0-9]+)`")
	script = regexp.MustCompile("`([a-z0-9/_.-]+\\.test\\.js)`")
)

// TestThreatModelNamesTestsThatExist: every threat of both lists has its row, each row
// a control, a test that is there, and what it leaves open.
func TestThreatModelNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range threat.FindAllStringSubmatch(string(page), -1) {
		id, control, tests, open := m[1], strings.TrimSpace(m[2]), m[3], strings.TrimSpace(m[4])
		if rows[id] {
			t.Errorf("%s stands twice", id)
		}
		rows[id] = true
		if control == "" || open == "" {
			t.Errorf("%s has control %q and leaves open %q", id, control, open)
		}
		if len(shown.FindAllString(tests, -1))+len(script.FindAllString(tests, -1)) == 0 {
			t.Errorf("%s names no test: %s", id, tests)
		}
	}
	for i := 1; i <= 12; i++ {
		for _, id := range []string{fmt.Sprintf("MCP%02d", i), fmt.Sprintf("MCP-T%d", i)} {
			if !rows[id] && (i <= 10 || strings.Contains(id, "T")) {
				t.Errorf("%s has no row", id)
			}
		}
	}
	for _, m := range shown.FindAllStringSubmatch(string(page), -1) {
		files, err := filepath.Glob("../../" + m[1] + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		if !declares(t, files, m[2]) {
			t.Errorf("there is no test %s in %s", m[2], m[1])
		}
	}
	for _, m := range script.FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat("../../" + m[1]); err != nil {
			t.Error(err)
		}
	}
}

func declares(t *testing.T, files []string, name string) bool {
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t ") {
			return true
		}
	}
	return false
}

// link is a link of a page to something of this repository: [guard](guard.md#names).
var link = regexp.MustCompile(`\]\(([^)\s:#]+)(#[^)\s]*)?\)`)

// TestLinksLeadSomewhere follows each link of each page to a file, and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git") {
				return fs.SkipDir
			}
			return err
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			found++
			to := filepath.Join(filepath.Dir(path), m[1])
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if m[2] != "" && filepath.Ext(to) == ".md" && !hasHeading(t, to, m[2]) {
				t.Errorf("%s: %s has no heading %s", path, to, m[2])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 60 {
		t.Errorf("only %d links were found", found)
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// hasHeading reports whether a page has the heading that an anchor names, as forges
// make them: "## What it costs" is #what-it-costs.
func hasHeading(t *testing.T, page, anchor string) bool {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		heading := strings.TrimLeft(line, "#")
		if heading == line {
			continue
		}
		if "#"+strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}
