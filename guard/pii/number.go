package pii

import "strings"

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
		if m := timestamp(s, i); m > 0 {
			return match{}, m
		}
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
	if !opens(s, a) { // for no rule
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
	if b-i > maxDigits || !opens(s, i) {
		return match{}, b
	}
	if b-i <= 2 {
		if m := t.spelledDate(i, b); m.rule != "" {
			return m, m.end
		}
	}
	// 42 orders: no rule's value begins so.
	short := b-i < 6 && (!goesOn(s, b) || b-i <= 2 && s[b] == ' ')
	if short && separatorAt(s, b) == 0 {
		return t.address(i, b), b
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
	if short && n == 1 {
		return t.address(i, b), b
	}
	m := d.layout(t, groups[:n])
	if (m.rule == "" || m.score < named) && groups[n-1].end-i >= fewestPhone {
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

// timestamp returns where the seconds begin of the date and time (RFC 3339) at s[i:], 0
// if there is none there. No rule finds anything in it: but for spaces and signs that
// may stand before the number of a house, a telephone or another group.
//
//	"2026-01-04T10:00:00Z" is gone on from at the last 00
func timestamp(s string, i int) int {
	const form = "0000-00-00T00:00:"
	if i+len(form) >= len(s) || s[i+4] != '-' || s[i+10] != 'T' || i > 0 && strings.IndexByte("\"\n=[<:,", s[i-1]) < 0 {
		return 0
	}
	for k := range len(form) {
		if c := s[i+k]; c != form[k] && (form[k] != '0' || !isDigit(c)) {
			return 0
		}
	}
	return i + len(form)
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
	floor := max(0, i-before)
	for i > floor && (s[i-1] == ' ' || s[i-1] == '\n' || s[i-1] == '\t') {
		i--
	}
	if i == 0 || s[i-1] != ',' {
		return false
	}
	n := 0
	for i--; i > floor && isDigit(s[i-1]); i-- {
		n++
	}
	return n >= 8
}

// inPath reports whether s[i:] follows a slash or a hash sign, as ids do.
func inPath(s string, i int) bool {
	return i > 0 && (s[i-1] == '/' || s[i-1] == '#')
}
