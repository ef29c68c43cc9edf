package watch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// Each kind of path that can be watched, and a change of it. It is noticed by an
// event, twice in a row; and a file beside it that changes is nobody's
// business: the record lies there by default.
func TestChangesAreToldAndNeighboursAreNot(t *testing.T) {
	write := func(t *testing.T, path string) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("old"), 0o600))
	}
	link := func(t *testing.T, to, path string) {
		t.Helper()
		must(t, os.Symlink(to, path+".new"), os.Rename(path+".new", path))
	}
	for name, tt := range map[string]struct {
		root   string
		make   func(t *testing.T, dir string)
		change func(t *testing.T, dir string)
		beside bool // the folder above has to be watched
	}{
		"a folder": {root: "policies",
			make:   func(t *testing.T, dir string) { write(t, dir+"/policies/p.rego") },
			change: func(t *testing.T, dir string) { replace(t, dir+"/policies/p.rego", "new") }},
		"a folder in it": {root: "policies",
			make:   func(t *testing.T, dir string) { write(t, dir+"/policies/tools/deep/p.rego") },
			change: func(t *testing.T, dir string) { replace(t, dir+"/policies/tools/deep/p.rego", "new") }},
		"a folder that is exchanged": {root: "policies",
			make: func(t *testing.T, dir string) { write(t, dir+"/policies/p.rego") },
			change: func(t *testing.T, dir string) {
				write(t, dir+"/next/p.rego")
				must(t, os.RemoveAll(dir+"/last"), os.Rename(dir+"/policies", dir+"/last"), os.Rename(dir+"/next", dir+"/policies"))
			}},
		"a file that is replaced": {root: "p.rego",
			make:   func(t *testing.T, dir string) { write(t, dir+"/p.rego") },
			change: func(t *testing.T, dir string) { replace(t, dir+"/p.rego", "new") }},
		"a file that is written": {root: "p.rego",
			make:   func(t *testing.T, dir string) { write(t, dir+"/p.rego") },
			change: func(t *testing.T, dir string) { write(t, dir+"/p.rego") }},
		"a link to a folder": {root: "policies", beside: true,
			make:   func(t *testing.T, dir string) { write(t, dir+"/v1/p.rego"); link(t, "v1", dir+"/policies") },
			change: func(t *testing.T, dir string) { write(t, dir+"/v2/p.rego"); link(t, "v2", dir+"/policies") }},
		"a link to a file": {root: "p.rego", beside: true,
			make:   func(t *testing.T, dir string) { write(t, dir+"/v1"); link(t, "v1", dir+"/p.rego") },
			change: func(t *testing.T, dir string) { write(t, dir+"/v2"); link(t, "v2", dir+"/p.rego") }},
		"what is not there": {root: "p.rego", beside: true,
			make:   func(*testing.T, string) {},
			change: func(t *testing.T, dir string) { write(t, dir+"/p.rego"); must(t, os.Remove(dir+"/p.rego")) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, dir)
			w, err := fsnotify.NewWatcher()
			must(t, err)
			defer w.Close()
			neighbour := filepath.Join(dir, "toolward.db-wal")
			for round := range 2 {
				watchAll(w, []string{filepath.Join(dir, tt.root), ""})
				write(t, neighbour)
				tt.change(t, dir)
				// The change's own events end with one of its own file; what the neighbour
				// told, if anything, came before.
				told := <-w.Events
				for told.Name == neighbour && tt.beside {
					told = <-w.Events
				}
				if told.Name == neighbour {
					t.Fatalf("round %d: %s is told", round, told)
				}
				drain(t, w)
			}
		})
	}
}

// drain reads the events that there are: up to one that was asked for.
func drain(t *testing.T, w *fsnotify.Watcher) {
	t.Helper()
	end := filepath.Join(t.TempDir(), "end")
	must(t, w.Add(filepath.Dir(end)), os.WriteFile(end, nil, 0o600))
	for e := range w.Events {
		if e.Name == end {
			break
		}
	}
	must(t, w.Remove(filepath.Dir(end)))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func replace(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.WriteFile(file+".tmp", []byte(content), 0o600), os.Rename(file+".tmp", file))
}
