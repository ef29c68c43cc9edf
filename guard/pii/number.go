package pii

import (
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
	if m := t.word(a); m.rule != "" {
		return m, end
	}
	if m := t.labelled(a, end); m.rule != "" {
		return m, end
	}
	if m := t.address(a, end); m.rule != "" {
		return m, end
	}
	return match{}, end
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
	if m := d.phone(t, groups[:n]); m.rule != "" {
		return m, m.end
	}
	if m := d.layout(t, groups[:n]); m.rule != "" {
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
	if m := t.word(i); m.rule != "" {
		return m, b
	}
	if m := t.address(i, b); m.rule != "" {
		return m, b
	}
	return match{}, b
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

// layout tries the number rules on the first k groups, the longest first.
func (d *Detector) layout(t *text, groups []group) match {
	if !opens(t.s, groups[0].start) {
		return match{}
	}
	var sign [2*maxGroups + 8]byte
	var digits [maxGroups * maxDigits]byte
	var ends [maxGroups]struct{ sign, digits int }
	n, m := 0, 0
	for k, g := range groups {
		if k > 0 {
			c := t.s[groups[k-1].end]
			if c == 0xc2 {
				c = ' '
			}
			sign[n] = c
			n++
		}
		size := g.end - g.start
		if m+size > maxDigits || n+4 > len(sign) {
			groups = groups[:k]
			break
		}
		if size > 9 {
			sign[n] = '1'
			n++
		}
		sign[n] = byte('0' + size%10)
		n++
		m += copy(digits[m:], t.s[g.start:g.end])
		ends[k] = struct{ sign, digits int }{n, m}
	}
	for k := len(groups) - 1; k >= 0; k-- {
		if ends[k].digits < 6 {
			break
		}
		end := groups[k].end
		if !closes(t.s, end) {
			continue
		}
		for _, r := range d.numbers[string(sign[:ends[k].sign])] {
			if found := r.judge(t, string(sign[:ends[k].sign]), digits[:ends[k].digits], groups[0].start, end); found.rule != "" {
				return found
			}
		}
	}
	return match{}
}

// judge applies the rule to a number of one of its layouts.
func (r *numberRule) judge(t *text, layout string, digits []byte, start, end int) match {
	if !r.check(string(digits)) {
		return match{}
	}
	named := t.said(start, end, r.words)
	if !named {
		free := false
		for _, l := range r.layouts[:r.plain] {
			free = free || l == layout
		}
		if !free || t.denied(start) || inPath(t.s, start) {
			return match{}
		}
	}
	m := match{rule: r.id, start: start, end: end, severity: gateway.SeverityHigh, score: 0.8}
	if r.low {
		m.severity = gateway.SeverityMedium
	}
	if named {
		m.score = 0.97
	}
	return m
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

// inPath reports whether s[i:] follows a slash or an equals sign inside a URL, where numbers are ids.
func inPath(s string, i int) bool {
	return i > 0 && (s[i-1] == '/' || s[i-1] == '#')
}
