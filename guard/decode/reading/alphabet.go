package reading

import "slices"

// An alphabet gives the value of each byte in a positional encoding, -1 for
// bytes that are not part of it and are skipped: separators, line ends,
// padding, what a copy was cut with.
type alphabet [256]int8

func newAlphabet(lists ...string) *alphabet {
	var a alphabet
	for i := range a {
		a[i] = -1
	}
	for _, l := range lists {
		for v := range len(l) {
			a[l[v]] = int8(v)
		}
	}
	return &a
}

const (
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowers = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

// bitwise is an alphabet each of whose characters stands for so many bits.
type bitwise struct {
	value *alphabet
	width uint
	bits  [256]uint8 // value, 0 for bytes that are skipped …
	size  [256]uint8 // … and width, likewise

	skipped byte // one of these
}

func newBitwise(width uint, lists ...string) *bitwise {
	a := &bitwise{value: newAlphabet(lists...), width: width}
	for c, v := range a.value {
		if v >= 0 {
			a.bits[c], a.size[c] = uint8(v), uint8(width)
		} else {
			a.skipped = byte(c)
		}
	}
	return a
}

var (
	sextet   = newBitwise(6, uppers+lowers+digits+"+/", uppers+lowers+digits+"-_") // RFC 4648 §4, §5
	uuencode = newBitwise(6, uuencoded("`"), uuencoded(" "))                       // POSIX uuencode
	nibble   = newBitwise(4, digits+"abcdef", digits+"ABCDEF")
	bit      = newBitwise(1, "01")
	base58   = newAlphabet("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	z85      = newAlphabet(digits + lowers + uppers + ".-:+=^!/*?&<>()[]{}@%$#") // ZeroMQ RFC 32
	b85      = newAlphabet(digits + uppers + lowers + "!#$%&()*+-;<=>?@^_`{|}~") // RFC 1924
	radixA85 = func() *alphabet {
		var l []byte
		for c := byte('!'); c <= 'u'; c++ {
			l = append(l, c)
		}
		return newAlphabet(string(l))
	}()
)

// uuencoded is the alphabet of uuencode, whose zero is one of two characters.
func uuencoded(zero string) string {
	l := []byte(zero)
	for c := byte('!'); c < '`'; c++ {
		l = append(l, c)
	}
	return string(l)
}

// base32s are the alphabets of base32, each in one case.
var base32s = []struct {
	name     string
	letters  uint8
	alphabet *bitwise
	use      use
}{
	{"base32", upper, newBitwise(5, uppers+"234567"), usual}, // RFC 4648 §6
	{"base32", lower, newBitwise(5, lowers+"234567"), usual},
	{"base32hex", upper, newBitwise(5, digits+uppers[:22]), rare}, // RFC 4648 §7
	{"base32hex", lower, newBitwise(5, digits+lowers[:22]), rare},
	{"crockford32", upper, newBitwise(5, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), rare},
	{"crockford32", lower, newBitwise(5, "0123456789abcdefghjkmnpqrstvwxyz"), rare},
	{"zbase32", lower, newBitwise(5, "ybndrfg8ejkmcpqxot1uwisza345h769"), rare},
}

// squeeze returns the values of the bytes of text that are in the alphabet,
// and where each stands. They are valid until the next call.
func (x *Expander) squeeze(text []byte, a *alphabet) (values []byte, places []int32) {
	values, places = slices.Grow(x.values[:0], len(text))[:len(text)], slices.Grow(x.stands[:0], len(text))[:len(text)]
	n := 0
	for i, c := range text {
		d := a[c]
		values[n], places[n] = byte(d), int32(i)
		if d >= 0 {
			n++
		}
	}
	x.values, x.stands = values[:n], places[:n]
	return x.values, x.stands
}
