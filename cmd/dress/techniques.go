package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/classify"
	"toolward/guard/eval"
	"toolward/guard/guardtest"
)

// use is what one way of decoding does for one kind of text: in how many it leads to a
// finding that is acted on, and in how many nothing else does.
type use struct{ some, only int }

// technique is the uses of one way of decoding, named as findings name it.
type technique struct {
	dressed, bad, harmless use
}

// earned prints what each way of decoding finds that no other finds: among orders in
// all dresses, of which every so many is taken, and among the texts of a labelled file,
// those that hold something and those that are harmless, where it does harm. What
// stands in the text itself, or is found so as well, counts for none; what takes two
// ways in each other counts for both.
func earned(out io.Writer, s *guard.Scanner, data string, every int) error {
	found := map[string]*technique{}
	dressed := 0
	for _, d := range guardtest.Dressings() {
		for _, p := range guardtest.PlacesOf(d) {
			for _, o := range guardtest.Orders() {
				if d.Latin && !o.Latin() {
					continue
				}
				if dressed++; dressed%every == 0 {
					list, _ := scan(s, p, d.Apply(o.Text))
					count(found, slices.DeleteFunc(list, func(f gateway.Finding) bool { return !stops(f) }), func(t *technique) *use { return &t.dressed })
				}
			}
		}
	}
	var rows []eval.Row
	if data != "" {
		var err error
		if rows, err = eval.Open(data); err != nil {
			return err
		}
	}
	for i := range rows {
		of := func(t *technique) *use { return &t.bad }
		if rows[i].Label == eval.Benign {
			of = func(t *technique) *use { return &t.harmless }
		}
		report, err := s.ScanText(context.Background(), rows[i].Text, classify.SurfaceOf(rows[i].Surface))
		if err != nil {
			return fmt.Errorf("%s: %w", rows[i].ID, err)
		}
		count(found, slices.DeleteFunc(report.Findings, func(f gateway.Finding) bool { return f.Action == gateway.ActionObserve }), of)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "of %d orders in a dress\t\t%d texts\t\tharmless ones\t\t\t\n", dressed/every, len(rows))
	fmt.Fprint(w, "found\tnot without\tfound\tnot without\tfound\tnot without\tby\t\n")
	for _, name := range slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		x, y := found[a], found[b]
		return cmp.Or(cmp.Compare(y.dressed.only+y.bad.only, x.dressed.only+x.bad.only), cmp.Compare(a, b))
	}) {
		t := found[name]
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", t.dressed.some, t.dressed.only, t.bad.some, t.bad.only, t.harmless.some, t.harmless.only, name)
	}
	return w.Flush()
}

// count adds the findings of one text to the techniques that led to them.
func count(found map[string]*technique, list []gateway.Finding, of func(*technique) *use) {
	ways := map[string]int{} // of how many findings it is part
	for _, f := range list {
		parts := strings.Split(f.Via, ">")
		slices.Sort(parts)
		for _, name := range slices.Compact(parts) {
			if name != "" {
				ways[name]++
			}
		}
	}
	for name, n := range ways {
		if found[name] == nil {
			found[name] = new(technique)
		}
		u := of(found[name])
		if u.some++; n == len(list) {
			u.only++
		}
	}
}
