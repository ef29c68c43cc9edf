package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// FileDiff is a file that is not the same in two policies.
type FileDiff struct {
	Name   string `json:"name"`
	Change string `json:"change"` // added, removed, or changed
	Diff   string `json:"diff"`   // unified
}

// Diff says what makes two policies different, by file in the order of names.
func Diff(from, to []File) []FileDiff {
	texts := func(files []File) map[string]string {
		m := make(map[string]string, len(files))
		for _, f := range files {
			m[f.Name] = f.Text
		}
		return m
	}
	was, is := texts(from), texts(to)
	list := []FileDiff{}
	add := func(name, change string) {
		list = append(list, FileDiff{name, change, unified(name, was[name], is[name])})
	}
	for name, text := range was {
		switch now, ok := is[name]; {
		case !ok:
			add(name, "removed")
		case now != text:
			add(name, "changed")
		}
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			add(name, "added")
		}
	}
	slices.SortFunc(list, func(a, b FileDiff) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// unified leaves out the first line, which repeats the two names.
func unified(name, was, is string) string {
	_, text, _ := strings.Cut(string(diff.Diff("a/"+name, []byte(was), "b/"+name, []byte(is))), "\n")
	return text
}
