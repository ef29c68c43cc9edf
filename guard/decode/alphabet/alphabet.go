// Package alphabet has the characters of every encoding that guard undoes, in the order of
// their values, for all that decodes.
//
//	alphabet.Of(alphabet.Hex)['f']   is 15
//	alphabet.Of(alphabet.Hex)['g']   is -1
//	alphabet.Morse["-.-."]           is 'c'
package alphabet

import "strings"

const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

// The alphabets.
const (
	Binary      = "01"
	Hex         = digits + "abcdef"
	HexUpper    = digits + "ABCDEF"
	Base32      = upper + "234567"                   // RFC 4648 §6
	Base32Hex   = digits + "ABCDEFGHIJKLMNOPQRSTUV"  // RFC 4648 §7
	Crockford32 = digits + "ABCDEFGHJKMNPQRSTVWXYZ"  // crockford.com/base32.html
	ZBase32     = "ybndrfg8ejkmcpqxot1uwisza345h769" // RFC 6189 §5.1.6
	Base58      = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	Base64      = upper + lower + digits + "+/"                      // RFC 4648 §4
	Base64URL   = upper + lower + digits + "-_"                      // RFC 4648 §5
	Z85         = digits + lower + upper + ".-:+=^!/*?&<>()[]{}@%$#" // ZeroMQ RFC 32
	Base85      = digits + upper + lower + "!#$%&()*+-;<=>?@^_`{|}~" // RFC 1924
)

// The alphabets that are rows of ASCII.
var (
	ASCII85  = row('!', 'u')
	UUEncode = "`" + row('!', '_') // POSIX uuencode; its zero may be a space
)

// row is the characters from first to last.
func row(first, last byte) string {
	var s strings.Builder
	for c := first; c <= last; c++ {
		s.WriteByte(c)
	}
	return s.String()
}

// Values is what each byte stands for in an encoding, -1 if it is not part of it.
type Values [256]int8

// Of returns the values of the characters of alphabets that are read alike, such as
// both cases of one.
func Of(alphabets ...string) *Values {
	var v Values
	for i := range v {
		v[i] = -1
	}
	for _, a := range alphabets {
		for i := range len(a) {
			v[a[i]] = int8(i)
		}
	}
	return &v
}

// Morse has the character of each code, letters small (ITU-R M.1677-1 §1.1).
var Morse = func() map[string]byte {
	m := map[string]byte{}
	for i, code := range strings.Fields(morse) {
		m[code] = MorseSigns[i]
	}
	return m
}()

// MorseSigns are the characters that have a code.
const MorseSigns = lower + digits + ".,?!-/@:="

const morse = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. " +
	"----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. -.-.-- -....- -..-. .--.-. ---... -...-"
