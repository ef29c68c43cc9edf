package pii

import (
	"strings"

	"toolward/gateway"
)

// numberRule is a kind of number that is written with digits and separators.
type numberRule struct {
	id      string
	layouts []string // lengths of the groups of digits and the separators between: "3-2-4", "4 4 4 4", "11"
	// plain says which layouts need no word that names the number, by index from the first.
	plain int
	check func(digits string) bool
	words []string // words that name it
	low   bool     // severity medium instead of high
	bare  bool     // the check is hardly one: only its own words name it
}

// named and unnamed are the confidence in a number that passes its check, with
// and without a word that names it.
const (
	named   = 0.97
	unnamed = 0.8
)

// layoutTrie finds the rules of a layout group by group, so that a series of
// numbers that is no layout is left after one or two steps.
type layoutTrie struct {
	next  map[layoutStep]int
	rules [][]layoutRule // by node
}

type layoutStep struct {
	node      int
	separator byte // before the group; 0 before the first
	size      int  // digits of the group
}

// layoutRule is a rule in one of its layouts. free says that it needs no name.
type layoutRule struct {
	rule int
	free bool
}

func newLayoutTrie(rules []numberRule) layoutTrie {
	trie := layoutTrie{next: map[layoutStep]int{}, rules: make([][]layoutRule, 1)}
	for n, r := range rules {
		for k, layout := range r.layouts {
			step := layoutStep{}
			for i := 0; i <= len(layout); i++ {
				if i < len(layout) && isDigit(layout[i]) {
					step.size = step.size*10 + int(layout[i]-'0')
					continue
				}
				node, ok := trie.next[step]
				if !ok {
					node = len(trie.rules)
					trie.next[step] = node
					trie.rules = append(trie.rules, nil)
				}
				step = layoutStep{node: node}
				if i < len(layout) {
					step.separator = layout[i]
				}
			}
			trie.rules[step.node] = append(trie.rules[step.node], layoutRule{n, k < r.plain})
		}
	}
	return trie
}

// layout tries the number rules on the first groups, as many as some layout has,
// the longest first.
func (d *Detector) layout(t *text, groups []group) match {
	if !opens(t.s, groups[0].start) {
		return match{}
	}
	var nodes [maxGroups]int
	n := 0
	for step := (layoutStep{}); n < len(groups); n++ {
		if n > 0 {
			if step.separator = t.s[groups[n-1].end]; step.separator == 0xc2 {
				step.separator = ' ' // no-break
			}
		}
		step.size = groups[n].end - groups[n].start
		node, ok := d.layouts.next[step]
		if !ok {
			break
		}
		nodes[n] = node
		step.node = node
	}
	for n--; n >= 0; n-- {
		if rules := d.layouts.rules[nodes[n]]; len(rules) > 0 && closes(t.s, groups[n].end) {
			if m := judge(t, rules, groups[:n+1]); m.rule != "" {
				return m
			}
		}
	}
	return match{}
}

// judge applies the rules of a layout to its groups and prefers one that the
// context names.
func judge(t *text, rules []layoutRule, groups []group) match {
	start, end := groups[0].start, groups[len(groups)-1].end
	digits := t.s[start:end]
	if len(groups) > 1 {
		var b strings.Builder
		for _, g := range groups {
			b.WriteString(t.s[g.start:g.end])
		}
		digits = b.String()
	}
	best := match{}
	for _, lr := range rules {
		r := &numberRules[lr.rule]
		if !r.check(digits) {
			continue
		}
		m := match{rule: r.id, start: start, end: end, severity: gateway.SeverityHigh, score: unnamed}
		if r.low {
			m.severity = gateway.SeverityMedium
		}
		said := t.around(start, end).said
		if said.has(topicRules + topic(lr.rule)) {
			m.score = named
			return m
		}
		if best.score < 0.9 && !r.bare && said.has(topicIdentity) && !t.denied(start) {
			m.score = 0.9
			best = m
			continue
		}
		if lr.free && best.rule == "" && !t.denied(start) && !inPath(t.s, start) && !inList(t.s, start) {
			best = m
		}
	}
	return best
}
