package upstream

import (
	"fmt"
	"strings"
)

// maxExpansion is how many subschemas a schema may have with its references
// written out.
const maxExpansion = 100_000

// bounded refuses schemas whose validation could take exponential time: thirty
// definitions that each refer twice to the next are two lines of JSON and a
// billion steps. It counts subschemas with references followed; a reference
// back to what is being counted ends there, since what it does depends on the
// depth of the arguments, which gateway.MaxDepth bounds.
func bounded(doc any) error {
	b := bounder{root: doc, cost: map[string]int{}, open: map[string]bool{}}
	n := b.count(doc)
	switch {
	case n > maxExpansion:
		return fmt.Errorf("it expands to more than %d subschemas", maxExpansion)
	case b.loops > maxLoops:
		return fmt.Errorf("it refers back to itself in more than %d places", maxLoops)
	}
	return nil
}

// maxLoops bounds references that close a cycle. Each can multiply the work of
// each level of nesting, so a schema with very many of them is an attack; JSON
// Schema's own meta-schema has about forty.
const maxLoops = 64

type bounder struct {
	root  any
	cost  map[string]int  // by reference, once counted
	open  map[string]bool // being counted
	loops int
}

func (b *bounder) count(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 1
		for key, sub := range v {
			switch key {
			case "$ref", "$dynamicRef", "$recursiveRef":
				if ref, ok := sub.(string); ok {
					n += b.follow(ref)
				}
			case "enum", "const", "default", "examples":
			default:
				n += b.count(sub)
			}
			if n > maxExpansion {
				return maxExpansion + 1
			}
		}
		return n
	case []any:
		n := 0
		for _, sub := range v {
			if n += b.count(sub); n > maxExpansion {
				return maxExpansion + 1
			}
		}
		return n
	}
	return 0
}

func (b *bounder) follow(ref string) int {
	if n, ok := b.cost[ref]; ok {
		return n
	}
	if b.open[ref] {
		b.loops++
		return 1
	}
	target, ok := b.resolve(ref)
	if !ok {
		return 1
	}
	b.open[ref] = true
	n := b.count(target)
	delete(b.open, ref)
	b.cost[ref] = n
	return n
}

// resolve finds what a local reference points at. Anchors are looked for by
// name anywhere; remote references are nobody's business here.
func (b *bounder) resolve(ref string) (any, bool) {
	local, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	if local == "" {
		return b.root, true
	}
	if local[0] != '/' {
		return findAnchor(b.root, local)
	}
	at := b.root
	for _, token := range strings.Split(local[1:], "/") {
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
