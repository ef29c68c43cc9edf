package pii

// isCard reports a payment card number (ISO/IEC 7812): an issuer's range, its
// length, and the Luhn check. Ranges are those of the networks that issue: Visa,
// Mastercard, American Express, Discover, JCB, Diners, UnionPay, Maestro, Mir,
// RuPay, Elo, Verve, Troy.
func isCard(d string) bool {
	if len(d) < 13 || !varied(d) || !luhn(d) {
		return false
	}
	n2, n3, n4 := num(d[:2]), num(d[:3]), num(d[:4])
	switch n := len(d); {
	case d[0] == '4':
		return n == 13 || n == 16 || n == 19
	case n2 == 34 || n2 == 37:
		return n == 15
	case n3 >= 300 && n3 <= 305 || n2 == 36 || n2 == 38 || n2 == 39:
		return n == 14 || n == 16
	case n2 >= 51 && n2 <= 55 || n4 >= 2221 && n4 <= 2720:
		return n == 16
	case n4 >= 2200 && n4 <= 2205 || n4 >= 3528 && n4 <= 3589:
		return n >= 16
	case n4 == 6011 || n2 == 65 || n3 >= 644 && n3 <= 649 || n2 == 62 || n2 == 81 || n2 == 60 || n4 == 5081 || n4 == 5085 || n2 == 82:
		return n >= 16
	case n2 == 50 || n2 >= 56 && n2 <= 58 || n2 == 63 || n2 == 67 || n2 == 69:
		return n == 16 || n == 18 || n == 19
	case n4 == 9792:
		return n == 16
	}
	return false
}
