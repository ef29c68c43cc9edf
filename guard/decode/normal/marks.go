package normal

import (
	"cmp"
	"slices"
	"sort"
)

// markIndex finds the marks of a text that overlap a span.
type markIndex struct {
	order []int32 // of Marks, by where they start
	reach []int   // where the furthest of order[:i+1] ends
}

// indexMarks prepares for [Text.MarksIn]. Marks come in the order in which they
// were found, which differs from pass to pass.
func (t *Text) indexMarks() {
	x := &t.marks
	x.order, x.reach = x.order[:0], x.reach[:0]
	for i := range t.Marks {
		x.order = append(x.order, int32(i))
	}
	slices.SortStableFunc(x.order, func(a, b int32) int { return cmp.Compare(t.Marks[a].Span[0], t.Marks[b].Span[0]) })
	end := 0
	for _, i := range x.order {
		end = max(end, t.Marks[i].Span[1])
		x.reach = append(x.reach, end)
	}
}

// MarksIn calls visit for each mark that overlaps a span of Raw, in no
// particular order.
func (t *Text) MarksIn(span [2]int, visit func(m *Mark)) {
	x := &t.marks
	i := sort.Search(len(x.order), func(i int) bool { return t.Marks[x.order[i]].Span[0] >= span[1] }) - 1
	for ; i >= 0 && x.reach[i] > span[0]; i-- {
		if m := &t.Marks[x.order[i]]; m.Span[1] > span[0] {
			visit(m)
		}
	}
}
