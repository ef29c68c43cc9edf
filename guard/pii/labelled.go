package pii

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/literal"
)

// date judges groups as a day of birth, which a word must say.
func (t *text) date(groups []group) match {
	if len(groups) < 3 || !opens(t.s, groups[0].start) {
		return match{}
	}
	var n, size [3]int
	for i, g := range groups[:3] {
		size[i] = g.end - g.start
		if size[i] > 4 {
			return match{}
		}
		n[i] = num(t.s[g.start:g.end])
	}
	start, end := groups[0].start, groups[2].end
	iso := size[0] == 4 && n[0] >= 1900 && n[0] < 2100 && isDate(n[0], n[1], n[2])
	other := size[0] <= 2 && (size[2] == 4 && n[2] >= 1900 && n[2] < 2100 || size[2] == 2) && (isDate(n[2], n[1], n[0]) || isDate(n[2], n[0], n[1]))
	if !iso && !other || !t.around(start, end).close.has(topicBirth) {
		return match{}
	}
	return match{rule: "birth-date", start: start, end: end, severity: gateway.SeverityMedium, score: 0.9}
}

// spelledDate judges a day of birth with the month in letters: 12 March 1984,
// March 12th, 1984. The number s[a:b] is its day.
func (t *text) spelledDate(a, b int) match {
	s := t.s
	if b+5 > len(s) || s[b] != ' ' && s[b] != ',' && s[b] != '.' && !isLetter(s[b]) || !opens(s, a) || num(s[a:b]) < 1 || num(s[a:b]) > 31 {
		return match{}
	}
	start, i := a, b
	for i < len(s) && i-b < 2 && isLetter(s[i]) { // 12th
		i++
	}
	if before := strings.TrimRight(s[max(0, a-12):a], " "); isMonth(before[strings.LastIndexByte(before, ' ')+1:]) {
		start = a - (len(s[max(0, a-12):a]) - strings.LastIndexByte(before, ' ') - 1)
		i = skip(s, i, ", ")
	} else {
		i = skip(s, i, ". ")
		from := i
		for i < len(s) && (isLetter(s[i]) || s[i] >= 0x80) {
			i++
		}
		if !isMonth(s[from:i]) {
			return match{}
		}
		i = skip(s, i, ", ")
	}
	if i+4 > len(s) || s[i] != '1' && s[i] != '2' || !isDigit(s[i+1]) || !isDigit(s[i+2]) || !isDigit(s[i+3]) || !closes(s, i+4) || !t.around(start, i+4).close.has(topicBirth) {
		return match{}
	}
	return match{rule: "birth-date", start: start, end: i + 4, severity: gateway.SeverityMedium, score: 0.9}
}

// isMonth reports the name of a month, or its beginning, in English, German,
// French, Spanish, Italian or Portuguese.
func isMonth(word string) bool {
	if len(word) < 3 {
		return false
	}
	start := [3]byte{literal.Fold(word[0]), literal.Fold(word[1]), literal.Fold(word[2])}
	switch string(start[:]) {
	case "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär"[:3], "mai", "okt", "dez",
		"fév"[:3], "avr", "jui", "aoû"[:3], "déc"[:3], "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug", "set", "ott", "fev", "out":
		return true
	}
	return false
}

// skip returns where s[i:] goes on after bytes of set.
func skip(s string, i int, set string) int {
	for i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
		i++
	}
	return i
}

// labelled judges a word of digits, and the letters around them, that only
// what is said before it can tell from a part number.
func (t *text) labelled(a, b int) match {
	s := t.s
	for a > 0 && b-a < 12 && isLetter(s[a-1]) && !isEscaped(s, a-1) {
		a--
	}
	for b < len(s) && b-a < 20 && isAlnum(s[b]) {
		b++
	}
	n := b - a
	if n < 6 || n > 16 || !opens(s, a) || !closes(s, b) {
		return match{}
	}
	switch said := t.around(a, b).close; {
	case n <= 10 && said.has(topicPassport):
		return match{rule: "passport", start: a, end: b, severity: gateway.SeverityHigh, score: 0.85}
	case said.has(topicLicence):
		return match{rule: "driving-licence", start: a, end: b, severity: gateway.SeverityHigh, score: 0.8}
	}
	return match{}
}

// streets end or begin the name of a street.
var streets = []string{"street", "st", "avenue", "ave", "road", "rd", "boulevard", "blvd", "lane", "ln", "drive", "dr", "court", "ct", "terrace", "place", "parkway", "pkwy", "highway", "crescent", "close", "mews", "way", "square"}

var streetsBefore = []string{"rue", "avenue", "boulevard", "chemin", "allée", "quai", "impasse"}

// address judges the number s[a:b] as that of a house: "221B Baker Street",
// "12 rue de la Paix", "Hauptstraße 12".
func (t *text) address(a, b int) match {
	s := t.s
	if b-a > 6 || !opens(s, a) {
		return match{}
	}
	if a >= 8 && s[a-1] == ' ' && !isDigit(s[a-2]) {
		if m := streetBefore(s, a, b); m.rule != "" {
			return m
		}
	}
	i, words := b, 0
	if i < len(s) && s[i] == ',' {
		i++
	}
	for words < 5 && i+1 < len(s) && s[i] == ' ' && (isLetter(s[i+1]) || s[i+1] >= 0x80) {
		from := i + 1
		for i = from; i < len(s) && (isAlnum(s[i]) || s[i] >= 0x80 || s[i] == '\''); {
			i++
		}
		word := s[from:i]
		if end := lineWords(s, i, 4); words == 0 && isOneOf(word, streetsBefore) && end > i {
			return match{rule: "address", start: a, end: end, severity: gateway.SeverityLow, score: 0.75}
		}
		if words > 0 && isOneOf(word, streets) && isCapital(word[0]) {
			return match{rule: "address", start: a, end: i, severity: gateway.SeverityLow, score: 0.75}
		}
		if !isCapital(word[0]) && !isDigit(word[0]) && word[0] < 0x80 {
			return match{}
		}
		words++
	}
	return match{}
}

// streetNames begin the name of a street where the number comes last.
var streetNames = []string{"calle", "avenida", "avda.", "via", "viale", "piazza", "corso", "rua", "praça", "travessa", "ulica", "ul.", "paseo", "carrer", "plaza"}

// streetBefore is the order of German, Dutch, Spanish and Italian: the name first.
func streetBefore(s string, a, b int) match {
	line := strings.TrimRight(s[max(0, a-40):a-1], ",")
	for end, words := len(line), 0; words < 5 && end > 0; words++ {
		from := end
		for from > 0 && !endsWord(line[from-1]) {
			from--
		}
		word := line[from:end]
		if words > 0 && word != "" && isCapital(word[0]) && isOneOf(word, streetNames) {
			return match{rule: "address", start: a - 1 - (len(s[max(0, a-40):a-1]) - from), end: b, severity: gateway.SeverityLow, score: 0.75}
		}
		if from == 0 || s[max(0, a-40)+from-1] != ' ' {
			break
		}
		end = from - 1
	}
	i := a - 1
	for i > 0 && a-i < 40 && s[i-1] != ' ' && s[i-1] != '\n' && s[i-1] != '"' && s[i-1] != ':' && s[i-1] != ',' {
		i--
	}
	word := strings.TrimSuffix(s[i:a-1], ",")
	if word == "" || !isCapital(word[0]) && word[0] < 0x80 {
		return match{}
	}
	for _, end := range []string{"straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "straat", "gatan", "vägen", "gata", "veien"} {
		if len(s[i:a-1]) > len(end)+2 && strings.HasSuffix(word, end) {
			return match{rule: "address", start: i, end: b, severity: gateway.SeverityLow, score: 0.75}
		}
	}
	return match{}
}

// endsWord reports whether a byte stands between words of an address.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '"' || c == ':' || c == '>' }

// lineWords returns where at most n more words of the line at s[i:] end.
func lineWords(s string, i, n int) int {
	for n > 0 && i+1 < len(s) && s[i] == ' ' && (isLetter(s[i+1]) || s[i+1] >= 0x80) {
		for i++; i < len(s) && (isAlnum(s[i]) || s[i] >= 0x80 || s[i] == '\'' || s[i] == '-'); {
			i++
		}
		n--
	}
	return i
}

// isOneOf reports whether a word, which is not empty, is one of a list in small letters.
func isOneOf(word string, list []string) bool {
	for _, w := range list {
		if (literal.Fold(word[0]) == w[0] || word[0]|w[0] >= 0x80) && strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }

// ipv4 judges four groups with dots as an address of the public internet.
func (t *text) ipv4(groups []group) match {
	if len(groups) != 4 || !opens(t.s, groups[0].start) || !closes(t.s, groups[3].end) {
		return match{}
	}
	var octet [4]int
	for i, g := range groups {
		octet[i] = num(t.s[g.start:min(g.end, g.start+4)])
		if octet[i] > 255 || i > 0 && t.s[g.start-1] != '.' {
			return match{}
		}
	}
	switch a, b := octet[0], octet[1]; {
	case a == 0 || a == 10 || a == 127 || a >= 224 || a == 192 && b == 168 || a == 172 && b >= 16 && b < 32 || a == 169 && b == 254 || a == 100 && b >= 64 && b < 128:
		return match{}
	case t.denied(groups[0].start):
		return match{}
	}
	return match{rule: "ip-address", start: groups[0].start, end: groups[3].end, severity: gateway.SeverityLow, score: 0.7}
}
