package reading

import (
	"slices"
	"strings"

	"toolward/guard/decode/alphabet"
)

// bitwise is an alphabet each of whose characters stands for so many bits. All other bytes
// are skipped: separators, line ends, padding, what a copy was cut with.
type bitwise struct {
	value *alphabet.Values
	width uint
	bits  [256]uint8 // value, 0 for bytes that are skipped …
	size  [256]uint8 // … and width, likewise

	skipped byte // one of these
}

func newBitwise(width uint, lists ...string) *bitwise {
	a := &bitwise{value: alphabet.Of(lists...), width: width}
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
	sextet   = newBitwise(6, alphabet.Base64, alphabet.Base64URL)
	uuencode = newBitwise(6, alphabet.UUEncode, " ")
	nibble   = newBitwise(4, alphabet.Hex, alphabet.HexUpper)
	bit      = newBitwise(1, alphabet.Binary)
	base58   = alphabet.Of(alphabet.Base58)
	z85      = alphabet.Of(alphabet.Z85)
	base85   = alphabet.Of(alphabet.Base85)
	adobe85  = alphabet.Of(alphabet.ASCII85)
)

// base32s are the alphabets of base32, each in one case.
var base32s = []struct {
	name    string
	letters uint8
	bits    *bitwise
	use     use
}{
	{"base32", upper, newBitwise(5, alphabet.Base32), usual},
	{"base32", lower, newBitwise(5, strings.ToLower(alphabet.Base32)), usual},
	{"base32hex", upper, newBitwise(5, alphabet.Base32Hex), rare},
	{"base32hex", lower, newBitwise(5, strings.ToLower(alphabet.Base32Hex)), rare},
	{"crockford32", upper, newBitwise(5, alphabet.Crockford32), rare},
	{"crockford32", lower, newBitwise(5, strings.ToLower(alphabet.Crockford32)), rare},
	{"zbase32", lower, newBitwise(5, alphabet.ZBase32), rare},
}

// squeeze returns the values of the bytes of text that are in the alphabet,
// and where each stands. They are valid until the next call.
func (x *Expander) squeeze(text []byte, a *alphabet.Values) (values []byte, places []int32) {
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
