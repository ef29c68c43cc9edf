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
	form    string   // A letter, 9 digit, * either, other bytes themselves; upper case
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
	{id: "vin", form: "*****************", named: true, check: isVIN, words: []string{"vin", "vehicle", "chassis"}},
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
	for i := a; i < len(s) && n < maxWord; {
		if isAlnum(s[i]) {
			buf[n] = upper(s[i])
			if !isDigit(s[i]) {
				cases[s[i]>>5&1] = true
			}
			n++
			i++
			if (i == len(s) || !isAlnum(s[i])) && n >= 8 && !(cases[0] && cases[1]) && t.d.mayFit(buf[:n]) {
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

// mayFit reports whether some rule has the form of w, before w becomes a string.
func (d *Detector) mayFit(w []byte) bool {
	for _, i := range d.byWidth[len(w)] {
		if fits(w, wordRules[i].form) {
			return true
		}
	}
	return len(w) >= 15 && isLetter(w[0]) && isLetter(w[1]) && isDigit(w[2]) && isDigit(w[3])
}

// fits reports whether w has the form.
func fits[T string | []byte](w T, form string) bool {
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
		case '*':
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}

// ibanLengths are of the IBAN registry of SWIFT, release 99.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
	"EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27,
	"JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15,
	"OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24,
	"TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// isIBAN checks ISO 13616: the country's length and ISO/IEC 7064 MOD 97-10.
func isIBAN(w string) bool {
	if len(w) < 15 || !isLetter(w[0]) || !isDigit(w[2]) || !isDigit(w[3]) || ibanLengths[w[:2]] != len(w) {
		return false
	}
	r := 0
	for i := range len(w) {
		c := w[(i+4)%len(w)]
		if isDigit(c) {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	return r == 1
}

// inFours reports whether groups of four stand between the separators, as
// IBANs are printed; the last may be shorter.
func inFours(raw string) bool {
	n := 0
	for i := range len(raw) {
		switch {
		case isAlnum(raw[i]):
			n++
		case n != 4:
			return false
		default:
			n = 0
		}
	}
	return n <= 4
}

func dniLetter(n int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] }

func isNINO(w string) bool {
	prefix := w[:2]
	return strings.IndexByte("DFIQUV", w[0]) < 0 && strings.IndexByte("DFIOQUV", w[1]) < 0 && w[8] <= 'D' &&
		prefix != "BG" && prefix != "GB" && prefix != "NK" && prefix != "KN" && prefix != "TN" && prefix != "NT" && prefix != "ZZ"
}

// isCodiceFiscale checks the last letter, DM 12 March 1974. Digits may be
// letters (omocodia).
func isCodiceFiscale(w string) bool {
	const months = "ABCDEHLMPRST"
	if strings.IndexByte(months, w[8]) < 0 {
		return false
	}
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		n := 0
		if isDigit(w[i]) {
			n = int(w[i] - '0')
		} else {
			n = int(w[i] - 'A')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		sum += n
	}
	return byte('A'+sum%26) == w[15]
}

// isCURP checks the digit of the Mexican population registry, base 37 with Ñ.
func isCURP(w string) bool {
	if w[10] != 'H' && w[10] != 'M' && w[10] != 'X' || !yymmdd(w[4:10]) {
		return false
	}
	sum := 0
	for i := range 17 {
		n := int(w[i] - '0')
		if isLetter(w[i]) {
			if n = int(w[i]-'A') + 10; w[i] > 'N' {
				n++ // Ñ comes after N
			}
		}
		sum += n * (18 - i)
	}
	return (10-sum%10)%10 == int(w[17]-'0')
}

func isNRIC(w string) bool {
	sum := weighted(w[1:8], 2, 7, 6, 5, 4, 3, 2)
	switch w[0] {
	case 'S':
		return "JZIHGFEDCBA"[sum%11] == w[8]
	case 'T':
		return "JZIHGFEDCBA"[(sum+4)%11] == w[8]
	case 'F':
		return "XWUTRQPNMLK"[sum%11] == w[8]
	case 'G':
		return "XWUTRQPNMLK"[(sum+4)%11] == w[8]
	}
	return false
}

func isTaiwan(w string) bool {
	code := strings.IndexByte("ABCDEFGHJKLMNPQRSTUVXYWZIO", w[0]) + 10
	return (w[1] == '1' || w[1] == '2' || w[1] == '8' || w[1] == '9') && (code/10+code%10*9+weighted(w[1:], 8, 7, 6, 5, 4, 3, 2, 1, 1))%10 == 0
}

func isHKID(w string) bool {
	return (36*9+(int(w[0]-'A')+10)*8+weighted(w[1:], 7, 6, 5, 4, 3, 2, 1))%11 == 0
}

// isHetu checks a Finnish number with or without its century sign.
func isHetu(w string) bool {
	if !ddmmyy(w) {
		return false
	}
	rest := w[6:]
	if len(w) == 11 {
		if strings.IndexByte("ABCDEFYXWVU", w[6]) < 0 {
			return false
		}
		rest = w[7:]
	}
	return "0123456789ABCDEFHJKLMNPRSTUVWXY"[num(w[:6]+rest[:3])%31] == rest[3]
}

func isCorsicanNIR(w string) bool {
	if w[0] != '1' && w[0] != '2' || w[5] != '2' || w[6] != 'A' && w[6] != 'B' {
		return false
	}
	n := num(w[:5] + "19" + w[7:13]) // 2A counts as 19, 2B as 18
	if w[6] == 'B' {
		n = num(w[:5] + "18" + w[7:13])
	}
	return 97-n%97 == num(w[13:])
}

func isRUTK(w string) bool {
	return w[8] == 'K' && 11-weighted(w, 3, 2, 7, 6, 5, 4, 3, 2)%11 == 10
}

func isPPS(w string) bool {
	sum := weighted(w, 8, 7, 6, 5, 4, 3, 2)
	if len(w) == 9 && w[8] != 'W' {
		sum += 9 * int(w[8]-'A'+1)
	}
	return "WABCDEFGHIJKLMNOPQRSTUV"[sum%23] == w[7]
}

// isVIN checks ISO 3779 with the check digit of 49 CFR 565.15.
func isVIN(w string) bool {
	const values = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ"
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i := range 17 {
		v := strings.IndexByte(values, w[i])
		if v < 0 {
			return false
		}
		sum += v % 10 * weights[i]
	}
	return "0123456789X"[sum%11] == w[8]
}
