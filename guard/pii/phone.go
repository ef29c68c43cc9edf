package pii

import "toolward/gateway"

// fewestPhone is the fewest digits of a telephone number.
const fewestPhone = 7

// phone judges groups as a telephone number: international with a plus (E.164),
// North American by its plan, national ones by a leading zero and a word.
func (t *text) phone(groups []group) match {
	s := t.s
	start := groups[0].start
	var digits [24]byte
	plus := start > 0 && s[start-1] == '+' && (start == 1 || !isAlnum(s[start-2]))
	paren := start > 0 && s[start-1] == '('
	if !plus && !opens(s, start) {
		return match{}
	}
	n, best := 0, match{}
	for k, g := range groups {
		if n+g.end-g.start > 15 {
			break
		}
		n += copy(digits[n:], s[g.start:g.end])
		if n < fewestPhone || !closes(s, g.end) && !(plus && k > 0) {
			continue
		}
		if m := t.phoneOf(string(digits[:n]), groups[:k+1], plus, paren); m.rule != "" {
			best = m
		}
	}
	return best
}

func (t *text) phoneOf(d string, groups []group, plus, paren bool) match {
	start, end := groups[0].start, groups[len(groups)-1].end
	m := match{rule: "phone", start: start, end: end, severity: gateway.SeverityMedium, score: 0.9}
	switch {
	case plus:
		m.start--
		if !isInternational(d) || len(groups) == 1 && t.denied(start) {
			return match{}
		}
	case paren:
		m.start--
		if len(groups) < 2 || t.s[groups[0].end] != ')' || !(len(d) == 10 && isNANP(d)) && !(d[0] == '0' && len(d) >= 9 && len(d) <= 12) {
			return match{}
		}
	case isNANPLayout(groups) && isNANP(d[len(d)-10:]) && !t.denied(start):
		m.score = 0.8
	case len(groups) >= 4 && len(d) == 10 && d[0] == '0' && d[1] != '0' && isPairs(groups) && !t.denied(start): // France: 06 12 34 56 78
		m.score = 0.8
	case len(d) >= 8 && len(d) <= 13 && (len(d) > 8 || d[0] == '0' || len(groups) > 1) && isPhoneLayout(t.s, groups) && varied(d) &&
		t.around(start, end).said.has(topicPhone) && !t.denied(start):
		m.score = 0.85
	default:
		return match{}
	}
	return m
}

func isPairs(groups []group) bool {
	for _, g := range groups {
		if g.end-g.start != 2 {
			return false
		}
	}
	return true
}

// isPhoneLayout rules out dates, addresses of the internet and series of small
// numbers.
func isPhoneLayout(s string, groups []group) bool {
	size := func(i int) int { return groups[i].end - groups[i].start }
	octets := len(groups) == 4 && s[groups[0].end] == '.'
	for i := range groups {
		if size(i) < 2 && i > 0 {
			return false
		}
		octets = octets && size(i) <= 3
	}
	if octets || len(groups) > 1 && size(0) < 2 {
		return false
	}
	return len(groups) < 3 || !(size(0) == 4 && size(1) == 2 && size(2) == 2 || size(0) <= 2 && size(1) <= 2 && size(2) == 4)
}

// isNANPLayout reports 3-3-4, also after a 1.
func isNANPLayout(groups []group) bool {
	if len(groups) == 4 && groups[0].end-groups[0].start == 1 {
		groups = groups[1:]
	}
	if len(groups) != 3 {
		return false
	}
	for i, want := range [...]int{3, 3, 4} {
		if groups[i].end-groups[i].start != want {
			return false
		}
	}
	return true
}

// isNANP checks ten digits against the North American Numbering Plan: area and
// exchange begin with 2 to 9, and neither ends in 11.
func isNANP(d string) bool {
	return d[0] >= '2' && d[1] != '9' && d[1:3] != "11" && d[3] >= '2' && d[4:6] != "11"
}

// isInternational checks digits after a plus: a country code in use (ITU-T
// E.164 list) and a plausible length.
func isInternational(d string) bool {
	if len(d) < 8 || len(d) > 15 || d[0] == '0' || !varied(d) {
		return false
	}
	switch {
	case d[0] == '1':
		return len(d) == 11 && isNANP(d[1:])
	case d[0] == '7':
		return len(d) == 11
	}
	switch d[:3] {
	case "210", "214", "215", "217", "219", "259", "280", "281", "282", "283", "284", "285", "286", "287", "288", "289", "292", "293", "294", "295", "296",
		"384", "388", "422", "424", "425", "426", "427", "428", "429", "693", "694", "695", "696", "697", "698", "699", "801", "802", "803", "804", "805", "806", "807", "809",
		"851", "854", "857", "858", "859", "871", "872", "873", "874", "875", "876", "877", "879", "884", "885", "887", "889", "969", "978", "990", "991", "997", "999":
		return false
	}
	return true
}
