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
	root  [maxDigits + 1]int // nodes behind a first group, by its size; 0 if there is none
	next  [][]layoutEdge     // by node
	rules [][]layoutRule     // by node
}

// layoutStep is a group of digits.
type layoutStep struct {
	separator byte // before the group; 0 before the first
	size      int  // digits of the group
}

type layoutEdge struct {
	layoutStep
	to int
}

// step returns the node behind a group, -1 if no layout has it there.
func (t *layoutTrie) step(node int, group layoutStep) int {
	for _, e := range t.next[node] {
		if e.layoutStep == group {
			return e.to
		}
	}
	return -1
}

// layoutRule is a rule in one of its layouts. free says that it needs no name.
type layoutRule struct {
	rule int
	free bool
}

func newLayoutTrie(rules []numberRule) layoutTrie {
	trie := layoutTrie{next: make([][]layoutEdge, 1), rules: make([][]layoutRule, 1)}
	for n, r := range rules {
		for k, layout := range r.layouts {
			node, step := 0, layoutStep{}
			for i := 0; i <= len(layout); i++ {
				if i < len(layout) && isDigit(layout[i]) {
					step.size = step.size*10 + int(layout[i]-'0')
					continue
				}
				to := trie.step(node, step)
				if to < 0 {
					to = len(trie.rules)
					trie.next[node] = append(trie.next[node], layoutEdge{step, to})
					trie.next, trie.rules = append(trie.next, nil), append(trie.rules, nil)
				}
				node, step = to, layoutStep{}
				if i < len(layout) {
					step.separator = layout[i]
				}
			}
			trie.rules[node] = append(trie.rules[node], layoutRule{n, k < r.plain})
		}
	}
	for _, e := range trie.next[0] {
		trie.root[e.size] = e.to
	}
	return trie
}

// layout tries the number rules on the first groups, the first of which may begin a number, as many as some layout has,
// the longest first.
func (d *Detector) layout(t *text, groups []group) match {
	node := d.layouts.root[groups[0].end-groups[0].start]
	if node == 0 {
		return match{}
	}
	var nodes [maxGroups]int
	nodes[0] = node
	n := 1
	for ; n < len(groups); n++ {
		step := layoutStep{t.s[groups[n-1].end], groups[n].end - groups[n].start}
		if step.separator == 0xc2 {
			step.separator = ' ' // no-break
		}
		if node = d.layouts.step(node, step); node < 0 {
			break
		}
		nodes[n] = node
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
	var said topics
	read := false
	for _, lr := range rules {
		r := &numberRules[lr.rule]
		if !r.check(digits) {
			continue
		}
		m := match{rule: r.id, start: start, end: end, severity: gateway.SeverityHigh, score: unnamed}
		if r.low {
			m.severity = gateway.SeverityMedium
		}
		if !read {
			said, read = t.around(start, end).said, true
		}
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
