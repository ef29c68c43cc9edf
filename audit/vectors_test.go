package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/audit/verify"
)

// verdict is what a verifier has to say of a vector.
type verdict struct {
	Holds       bool   `json:"holds"`            // with the keys
	WithoutKeys bool   `json:"without_keys"`     // likewise, without
	At          int64  `json:"at,omitempty"`     // the first event with a problem, if it is one of an event
	Events      int64  `json:"events,omitempty"` // of a record that holds
	Hash        string `json:"hash,omitempty"`   // of its last one
	Outside     int    `json:"outside,omitempty"`
}

// TestVectors has Verify say of each record in testdata/vectors what stands beside
// it. With -update they are made anew, from new synthetic keys.
func TestVectors(t *testing.T) {
	var there []string
	paths, err := filepath.Glob("testdata/vectors/*.txtar")
	must(t, err)
	for _, path := range paths {
		there = append(there, strings.TrimSuffix(filepath.Base(path), ".txtar"))
	}
	var want []string
	for _, v := range vectors {
		if want = append(want, v.name); *update {
			v.write(t)
		}
	}
	slices.Sort(want)
	slices.Sort(there)
	if !*update && !cmp.Equal(want, there) {
		t.Fatalf("the vectors are not those of the table: go test ./audit -run TestVectors -update\n%s", cmp.Diff(want, there))
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			path, want := loadVector(t, v.name)
			if want.Holds != v.holds || want.WithoutKeys != (v.holds || v.needsKeys) || want.At != v.at {
				t.Errorf("the file says %+v, the table %+v", want, v)
			}
			if got := judge(t, path, nil); got != want {
				t.Errorf("got %+v, want %+v: if the format changed, go test ./audit -run TestVectors -update", got, want)
			}
		})
	}
}

// judge is Verify's verdict. What it finds is logged by say, which may be nil.
func judge(t *testing.T, path string, say func(verify.Report)) (got verdict) {
	t.Helper()
	opts := verify.Options{Path: path, Keys: path + ".keys", Checkpoints: []string{path + ".checkpoints"}}
	v, err := verify.Record(t.Context(), opts)
	must(t, err)
	if say != nil {
		say(v)
	}
	opts.Keys = ""
	bare, err := verify.Record(t.Context(), opts)
	must(t, err)
	got = verdict{Holds: len(v.Problems) == 0, WithoutKeys: len(bare.Problems) == 0}
	if i := slices.IndexFunc(v.Problems, func(p verify.Problem) bool { return p.Seq > 0 }); i >= 0 {
		got.At = v.Problems[i].Seq
	}
	if got.Holds {
		got.Events, got.Hash, got.Outside = v.Events, v.Hash, v.Outside
	}
	return got
}

// write makes a vector's file.
func (v *vector) write(t *testing.T) {
	t.Helper()
	path := newRecord(t, 5)
	public := read(t, path+".pub")
	v.change(t, path)
	must(t, os.WriteFile(path+".pub", []byte(public), 0o600)) // what an auditor has
	a := &txtar.Archive{Comment: []byte(v.about + "\nMade by go test ./audit -run TestVectors -update. The keys are synthetic and used nowhere else.\n")}
	add := func(name string, text []byte) { a.Files = append(a.Files, txtar.File{Name: name, Data: text}) }
	add("record.sql", []byte(dump(t, path)))
	for _, suffix := range []string{".pub", ".checkpoints", ".keys"} {
		add("toolward.db"+suffix, []byte(read(t, path+suffix)))
	}
	got := judge(t, path, func(v verify.Report) { t.Log(v.Problems) })
	if got.Holds != v.holds || got.WithoutKeys != (v.holds || v.needsKeys) || got.At != v.at {
		t.Errorf("%s: Verify says %+v, and the table wants %+v", v.name, got, v)
	}
	text, err := json.Marshal(got)
	must(t, err)
	add("verdict.json", append(text, '\n'))
	must(t, os.MkdirAll("testdata/vectors", 0o755))
	must(t, os.WriteFile("testdata/vectors/"+v.name+".txtar", txtar.Format(a), 0o644))
}

// dumped are the tables that a vector holds. All else is derived from them.
var dumped = map[string]string{"events": eventColumns, "bodies": "seq, salt, text, beside", "interned": "digest, salt, text, last"}

// dump is a record as statements.
func dump(t *testing.T, path string) string {
	t.Helper()
	db, err := OpenReader(path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	var b strings.Builder
	for _, table := range []string{"events", "bodies", "interned"} {
		rows, err := db.db.Query("SELECT 'INSERT INTO " + table + " VALUES (' || " + quoted(dumped[table]) + " || ');' FROM " + table + " ORDER BY 1")
		must(t, err)
		var lines []string
		for rows.Next() {
			var line string
			must(t, rows.Scan(&line))
			lines = append(lines, line)
		}
		must(t, rows.Close())
		slices.SortStableFunc(lines, func(a, b string) int { return cmpNumbers(a, b) })
		for _, line := range lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// quoted joins columns as SQL literals.
func quoted(columns string) string {
	return "quote(" + strings.Join(strings.Split(columns, ", "), ") || ', ' || quote(") + ")"
}

// cmpNumbers orders statements by the number that is their first value.
func cmpNumbers(a, b string) int {
	var x, y int64
	_, _ = fmt.Sscanf(a[strings.Index(a, "(")+1:], "%d", &x) // of interned there is none
	_, _ = fmt.Sscanf(b[strings.Index(b, "(")+1:], "%d", &y)
	return int(x - y)
}

// loadVector makes a record of a vector, and says what has to be said of it.
func loadVector(t *testing.T, name string) (path string, want verdict) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/vectors/" + name + ".txtar")
	must(t, err)
	path = filepath.Join(t.TempDir(), "toolward.db")
	for _, f := range a.Files {
		switch f.Name {
		case "record.sql":
			must(t, create(Options{Path: path, Durability: DurabilityProcess}.withDefaults()))
			c, err := dial(Options{Path: path, Durability: DurabilityProcess, Busy: 1}, false)
			must(t, err)
			must(t, c.exec("BEGIN; "+string(f.Data)+" COMMIT"))
			must(t, c.close())
		case "verdict.json":
			must(t, json.Unmarshal(f.Data, &want))
		default:
			must(t, os.WriteFile(filepath.Join(filepath.Dir(path), f.Name), f.Data, 0o600))
		}
	}
	return path, want
}
