package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 if the place is not known
	Field        string // path of the field, "auth.issuers[0].audience"; "" for the file as a whole
	Message      string
	Hint         string // what to do; "" if the message says it

	unset bool // it is that a variable is not set
}

// Error is "file:line:column: field: message", and the hint on a line of its own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("\n  " + e.Hint)
	}
	return b.String()
}

// Errors are all that is wrong with a file, by place.
type Errors []*Error

// Error is all of them, one after the other.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// nearest says which of the valid names was probably meant, or lists them.
func nearest(name string, valid []string) string {
	best, least := "", len(name)/3+2
	for _, v := range valid {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(v)); d < least {
			best, least = v, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	sorted := slices.Sorted(slices.Values(valid))
	return "valid here: " + strings.Join(sorted, ", ")
}

// parent is the path of what a field is in.
func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	return path[:max(i, 0)]
}
