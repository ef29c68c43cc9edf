package pii

import (
	"strings"

	"toolward/gateway"
)

// maxWord is the longest identifier of letters and digits that is read: an IBAN
// of Saint Lucia has 32, Malta's 31.
const maxWord = 34

// wordRule is an identifier that is written with letters and digits.
type wordRule struct {
	id      string
	form    string   // A letter, 9 digit, * either, V either but I, O and Q, other bytes themselves; upper case
	named   bool     // needs a word that names it, unless it has one of the layouts
	layouts []string // with separators
	check   func(w string) bool
	words   []string
}

var wordRules = []wordRule{
	{id: "it-codice-fiscale", form: "AAAAAA**A**A***A", check: isCodiceFiscale, words: []string{"codice fiscale", "cf", "fiscal"}},
	{id: "mx-curp", form: "AAAA999999AAAAAA*9", check: isCURP, words: []string{"curp"}},
	{id: "mx-rfc", form: "AAAA999999***", named: true, words: []string{"rfc", "contribuyente"}, check: func(w string) bool { return yymmdd(w[4:10]) }},
	{id: "uk-nino", form: "AA999999A", named: true, layouts: []string{"AA 99 99 99 A"}, words: []string{"nino", "national insurance", "ni number", "ni no", "insurance"}, check: isNINO},
	{id: "es-dni", form: "99999999A", named: true, layouts: []string{"99999999-A", "99.999.999-A"}, words: []string{"dni", "nif", "documento", "identidad", "spanish"}, check: func(w string) bool { return dniLetter(num(w[:8])) == w[8] }},
	{id: "es-nie", form: "A9999999A", named: true, layouts: []string{"A-9999999-A"}, words: []string{"nie", "nif", "extranjero", "documento"}, check: func(w string) bool {
		x := strings.IndexByte("XYZ", w[0])
		return x >= 0 && dniLetter(x*10000000+num(w[1:8])) == w[8]
	}},
	{id: "sg-nric", form: "A9999999A", check: isNRIC, words: []string{"nric", "fin", "singapore"}},
	{id: "tw-national", form: "A999999999", named: true, check: isTaiwan, words: []string{"身分證", "taiwan", "national id", "arc"}},
	{id: "hk-hkid", form: "A9999999", named: true, layouts: []string{"A999999(9"}, check: isHKID, words: []string{"hkid", "身份證", "hong kong"}},
	{id: "in-pan", form: "AAAAA9999A", named: true, words: []string{"pan", "income tax", "permanent account"}, check: func(w string) bool {
		return strings.IndexByte("ABCFGHJLPT", w[3]) >= 0
	}},
	{id: "fi-hetu", form: "999999A999*", check: isHetu, words: []string{"henkilötunnus", "hetu"}},
	{id: "fi-hetu", form: "999999999A", named: true, layouts: []string{"999999-999A", "999999+999A"}, check: isHetu, words: []string{"henkilötunnus", "hetu"}},
	{id: "fr-nir", form: "999999A99999999", check: isCorsicanNIR, words: []string{"nir", "sécurité"}},
	{id: "cn-resident", form: "99999999999999999A", check: func(w string) bool { return w[17] == 'X' && isChinaBody(w) && chinaCheck(w) == 'X' }},
	{id: "cl-rut", form: "99999999A", layouts: []string{"99.999.999-A", "99999999-A"}, check: isRUTK, words: []string{"rut", "run"}, named: true},
	{id: "ie-pps", form: "9999999A", named: true, check: isPPS, words: []string{"pps", "ppsn"}},
	{id: "ie-pps", form: "9999999AA", named: true, check: isPPS, words: []string{"pps", "ppsn"}},
	{id: "vin", form: "VVVVVVVVVVVVVVVVV", named: true, check: isVIN, words: []string{"vin", "vehicle", "chassis"}},
}

// word judges the letters and digits from s[a:], alone and joined over single
// separators, and returns the longest identifier that begins there.
func (t *text) word(a int) match {
	s := t.s
	if a >= 3 && s[a-1] == ' ' && isLetter(s[a-2]) && isLetter(s[a-3]) && (a == 3 || !isAlnum(s[a-4])) && isDigit(s[a]) {
		a -= 3 // QQ 12 34 56 C
	}
	if !opens(s, a) || a > 0 && (s[a-1] == '+' || s[a-1] == '/') {
		return match{}
	}
	var buf [maxWord]byte
	n := 0
	best := match{}
	grouped := false
	var cases [2]bool // small letters, capitals: an identifier does not mix them
	for i, open := a, t.d.forms.all; i < len(s) && n < maxWord; {
		if isAlnum(s[i]) {
			buf[n] = upper(s[i])
			if isDigit(s[i]) {
				open &= t.d.forms.digit[n]
			} else {
				cases[s[i]>>5&1] = true
				open &= t.d.forms.letter[n]
				if buf[n] == 'I' || buf[n] == 'O' || buf[n] == 'Q' {
					open &^= t.d.forms.clear[n]
				}
			}
			if open == 0 || cases[0] && cases[1] {
				break
			}
			n++
			i++
			if (i == len(s) || !isAlnum(s[i])) && open&t.d.forms.ended[n] != 0 {
				if m := t.identifier(string(buf[:n]), a, i, grouped); m.rule != "" {
					best = m
				}
			}
			continue
		}
		if i+1 >= len(s) || strings.IndexByte(" -.+(", s[i]) < 0 || !isAlnum(s[i+1]) {
			break
		}
		grouped = true
		i++
	}
	return best
}

// forms says which forms the beginning of a word may be of: a bit for each.
type forms struct {
	all           uint32
	letter, digit [maxWord]uint32     // that have one there …
	clear         [maxWord]uint32     // … and none of those that look like digits
	ended         [maxWord + 1]uint32 // that may end before there
}

// ibanForm is what IBANs begin with. They end anywhere from shortestIBAN on.
const (
	ibanForm     = "AA99******************************"
	shortestIBAN = 15
)

func (f *forms) add(n int, form string) {
	f.all |= 1 << n
	for i, c := range []byte(form) {
		if c != '9' {
			f.letter[i] |= 1 << n
		}
		if c == 'V' {
			f.clear[i] |= 1 << n
		}
		if c != 'A' {
			f.digit[i] |= 1 << n
		}
	}
	f.ended[len(form)] |= 1 << n
	if form == ibanForm {
		for i := shortestIBAN; i <= maxWord; i++ {
			f.ended[i] |= 1 << n
		}
	}
}

func (t *text) identifier(w string, start, end int, grouped bool) match {
	if isIBAN(w) && (!grouped || inFours(t.s[start:end])) {
		return match{rule: "iban", start: start, end: end, severity: gateway.SeverityHigh, score: 0.99}
	}
	for _, i := range t.d.byWidth[len(w)] {
		r := &wordRules[i]
		if !fits(w, r.form) || !r.check(w) {
			continue
		}
		score := 0.85
		said := t.around(start, end).said
		if said.has(topicRules + topic(len(numberRules)+i)) {
			score = named
		} else if said.has(topicIdentity) && r.id != "vin" && r.id != "mx-rfc" && !t.denied(start) {
			score = 0.9
		} else if t.denied(start) || !r.stands(t.s[start:end], grouped) {
			continue
		}
		return match{rule: r.id, start: start, end: end, severity: gateway.SeverityHigh, score: score}
	}
	return match{}
}

// stands reports whether the identifier counts without a word that names it: as
// the layout that only it has, or in one piece if its check is strong enough.
func (r *wordRule) stands(raw string, grouped bool) bool {
	for _, layout := range r.layouts {
		if len(layout) == len(raw) && fits(raw, layout) {
			return true
		}
	}
	return !r.named && !grouped
}

// fits reports whether w has the form.
func fits(w, form string) bool {
	for i := range len(form) {
		switch c := w[i]; form[i] {
		case 'A':
			if !isLetter(c) {
				return false
			}
		case '9':
			if !isDigit(c) {
				return false
			}
		case '*', 'V':
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}
