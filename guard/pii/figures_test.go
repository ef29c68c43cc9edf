package pii_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"toolward/guard/pii"
)

var (
	data = flag.String("data", "../../../shared/data/guard/dev.jsonl.gz", "labelled development data; see its README")
	list = flag.Bool("list", false, "print what was missed and what was wrongly found")
)

type row struct{ Source, Surface, Label, Variant, Text string }

func readRows(t *testing.T) []row {
	t.Helper()
	file, err := os.Open(*data)
	if os.IsNotExist(err) {
		t.Skipf("no development data at %s: give its place with -data", *data)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestFiguresHold measures recall and false findings on the development data
// and fails below floors that leave a little room. docs/guard-secrets.md quotes
// what it prints with -v.
func TestFiguresHold(t *testing.T) {
	d := pii.New(pii.Options{})
	hits, all, rules := map[string]int{}, map[string]int{}, map[string]int{}
	recalled, people, wrong, lookalikes := 0, 0, 0, 0
	for _, r := range readRows(t) {
		group := r.Variant
		isPII := r.Label == "pii"
		lookalike := r.Label == "benign" && (r.Source == "pii-negatives" || r.Source == "presidio-templates")
		switch {
		case isPII:
			people++
		case lookalike:
			lookalikes++
			group = "look-alike " + r.Variant
		case r.Label == "benign" && r.Surface != "user_prompt":
			group = "ordinary (holds invented people)"
		default:
			continue
		}
		found := d.Scan(nil, "", r.Text)
		all[group]++
		if len(found) > 0 {
			hits[group]++
		}
		switch {
		case isPII && len(found) > 0:
			recalled++
		case lookalike && len(found) > 0:
			wrong++
		}
		where := ""
		for _, f := range found {
			where += fmt.Sprintf("%s %q ", f.Rule, r.Text[f.Span[0]:f.Span[1]])
			if !isPII && !lookalike {
				rules[f.Rule]++
			}
		}
		if *list && (isPII && len(found) == 0 || !isPII && len(found) > 0) {
			t.Logf("%s/%s %s %.500q", r.Source, r.Variant, where, r.Text)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%-36s %4d of %4d", group, hits[group], all[group])
	}
	t.Log(rules)
	recall, false_ := float64(recalled)/float64(people), float64(wrong)/float64(lookalikes)
	t.Logf("recall %.4f, look-alikes %.4f (%d of %d)", recall, false_, wrong, lookalikes)
	if recall < 0.98 || false_ > 0.02 {
		t.Errorf("recall %.4f, want at least 0.98; look-alikes %.4f, want at most 0.02", recall, false_)
	}
}
