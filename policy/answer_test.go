package policy

import "testing"

// A Go type that input never has is nothing that Go answers of: that it has no
// members would be a guess.
func TestUnknownTypesAreLeftToOPA(t *testing.T) {
	for _, v := range []any{map[string]string{"a": "b"}, []int{1}, struct{}{}} {
		for name, ask := range map[string]func(*answering){
			"find":    func(a *answering) { a.find(v, "a") },
			"part":    func(a *answering) { (&part{of: &constant{v}, path: []hop{{name: "a", place: -1}}}).value(a) },
			"in":      func(a *answering) { _, ok := isIn("a", v); a.unsure = !ok },
			"every":   func(a *answering) { (&every{in: &constant{v}, of: &body{}}).run(a, &body{}, 0) },
			"members": func(a *answering) { a.members(v, false, func(any, any) bool { return true }) },
		} {
			a := &answering{limit: 1}
			if ask(a); !a.unsure {
				t.Errorf("%s of %T is taken for sure", name, v)
			}
		}
	}
}
