package definition

import (
	"encoding/json"
	"slices"

	"toolward/gateway"
)

// Class says how what a tool can be asked to do changed.
type Class string

// The classes. Of two definitions one is narrower if each call that fits it fits the
// other, each result likewise, and nothing that a model reads is new: no word of text,
// no name, no value.
const (
	Same     Class = "same"     // but for the order of sets
	Narrower Class = "narrower" // the second is
	Wider    Class = "wider"    // the first is
	Other    Class = "other"    // text, annotations, both at once, or not known
)

// Compare classes a change of a definition. What it does not know it takes for [Other],
// so that Narrower is sure:
//
//	{…"maxLength":100} -> {…"maxLength":10}                       narrower
//	{…"enum":["a","b"]} -> {…"enum":["b"]}                        narrower
//	{…"enum":["a","b"]} -> {…"enum":["b"],"description":"Not a."} other
//
// Annotations are the server's word about itself, by which policies allow: whichever
// way one changes, it is another.
//
// It takes less than 200 ms: what is larger than 64 KiB is not looked into.
func Compare(before, after json.RawMessage) Class {
	if max(len(before), len(after)) > largest {
		return Other
	}
	a, okA := gateway.Decode(before).(map[string]any)
	b, okB := gateway.Decode(after).(map[string]any)
	if !okA || !okB {
		return Other
	}
	narrower, wider := within(a, b), within(b, a)
	switch {
	case narrower && wider:
		return Same
	case narrower:
		return Narrower
	case wider:
		return Wider
	}
	return Other
}

// largest is what a definition may have for its changes to be classed. Some of what is
// compared takes the square of its length.
const largest = 64 << 10

// within reports whether a definition is no more than another.
func within(of, d map[string]any) bool {
	return everyDifference(of, d, func(name string) bool {
		if name != "inputSchema" && name != "outputSchema" {
			return false
		}
		x, y := orAny(of, name), orAny(d, name)
		return comparable(x, y) && narrows(x, y)
	})
}

// everyDifference asks of each name under which two objects differ, until the answer is
// no.
func everyDifference(a, b map[string]any, ok func(name string) bool) bool {
	for name, x := range a {
		if y, both := b[name]; !(both && same(x, y)) && !ok(name) {
			return false
		}
	}
	for name := range b {
		if !has(a, name) && !ok(name) {
			return false
		}
	}
	return true
}

// orAny is a member that is a schema; one that is not there accepts everything.
func orAny(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	return true
}

// turning are keywords under which less means more, or that depend on what others
// beside them accept (JSON Schema 2020-12 core §10.2, §10.3.1.3, §11).
var turning = []string{"not", "if", "oneOf", "contains", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"}

// comparable reports whether two schemas can be held against each other member by
// member. A reference can lead from under a turning keyword to any place, so with both
// in a schema nothing can be said; and what unevaluated… means depends on all of it.
// Names of properties count as keywords here, since a reference makes them ones.
func comparable(schemas ...any) bool {
	for _, s := range schemas {
		refers, turns, far := false, false, false
		eachName(s, func(name string) {
			refers = refers || name == "$ref"
			turns = turns || slices.Contains(turning, name)
			far = far || name == "unevaluatedProperties" || name == "unevaluatedItems" || name == "$dynamicRef" || name == "$recursiveRef"
		})
		if far || refers && turns {
			return false
		}
	}
	return true
}

func eachName(v any, f func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			eachName(e, f)
		}
	case map[string]any:
		for name, e := range v {
			f(name)
			eachName(e, f)
		}
	}
}
