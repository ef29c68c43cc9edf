package policy

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"toolward/gateway"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenDecision is a Decision as the golden files write it. The revision is
// left out: it changes with every comma of the library.
type goldenDecision struct {
	Effect  gateway.Effect `json:"effect"`
	Reasons []string       `json:"reasons,omitempty"`
	Rules   []gateway.Rule `json:"rules,omitempty"`
	Redact  []string       `json:"redact,omitempty"`
	Labels  []string       `json:"labels,omitempty"`
}

// TestDecisions runs testdata/*.txtar: each holds a policy, calls
// (NAME.call.json) and the exact decision about each (NAME.want.json).
func TestDecisions(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { golden(t, name) })
	}
}

func golden(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files, want, at := map[string]string{}, map[string]string{}, map[string]int{}
	for i, f := range archive.Files {
		switch {
		case strings.HasSuffix(f.Name, ".want.json"):
			want[strings.TrimSuffix(f.Name, ".want.json")] = string(f.Data)
			at[f.Name] = i
		case !strings.HasSuffix(f.Name, ".call.json"):
			files[f.Name] = string(f.Data)
		}
	}
	dir := writeFiles(t, files)
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		call, ok := strings.CutSuffix(f.Name, ".call.json")
		if !ok {
			continue
		}
		t.Run(call, func(t *testing.T) {
			got := render(t, e, dir, parseCall(t, string(f.Data)))
			if *update {
				if i, ok := at[call+".want.json"]; ok {
					archive.Files[i].Data = []byte(got)
				} else {
					archive.Files = append(archive.Files, txtar.File{Name: call + ".want.json", Data: []byte(got)})
				}
				return
			}
			if diff := cmp.Diff(want[call], got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func render(t *testing.T, e *Engine, dir string, c *gateway.Call) string {
	t.Helper()
	d := decide(t, e, c)
	g := goldenDecision{Effect: d.Effect, Reasons: d.Reasons, Rules: d.Rules, Redact: d.Redact, Labels: d.Labels}
	out, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), dir+"/", "") + "\n"
}
