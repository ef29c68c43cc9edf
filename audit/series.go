package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Point is how many calls of an interval have some values.
type Point struct {
	Time   string   `json:"time,omitempty"` // the interval's beginning; "" if all time is one
	Values []string `json:"values"`         // one of each that is counted by
	Calls  int64    `json:"calls"`
}

// Series counts the calls of a filter by what they are counted by, one or several
// of the [Attributes], for each interval of some hours, or for all time if every is
// 0. A call with several labels, roles or rules counts for each.
func (r *Reader) Series(ctx context.Context, f Filter, by []string, every time.Duration) ([]Point, error) {
	if every%time.Hour != 0 {
		return nil, fmt.Errorf("an interval of %v is not of whole hours", every)
	}
	var values []func(*facet) []string
	for _, name := range by {
		of, err := valuesBy(name)
		if err != nil {
			return nil, err
		}
		values = append(values, of)
	}
	type key struct {
		at     int64
		values string
	}
	step := int64(every / time.Hour)
	points, lists, of := map[key]int64{}, map[string][]string{}, map[*facet][]string{}
	_, err := r.sums(ctx, f, 0, step, func(one sum) {
		at := int64(0)
		if step > 0 {
			at = one.at / step * step
		}
		if _, ok := of[one.facet]; !ok {
			of[one.facet] = []string{}
			for _, list := range combinations(one.facet, values) {
				name := strings.Join(list, "\x00")
				lists[name], of[one.facet] = list, append(of[one.facet], name)
			}
		}
		for _, name := range of[one.facet] {
			points[key{at, name}] += one.calls
		}
	})
	if err != nil {
		return nil, fmt.Errorf("audit statistics: %w", err)
	}
	all := make([]Point, 0, len(points))
	for k, n := range points {
		p := Point{Values: lists[k.values], Calls: n}
		if step > 0 {
			p.Time = time.UnixMilli(k.at * hourMs).UTC().Format(time.RFC3339)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(b.Calls, a.Calls), slices.Compare(a.Values, b.Values))
	})
	return all, nil
}

// Change is how many calls have some values in a time, and in the one before it.
type Change struct {
	Values []string `json:"values"`
	Calls  int64    `json:"calls"`
	Before int64    `json:"before"`
}

// Changes counts the calls of a filter, and those of the time before its Since that
// is as long, by some of the [Attributes]: what rose most comes first.
func (r *Reader) Changes(ctx context.Context, f Filter, by []string) ([]Change, error) {
	if f.Until.IsZero() {
		f.Until = time.Now()
	}
	before := f
	before.Since, before.Until = f.Since.Add(-f.Until.Sub(f.Since)), f.Since
	changes := map[string]*Change{}
	for _, part := range []struct {
		filter Filter
		add    func(*Change, int64)
	}{{f, func(c *Change, n int64) { c.Calls = n }}, {before, func(c *Change, n int64) { c.Before = n }}} {
		points, err := r.Series(ctx, part.filter, by, 0)
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			key := strings.Join(p.Values, "\x00")
			if changes[key] == nil {
				changes[key] = &Change{Values: p.Values}
			}
			part.add(changes[key], p.Calls)
		}
	}
	all := make([]Change, 0, len(changes))
	for _, c := range changes {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Calls-b.Before, a.Calls-a.Before), slices.Compare(a.Values, b.Values))
	})
	return all, nil
}

// combinations are one of each values: roles a and b, tool t → [a t], [b t].
func combinations(one *facet, values []func(*facet) []string) [][]string {
	all := [][]string{nil}
	for _, of := range values {
		var longer [][]string
		for _, list := range all {
			for _, v := range of(one) {
				longer = append(longer, append(slices.Clone(list), v))
			}
		}
		all = longer
	}
	return all
}

// valuesBy is how to read what calls are counted by, by its name.
func valuesBy(name string) (func(*facet) []string, error) {
	columns := map[string]func(*facet) string{
		"agent": func(f *facet) string { return f.agent }, "server": func(f *facet) string { return f.server }, "tool": func(f *facet) string { return f.tool },
		"kind": func(f *facet) string { return f.kind }, "effect": func(f *facet) string { return f.effect }, "outcome": func(f *facet) string { return f.outcome }, "code": func(f *facet) string { return f.code },
	}
	marks := map[string]func(*mark) []string{
		"issuer": func(m *mark) []string { return []string{m.Issuer} }, "peer": func(m *mark) []string { return []string{m.Peer} }, "revision": func(m *mark) []string { return []string{m.Revision} },
		"role": func(m *mark) []string { return m.Roles }, "label": func(m *mark) []string { return m.Labels }, "finding": func(m *mark) []string { return m.Findings }, "rule": func(m *mark) []string { return m.Rules },
	}
	if column := columns[name]; column != nil {
		return func(f *facet) []string { return []string{column(f)} }, nil
	}
	if member := marks[name]; member != nil {
		return func(f *facet) []string {
			var m mark
			if json.Unmarshal([]byte(f.mark), &m) != nil {
				return nil
			}
			return member(&m)
		}, nil
	}
	return nil, fmt.Errorf("calls are not counted by %q", name)
}

// Attributes are the names of what calls are counted by.
func Attributes() (names []string) {
	for _, a := range attributes {
		names = append(names, a.name)
	}
	return names
}
