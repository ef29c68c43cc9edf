package normal

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	mathbits "math/bits"
	"strings"

	"toolward/guard/decode/alphabet"
	"toolward/guard/decode/inflate"
)

// hexValue has the value of each hexadecimal digit, -1 for other bytes.
var hexValue = alphabet.Of(alphabet.Hex, alphabet.HexUpper)

func fromHex(s string) []byte {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if len(s)%2 != 0 || len(s) < shortestToken || strings.Trim(s[:8], "0123456789abcdefABCDEF") != "" {
		return nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// fromBinary reads a run of binary digits.
func fromBinary(s string) string {
	if len(s) < 56 || strings.Trim(s, "01") != "" {
		return ""
	}
	b := make([]byte, len(s))
	for i := range b {
		b[i] = s[i] - '0'
	}
	return bitText(b)
}

func fromBase32(s string) []byte {
	s = strings.ToUpper(strings.TrimRight(s, "="))
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// fromBase64 reads either alphabet of RFC 4648, padded or not, broken into
// lines or not, and cut off at any place.
func fromBase64(s string) []byte {
	var head [12]byte
	if !strings.ContainsAny(s[:shortestToken], "\r\n-_") {
		if n, err := base64.RawStdEncoding.Decode(head[:], ascii16(s)); err != nil || !promising(head[:n]) {
			return nil // nearly every name and hash ends here, without an allocation
		}
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '-':
			b = append(b, '+')
		case '_':
			b = append(b, '/')
		case '\n', '\r':
			i += lineSigns(s[i+1:])
		default:
			b = append(b, s[i])
		}
	}
	b = bytes.TrimRight(b, "=")
	if len(b)%4 == 1 {
		b = b[:len(b)-1]
	}
	n, err := base64.RawStdEncoding.Decode(b, b)
	if err != nil {
		return nil
	}
	return b[:n]
}

// ascii16 is the first bytes of s, for a decoder that wants them so.
func ascii16(s string) []byte {
	var b [shortestToken]byte
	copy(b[:], s)
	return b[:]
}

// promising reports whether the first bytes of something decoded may be the
// beginning of text, compressed or not, or of more to decode.
func promising(b []byte) bool {
	if b[0] == 0x1f && b[1] == 0x8b || b[0] == 0x78 {
		return true
	}
	odd := 0 // UTF-16 has zeros, terminals ESC, and any text may have one that is none
	for _, c := range b {
		if classes[c] == control && c != 0x1b && c != 0 {
			odd++
		}
	}
	return odd < 2 || inflate.Deflated(b)
}

// longestBase58 bounds the work of base58, which grows with the square.
const longestBase58 = 128

var base58 = alphabet.Of(alphabet.Base58)

func fromBase58(s string) []byte {
	if len(s) < 22 || len(s) > longestBase58 {
		return nil
	}
	var out []byte // least significant first
	for i := range len(s) {
		carry := int(base58[s[i]])
		if carry < 0 {
			return nil
		}
		for k := range out {
			carry += int(out[k]) * 58
			out[k] = byte(carry)
			carry >>= 8
		}
		for carry > 0 {
			out = append(out, byte(carry))
			carry >>= 8
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func fromQuotedPrintable(s string) []byte {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) && hexValue[s[i+1]] >= 0 && hexValue[s[i+2]] >= 0 {
			out = append(out, byte(hexValue[s[i+1]])<<4|byte(hexValue[s[i+2]]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// fromBase85 reads Ascii85 and the alphabet of RFC 1924 that Python and git
// use. What stands before it may be part of the word, so each of the five places
// where it may start is tried.
func fromBase85(s string) (string, string) {
	if len(s) < 25 || len(s) > 1<<14 || strings.Contains(s, `":`) || !dense85(s) {
		return "", ""
	}
	for skip := range 5 {
		p := s[skip : len(s)-(len(s)-skip)%5]
		for _, a := range alphabets85 {
			var head [16]byte
			if first := a.decode(head[:0], p[:20]); first == nil || !printable(first) {
				continue
			}
			if b := a.decode(make([]byte, 0, len(p)), p); printable(b) && reads(string(b)) {
				return string(b), a.name
			}
		}
	}
	return "", ""
}

// dense85 reports whether s has as much and as varied punctuation as base85
// of a text has; a time or a URL has not.
func dense85(s string) bool {
	var kinds [4]uint32
	others := 0
	for i := range len(s) {
		if c := s[i]; c >= '!' && c <= '~' && tokenClasses[c]&base64Classes == 0 {
			kinds[c>>5] |= 1 << (c & 31)
			others++
		}
	}
	distinct := 0
	for _, k := range kinds {
		distinct += mathbits.OnesCount32(k)
	}
	return distinct >= 5 && others*10 >= len(s)
}

// alphabet85 is a way to write four bytes in five characters.
type alphabet85 struct {
	name  string
	value *alphabet.Values
}

var alphabets85 = []alphabet85{{"ascii85", alphabet.Of(alphabet.ASCII85)}, {"base85", alphabet.Of(alphabet.Base85)}}

// decode appends what s says, whose length is a multiple of five. It returns
// nil if s is not in the alphabet.
func (a *alphabet85) decode(dst []byte, s string) []byte {
	for i := 0; i+5 <= len(s); i += 5 {
		var v uint64
		for k := range 5 {
			d := a.value[s[i+k]]
			if d < 0 {
				return nil
			}
			v = v*85 + uint64(d)
		}
		if v > 0xffffffff {
			return nil
		}
		dst = append(dst, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return dst
}
