package policy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"toolward/gateway"
)

// TestMistakes runs testdata/mistakes/*.txtar: tables of what people get wrong. Each
// policy NAME.rego is checked alone against the tools of tools.json, and NAME.want
// holds every problem that is reported. A mistake about which nothing is said is
// a failure, and so is a word about one of those named fine-….
func TestMistakes(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and long")
	}
	tables, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(tables) == 0 {
		t.Fatal("no tables", err)
	}
	for _, table := range tables {
		archive, err := txtar.ParseFile(table)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, f := range archive.Files {
			want[f.Name] = string(f.Data)
		}
		offered := catalogOf(t, "testdata/mistakes/tools.json")
		out := &txtar.Archive{Comment: archive.Comment}
		for _, f := range archive.Files {
			name, isCase := strings.CutSuffix(f.Name, ".rego")
			if !isCase {
				continue
			}
			got := mistakes(t, f, offered)
			out.Files = append(out.Files, f, txtar.File{Name: name + ".want", Data: []byte(got)})
			t.Run(name, func(t *testing.T) {
				if fine := strings.HasPrefix(name, "fine-"); fine != (got == "") {
					t.Errorf("problems: %s", got)
				}
				if diff := cmp.Diff(want[name+".want"], got); diff != "" && !*update {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(table, txtar.Format(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// mistakes are the problems of one policy.
func mistakes(t *testing.T, f txtar.File, offered *Offered) string {
	t.Helper()
	dir := writeFiles(t, map[string]string{"p.rego": string(f.Data), "data.yaml": "limits: {daily: 5, sizes: {big: 10}}\n"})
	e, err := Open(t.Context(), Options{Path: dir})
	var found Problems
	if err != nil && !errors.As(err, &found) {
		t.Fatal(err)
	}
	if err == nil {
		found = e.Check(offered)
	}
	if len(found) == 0 {
		return ""
	}
	return strings.ReplaceAll(found.Error(), dir+"/", "") + "\n"
}

// catalogOf reads what upstreams offer: definitions by server, tool and all.
func catalogOf(t *testing.T, file string) *Offered {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var servers map[string][]json.RawMessage
	if err := json.Unmarshal(raw, &servers); err != nil {
		t.Fatal(err)
	}
	o := &Offered{}
	for server, tools := range servers {
		o.Servers = append(o.Servers, server)
		for _, def := range tools {
			var named struct{ Name string }
			if err := json.Unmarshal(def, &named); err != nil {
				t.Fatal(err)
			}
			o.Tools = append(o.Tools, &gateway.Tool{
				Kind: gateway.KindTool, Server: server, Name: named.Name, Wire: server + "__" + named.Name, Definition: def,
			})
		}
	}
	return o
}
