package guard

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard/classify"
)

// verdicts counts files by what guard made of them.
type verdicts struct{ files, found, suspected, blocked int }

func (v *verdicts) add(t *testing.T, s *Scanner, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.ScanText(t.Context(), string(text[:min(len(text), 64<<10)]), classify.ToolResult)
	if err != nil {
		t.Fatal(err)
	}
	v.files++
	worst := -1
	for i := range report.Findings {
		if f := &report.Findings[i]; injectionKind(f.Kind) && (worst < 0 || weight(f.Action) > weight(report.Findings[worst].Action)) {
			worst = i
		}
	}
	if worst < 0 {
		return
	}
	f := report.Findings[worst]
	t.Logf("%s: %s %.3f %s: %s", path, f.Rule, f.Score, f.Action, f.Sample)
	v.found++
	if f.Action != gateway.ActionObserve {
		v.suspected++
	}
	if f.Action == gateway.ActionBlock {
		v.blocked++
	}
}

// TestOrdinaryFilesAreQuiet scans files that are on every machine with Go and that
// took no part in training: sources and tests, documentation, data, scripts, licences.
// Before ordinary files were taught, 12 in 1000 of them were suspected and 2 blocked.
func TestOrdinaryFilesAreQuiet(t *testing.T) {
	s := newScanner(t, Options{})
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	var v verdicts
	n := 0
	for _, dir := range []string{"src", "test", "doc", "api", "misc"} {
		err := filepath.WalkDir(filepath.Join(strings.TrimSpace(string(root)), dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			switch filepath.Ext(path) {
			case ".go", ".txt", ".md", ".html", ".js", ".s", ".c", ".h", ".pl", ".bash", ".mod", ".css", "":
				if n++; n%15 == 0 { // all of them would take a minute
					v.add(t, s, path)
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // some packages of Go leave folders out
			t.Fatal(err)
		}
	}
	t.Logf("%+v", v)
	if v.files < 500 || v.suspected*200 > v.files || v.blocked*1000 > v.files {
		t.Errorf("of %d ordinary files %d are suspected and %d blocked; at most 5 and 1 in 1000 may be", v.files, v.suspected, v.blocked)
	}
}

// TestOwnPagesAreQuiet scans this project's documentation, which speaks of orders to
// models all the time, and which the first agent behind a gateway reads. The pages
// that quote one word for word are left out.
func TestOwnPagesAreQuiet(t *testing.T) {
	s := newScanner(t, Options{})
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	var v verdicts
	for _, page := range append(pages, "../README.md", "../CHANGELOG.md", "../e2e/README.md") {
		if _, err := os.Stat(page); err == nil && filepath.Base(page) != "guard-figures.md" {
			v.add(t, s, page)
		}
	}
	if v.suspected > 0 {
		t.Errorf("of %d own pages %d are suspected, %d blocked", v.files, v.suspected, v.blocked)
	}
}
