package upstream

import (
	"fmt"
	"strings"

	"toolward/gateway"
)

// maxSteps is how many subschemas may be applied along one path into the
// arguments.
const maxSteps = 100_000

// depthBound returns how deep the arguments of a schema may be nested so that
// checking them stays cheap, gateway.MaxDepth for nearly every schema, and an
// error if even flat arguments would be too dear.
//
// Forty definitions that each refer twice to the next are a few lines of JSON
// and a trillion steps; a definition that applies itself twice to a member
// doubles the work with each level of nesting. So the work is counted before
// it is done: per value, all subschemas that apply to it, with references
// followed, plus those of the one member or element that costs most.
func depthBound(schema any) (int, error) {
	b := bounder{root: schema, known: map[step]int{}, open: map[step]bool{}}
	if b.cost(schema, gateway.MaxDepth) <= maxSteps {
		return gateway.MaxDepth, nil
	}
	for depth := range gateway.MaxDepth {
		if b.cost(schema, depth) > maxSteps {
			if depth == 0 {
				return 0, fmt.Errorf("it expands to more than %d subschemas", maxSteps)
			}
			return depth - 1, nil
		}
	}
	return gateway.MaxDepth - 1, nil
}

// depthOf is how deep a decoded value is nested; 0 for a scalar.
func depthOf(v any) int {
	deepest := -1
	switch v := v.(type) {
	case map[string]any:
		for _, sub := range v {
			deepest = max(deepest, depthOf(sub))
		}
	case []any:
		for _, sub := range v {
			deepest = max(deepest, depthOf(sub))
		}
	default:
		return 0
	}
	return max(deepest, 0) + 1
}

type bounder struct {
	root  any
	known map[step]int
	open  map[step]bool
}

// step is a reference followed for a value that is an object, or not, and has
// so many levels left.
type step struct {
	ref    string
	depth  int
	object bool
}

// cost is the work for a value of at most this depth. A value is an object or
// an array, never both, so the dearer one counts.
func (b *bounder) cost(schema any, depth int) int {
	return max(b.costAs(schema, depth, true), b.costAs(schema, depth, false))
}

func (b *bounder) costAs(schema any, depth int, object bool) int {
	m, ok := schema.(map[string]any)
	if !ok {
		return 1
	}
	n, dearest := 1, 0
	for key, sub := range m {
		switch key {
		case "$ref", "$dynamicRef", "$recursiveRef":
			n += b.follow(sub, depth, object)
		case "not", "if", "then", "else":
			n += b.costAs(sub, depth, object)
		case "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies":
			n += each(sub, func(s any) int { return b.costAs(s, depth, object) })
		case "properties":
			if object && depth > 0 {
				dearest = max(dearest, b.dearest(sub, depth-1))
			}
		case "patternProperties", "additionalProperties", "unevaluatedProperties":
			if object && depth > 0 {
				n += b.below(key, sub, depth-1)
			}
		case "prefixItems":
			if !object && depth > 0 {
				dearest = max(dearest, b.dearest(sub, depth-1))
			}
		case "items", "additionalItems", "unevaluatedItems", "contains":
			if !object && depth > 0 {
				n += b.below(key, sub, depth-1)
			}
		}
		if n > maxSteps {
			return maxSteps + 1
		}
	}
	return min(n+dearest, maxSteps+1)
}

// below is the cost of a keyword that applies to members or elements: one
// schema, or several that may all apply to the same one.
func (b *bounder) below(key string, sub any, depth int) int {
	if key == "patternProperties" {
		return each(sub, func(s any) int { return b.cost(s, depth) })
	}
	if _, list := sub.([]any); list { // "items" before 2020-12
		return b.dearest(sub, depth)
	}
	return b.cost(sub, depth)
}

// each adds up the costs of a list, or a map, of schemas.
func each(sub any, cost func(any) int) int {
	n := 0
	switch sub := sub.(type) {
	case []any:
		for _, s := range sub {
			n = min(n+cost(s), maxSteps+1)
		}
	case map[string]any:
		for _, s := range sub {
			n = min(n+cost(s), maxSteps+1)
		}
	}
	return n
}

func (b *bounder) dearest(sub any, depth int) int {
	most := 0
	switch sub := sub.(type) {
	case []any:
		for _, s := range sub {
			most = max(most, b.cost(s, depth))
		}
	case map[string]any:
		for _, s := range sub {
			most = max(most, b.cost(s, depth))
		}
	}
	return most
}

// follow is the cost of what a reference points at. One that comes back to
// itself without going deeper never ends; the validator finds that.
func (b *bounder) follow(raw any, depth int, object bool) int {
	ref, ok := raw.(string)
	if !ok {
		return 1
	}
	at := step{ref, depth, object}
	if n, ok := b.known[at]; ok {
		return n
	}
	if b.open[at] {
		return 1
	}
	target, ok := resolve(b.root, ref)
	if !ok {
		return 1
	}
	b.open[at] = true
	n := b.costAs(target, depth, object)
	delete(b.open, at)
	b.known[at] = n
	return n
}

// resolve finds what a local reference points at: a JSON pointer, or an anchor
// anywhere. Remote references are never followed.
func resolve(root any, ref string) (any, bool) {
	local, ok := strings.CutPrefix(ref, "#")
	switch {
	case !ok:
		return nil, false
	case local == "":
		return root, true
	case local[0] != '/':
		return findAnchor(root, local)
	}
	at := root
	for token := range strings.SplitSeq(local[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[token]; !ok {
			return nil, false
		}
	}
	return at, true
}

func findAnchor(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		if v["$anchor"] == name || v["$dynamicAnchor"] == name {
			return v, true
		}
		for _, sub := range v {
			if found, ok := findAnchor(sub, name); ok {
				return found, true
			}
		}
	case []any:
		for _, sub := range v {
			if found, ok := findAnchor(sub, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}
