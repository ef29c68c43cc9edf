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
}

func newBitwise(width uint, lists ...string) *bitwise {
	return &bitwise{alphabet.Of(lists...), width}
}

var (
	sextet   = newBitwise(6, alphabet.Base64, alphabet.Base64URL)
	uuencode = newBitwise(6, alphabet.UUEncode, " ")
	nibble   = newBitwise(4, alphabet.Hex, alphabet.HexUpper)
	bit      = newBitwise(1, alphabet.Binary)
	base58   = alphabet.Of(alphabet.Base58)
	z85      = newRadix85(alphabet.Z85)
	base85   = newRadix85(alphabet.Base85)
	adobe85  = newRadix85(alphabet.ASCII85)
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

// squeeze returns the values of the bytes of text that are in the alphabet. They are valid
// until the next call.
func (x *Expander) squeeze(text []byte, a *alphabet.Values) []byte {
	values := slices.Grow(x.values[:0], len(text))[:len(text)]
	n := 0
	for _, c := range text {
		d := a[c]
		values[n] = byte(d)
		n += int(uint8(^d) >> 7) // unless it is negative
	}
	x.values = values[:n]
	return x.values
}

// stood returns where each of those bytes stands in text. They are valid until the next
// call.
func (x *Expander) stood(text []byte, a *alphabet.Values) []int32 {
	places := slices.Grow(x.stands[:0], len(text))[:len(text)]
	n := 0
	for i, c := range text {
		places[n] = int32(i)
		n += int(uint8(^a[c]) >> 7)
	}
	x.stands = places[:n]
	return x.stands
}
