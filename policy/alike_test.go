package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestAnswersAreOPAs holds the engine against the policy as it is written on what Go
// and OPA could see otherwise: what is undefined, null or false, what fails, numbers
// that are written otherwise, names that stand for another thing.
func TestAnswersAreOPAs(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/alike/alike.txtar")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range archive.Files {
		parts[f.Name] = string(f.Data)
	}
	tried := 0
	for _, f := range archive.Files {
		name, isPolicy := strings.CutSuffix(f.Name, ".rego")
		if !isPolicy {
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"t.rego": "package tools.files.read_file\n\n" + parts[f.Name], "a.rego": "package gateway\n\nallow := true\n",
				"data.yaml": "limits: {r: 5, w: 10}\nflags: {off: false}\nnested: [{a: 1}, {a: false}]\n",
			}
			if helpers := parts[name+".helpers"]; helpers != "" {
				files["h.rego"] = "package helpers\n\n" + helpers
			}
			dir := writeFiles(t, files)
			e, err := Open(t.Context(), Options{Path: dir, Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			plain := plainDecider(t, dir)
			for _, args := range strings.Split(strings.TrimSpace(parts[name+".args"]), "\n") {
				c := readCall(t, args)
				c.Tool.Server, c.Tool.Name = "files", "read_file"
				for range 2 { // what is remembered counts too
					got, gotErr := judged(t.Context(), e, c)
					want, wantErr := plain(c)
					if diff := cmp.Diff(want, got); diff != "" || (gotErr == nil) != (wantErr == nil) {
						t.Errorf("%s (-as written +engine):\n%s%v %v", args, diff, wantErr, gotErr)
					}
				}
			}
		})
	}
	if tried < 50 {
		t.Errorf("%d policies, want 50", tried)
	}
}
