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

// group is a run of digits in s.
type group struct{ start, end int }

const (
	maxGroups = 10 // groups of one number: +33 1 99 00 63 41 has seven
	maxDigits = 20
)

// number reads the number or the word that holds the digit s[i], and returns what
// it is and where to go on.
func (d *Detector) number(t *text, i int) (match, int) {
	s := t.s
	a, b := i, i
	for b < len(s) && isDigit(s[b]) {
		b++
	}
	for a > 0 && i-a < maxWord && isAlnum(s[a-1]) {
		a--
	}
	if a < i && isEscaped(s, a) {
		a++
	}
	if a == i && (b == len(s) || !isAlnum(s[b])) {
		return d.digits(t, i, b)
	}
	end := b
	for end < len(s) && end-a <= maxWord && isAlnum(s[end]) {
		end++
	}
	if end-a > maxWord {
		for end < len(s) && isAlnum(s[end]) {
			end++
		}
		return match{}, end
	}
	if a == i && b-i <= 2 { // 12th
		if m := t.spelledDate(i, b); m.rule != "" {
			return m, m.end
		}
	}
	if m := t.word(a); m.rule != "" {
		return m, end
	}
	if m := t.labelled(a, end); m.rule != "" {
		return m, end
	}
	return t.address(a, end), end
}

// digits judges the groups of digits that begin with s[i:b].
func (d *Detector) digits(t *text, i, b int) (match, int) {
	s := t.s
	if b-i > maxDigits {
		return match{}, b
	}
	var groups [maxGroups]group
	groups[0] = group{i, b}
	n := 1
	for n < maxGroups {
		sep := separatorAt(s, groups[n-1].end)
		if sep == 0 {
			break
		}
		from := groups[n-1].end + sep
		to := from
		for to < len(s) && isDigit(s[to]) {
			to++
		}
		if to < len(s) && isLetter(s[to]) || to-from > maxDigits {
			break
		}
		groups[n] = group{from, to}
		n++
	}
	if b-i <= 2 {
		if m := t.spelledDate(i, b); m.rule != "" {
			return m, m.end
		}
	}
	if n == 1 && b-i < 6 && !goesOn(s, b) {
		return t.address(i, b), b
	}
	m := d.layout(t, groups[:n])
	if m.rule == "" || m.score < named {
		if phone := t.phone(groups[:n]); phone.rule != "" {
			m = phone
		}
	}
	if m.rule != "" {
		return m, m.end
	}
	if m := t.date(groups[:n]); m.rule != "" {
		return m, m.end
	}
	if m := t.labelled(i, b); m.rule != "" {
		return m, b
	}
	if d.ip {
		if m := t.ipv4(groups[:n]); m.rule != "" {
			return m, m.end
		}
	}
	if end := groups[n-1].end; n < maxGroups && goesOn(s, end) {
		if m := t.word(i); m.rule != "" {
			return m, b
		}
	}
	return t.address(i, b), b
}

// goesOn reports whether letters follow the digits that end at s[i] over a
// separator, as in 12345678-Z.
func goesOn(s string, i int) bool {
	if i+1 >= len(s) {
		return false
	}
	return s[i] == ' ' && isLetter(s[i+1]) || (s[i] == '-' || s[i] == '+' || s[i] == '.') && isAlnum(s[i+1])
}

// separatorAt returns the length of what joins two groups of digits at s[i], 0 if
// nothing does.
func separatorAt(s string, i int) int {
	if i+1 >= len(s) {
		return 0
	}
	switch s[i] {
	case ' ', '-', '.', '/':
		if isDigit(s[i+1]) {
			return 1
		}
		if s[i] == ' ' && s[i+1] == '(' && i+2 < len(s) && isDigit(s[i+2]) { // +1 (212) 555-0100
			return 2
		}
	case ')':
		if isDigit(s[i+1]) {
			return 1
		}
		if i+2 < len(s) && (s[i+1] == ' ' || s[i+1] == '-') && isDigit(s[i+2]) {
			return 2
		}
	case 0xc2: // no-break space
		if i+2 < len(s) && s[i+1] == 0xa0 && isDigit(s[i+2]) {
			return 2
		}
	}
	return 0
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

// opens reports whether a number may begin at s[i]: not inside a word, a decimal
// fraction or a chain of hyphens.
func opens(s string, i int) bool {
	if i == 0 {
		return true
	}
	switch c := s[i-1]; {
	case isLetter(c):
		return isEscaped(s, i-1)
	case c == '.' || c == '-' || c == '_':
		return i == 1 || !isAlnum(s[i-2]) || c == '_'
	case c == '%' || c == '$':
		return false
	}
	return true
}

// closes reports whether a number may end at s[i:].
func closes(s string, i int) bool {
	if i == len(s) {
		return true
	}
	c := s[i]
	switch {
	case isAlnum(c) || c == '_' || c == '%' || c == '@':
		return false
	case c == '-' || c == '.' || c == '/' || c == ':':
		return i+1 == len(s) || !isAlnum(s[i+1])
	}
	return true
}

// inList reports whether s[i:] comes after another long number and a comma, as in
// the tables of programs.
func inList(s string, i int) bool {
	for i > 0 && (s[i-1] == ' ' || s[i-1] == '\n' || s[i-1] == '\t') {
		i--
	}
	if i == 0 || s[i-1] != ',' {
		return false
	}
	n := 0
	for i--; i > 0 && isDigit(s[i-1]); i-- {
		n++
	}
	return n >= 8
}

// inPath reports whether s[i:] follows a slash or an equals sign inside a URL, where numbers are ids.
func inPath(s string, i int) bool {
	return i > 0 && (s[i-1] == '/' || s[i-1] == '#')
}
