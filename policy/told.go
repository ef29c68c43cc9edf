package policy

import (
	"slices"
	"strings"
)

// What a rule gives may be put together of what its body found:
//
//	deny contains msg if { some t in input.args.tags; t in closed; msg := sprintf("%s is closed", [t]) }
//
// OPA would be asked anew for each other text. So it is told of a rule all of which Go
// answers that it gives a placeholder, which it hands through, and the texts are put
// in its place afterwards. A rule that anything but the library reads gives its own.

// told is what stands for a placeholder in one decision.
type told struct {
	placeholder string
	texts       []any
}

const placeholders = "\x00toolward/"

func placeholder(name string) string { return placeholders + name }

// fill puts texts in the place of placeholders, in a sorted list of texts.
func fill(list []string, said []told) []string {
	if len(said) == 0 || len(list) == 0 || !strings.HasPrefix(list[0], "\x00") {
		return list
	}
	out := make([]string, 0, len(list))
	for _, text := range list {
		i := slices.IndexFunc(said, func(t told) bool { return t.placeholder == text })
		if i < 0 {
			out = append(out, text)
			continue
		}
		for _, v := range said[i].texts {
			text, _ := v.(string) // which it is: see [text.take]
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// telling takes note that a rule's body holds, and of what the rule gives then.
type telling struct {
	n     int
	more  *body // of what stands behind the mark
	gives term
}

// take is part of taker. A body that holds of a rule that gives nothing is marked, and
// says nothing, which is OPA's to know.
func (s *telling) take(a *answering) {
	acc := &a.gather[s.n]
	before := len(acc.values)
	acc.n++
	if s.more.from(a, 0); len(acc.values) == before {
		a.unsure = true
	}
}

// text takes note of what the rule gives. What is no text is an error, which OPA's
// answer is read for.
type text telling

// take is part of taker.
func (s *text) take(a *answering) {
	v, ok := s.gives.value(a)
	if _, isText := v.(string); !ok || !isText {
		a.unsure = true
		return
	}
	acc := &a.gather[s.n]
	acc.values = append(acc.values, v)
}
