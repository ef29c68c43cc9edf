package exfil

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var data = flag.String("data", "../../../shared/data/guard/dev.jsonl.gz", "labelled development data; see its README")

// TestFigures measures the development data at a confidence of 0.5: at most one
// ordinary text in a thousand is a finding, no look-alike is, and results with
// an image that carries data are found. Arguments that carry data in plain
// words outside a URL cannot be.
func TestFigures(t *testing.T) {
	f, err := os.Open(*data)
	if os.IsNotExist(err) {
		t.Skipf("no development data at %s: give its place with -data", *data)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	found, all := map[string]int{}, map[string]int{}
	d := New()
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var row struct{ ID, Source, Surface, Label, Text string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Surface == "user_prompt" || row.Label != "benign" && row.Label != "exfil" {
			continue
		}
		class := row.Label + " " + row.Surface
		if row.Source == "exfil-lookalike" {
			class = "look-alike"
		}
		all[class]++
		if confidence(d, row.Text, row.Surface == "tool_args") >= 0.5 {
			found[class]++
			if row.Label == "benign" {
				t.Logf("false: %s", row.ID)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for class, n := range all {
		t.Logf("%s: %d of %d", class, found[class], n)
		if class == "look-alike" && found[class] > 0 || class != "look-alike" && class[:6] == "benign" && found[class]*500 > n {
			t.Errorf("%s: %d of %d", class, found[class], n)
		}
	}
	if n := all["exfil tool_result"]; found["exfil tool_result"]*10 < n*9 {
		t.Errorf("results: %d of %d", found["exfil tool_result"], n)
	}
	if n := all["exfil tool_args"]; found["exfil tool_args"]*2 < n {
		t.Errorf("arguments: %d of %d", found["exfil tool_args"], n)
	}
}

// confidence is the highest of any string of a JSON text, or of the text.
func confidence(d *Detector, text string, sent bool) float64 {
	best := 0.0
	scan := func(name, s string) {
		for _, f := range d.Scan(nil, Text{Text: s, Name: name, Sent: sent}) {
			best = max(best, f.Score)
		}
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case string:
			scan(name, v)
		case []any:
			for _, e := range v {
				walk(name, e)
			}
		case map[string]any:
			for n, e := range v {
				walk(n, e)
			}
		}
	}
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		walk("", v)
	} else {
		scan("", text)
	}
	return best
}
