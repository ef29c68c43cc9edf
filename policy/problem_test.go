package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestProblems runs testdata/problems/*.txtar: each holds a broken policy and
// the exact problems, all at once.
func TestProblems(t *testing.T) {
	names, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, ""
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			dir := writeFiles(t, files)
			_, err = Open(t.Context(), Options{Path: dir})
			if err == nil {
				t.Fatal("a broken policy was loaded")
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			if *update {
				rewrite(t, name, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func rewrite(t *testing.T, name string, archive *txtar.Archive, want string) {
	t.Helper()
	if last := len(archive.Files) - 1; archive.Files[last].Name == "want" {
		archive.Files = archive.Files[:last]
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
