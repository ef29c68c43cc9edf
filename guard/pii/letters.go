package pii

import "strings"

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
