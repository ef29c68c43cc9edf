package provenance

import (
	"slices"
	"testing"
)

// TestRedactedCopiesAreGone takes out what matches span, in every cell of the
// matrix: nothing is left to be found.
func TestRedactedCopiesAreGone(t *testing.T) {
	s := New(Options{})
	learn(s, "agent", "call-1", secretText)
	for _, tr := range transforms {
		for _, pl := range placements {
			fields := pl.f(tr.f(leaked))
			matches, _ := s.Check("agent", fields)
			for i := range fields {
				var spans [][2]int
				for _, m := range matches {
					if m.Field == i {
						spans = append(spans, m.Span)
					}
				}
				slices.SortFunc(spans, func(a, b [2]int) int { return b[1] - a[1] })
				start := len(fields[i].Text)
				for _, span := range spans { // from the back, so that offsets stay right
					if hi := min(span[1], start); span[0] < hi {
						fields[i].Text = fields[i].Text[:span[0]] + "[gone]" + fields[i].Text[hi:]
						start = span[0]
					}
				}
			}
			again := New(Options{}) // without the tails of what was sent before,
			again.keys = s.keys     // and as lucky with runs that are found by chance
			learn(again, "agent", "call-1", secretText)
			if left, _ := again.Check("agent", fields); len(left) > 0 {
				t.Errorf("%s/%s: %+v in %.200q", tr.name, pl.name, left[0], fields[left[0].Field].Text)
			}
		}
	}
}
