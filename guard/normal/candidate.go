package normal

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"io"
	mathbits "math/bits"
	"strings"
)

// decode looks for encoded text in view i and adds what it finds. Depth is
// that of view i.
func (t *Text) decode(i, depth int) {
	if depth >= t.owner.opts.Depth {
		return
	}
	t.tokens(i, depth)
	t.series(i, depth)
	t.split(i, depth)
	t.segments(i, depth)
}

// shortestToken is how long a word must be to be tried as encoded, in bytes.
const shortestToken = 16

// tokens tries every long run of bytes without a space.
func (t *Text) tokens(i, depth int) {
	src := t.Views[i].Text
	tried := 0 // what base85 was tried on ends here
	for at := 0; at < len(src); {
		if !tokenByte[src[at]] {
			at++
			continue
		}
		from := at
		seen := tokenClass(0)
		for at < len(src) && tokenByte[src[at]] {
			seen |= tokenClasses[src[at]]
			at++
		}
		end := at
		if seen&^base64Classes == 0 {
			if stop := continued(src, from, at); stop > at {
				end, at = stop, stop
			}
		}
		if end-from < shortestToken {
			continue
		}
		v := &t.Views[i]
		if text, name := t.unpack(src[from:end], seen); text != "" {
			t.add(text, join(v.Via, name), v.Raw(from, end), depth+1)
			continue
		}
		if seen&hasOther == 0 || from < tried {
			continue
		}
		// Base85 uses quotes and brackets too: take in all up to the spaces.
		first := strings.LastIndexAny(src[tried:from], " \n\t") + 1 + tried
		tried = end
		if k := strings.IndexAny(src[end:], " \n\t"); k >= 0 {
			tried += k
		} else {
			tried = len(src)
		}
		if text, name := fromBase85(strings.Trim(src[first:tried], "\",")); text != "" {
			t.add(text, join(v.Via, name), t.Views[i].Raw(first, tried), depth+1)
		}
	}
}

// continued returns the end of a block of base64 that an encoder broke into
// lines of equal width, given its first line; to itself if it is but one.
func continued(src string, from, to int) int {
	width := to - from
	if width < 48 || width > 80 || width%4 != 0 {
		return to
	}
	for {
		next := to
		for next < len(src) && (src[next] == '\n' || src[next] == '\r') {
			next++
		}
		stop := next
		for stop < len(src) && tokenClasses[src[stop]]&base64Classes != 0 {
			stop++
		}
		if next == to || stop-next < 2 || stop-next > width {
			return to
		}
		if to = stop; stop-next < width {
			return to
		}
	}
}

// tokenClass is a set of kinds of bytes.
type tokenClass uint8

const (
	hasLower tokenClass = 1 << iota
	hasUpper
	hasDigit
	hasBase64 // + / - _ =
	hasOther  // other printable bytes

	base64Classes = hasLower | hasUpper | hasDigit | hasBase64
)

// tokenByte has the bytes that encodings of bytes use; tokenClasses what each
// is. Quotes, commas, angle brackets and braces end a token.
var tokenByte, tokenClasses = func() (set [256]bool, class [256]tokenClass) {
	for c := byte('!'); c <= '~'; c++ {
		switch {
		case c >= 'a' && c <= 'z':
			class[c] = hasLower
		case c >= 'A' && c <= 'Z':
			class[c] = hasUpper
		case c >= '0' && c <= '9':
			class[c] = hasDigit
		case strings.IndexByte("+/-_=", c) >= 0:
			class[c] = hasBase64
		case strings.IndexByte("\"'`,<>{}[]()|\\", c) >= 0:
			continue
		default:
			class[c] = hasOther
		}
		set[c] = true
	}
	return set, class
}()

// unpack decodes one token by whatever encoding makes text of it.
func (t *Text) unpack(s string, seen tokenClass) (text, name string) {
	s = strings.TrimRight(s, "=")
	if len(s) < shortestToken {
		return "", ""
	}
	if strings.Count(s, "=") >= 6 {
		return t.readable(fromQuotedPrintable(s), "quoted-printable")
	}
	if seen&hasOther == 0 {
		if cut := strings.LastIndexByte(s, '='); cut > 0 { // key=value
			if text, name = t.unpack(s[cut+1:], seen); text != "" {
				return text, name
			}
		}
		if seen&hasDigit != 0 || seen&(hasLower|hasUpper) == hasLower|hasUpper {
			if text = fromBinary(s); text != "" {
				return text, "binary"
			}
			if b := fromHex(s); b != nil {
				return t.readable(b, "hex")
			}
			if seen&hasLower == 0 || seen&hasUpper == 0 {
				if b := fromBase32(s); b != nil {
					if text, name = t.readable(b, "base32"); text != "" {
						return text, name
					}
				}
			}
			if b := fromBase64(s); b != nil {
				if text, name = t.readable(b, "base64"); text != "" {
					return text, name
				}
			}
			if seen&hasBase64 == 0 {
				if b := fromBase58(s); b != nil {
					return t.readable(b, "base58")
				}
			}
		}
		return "", ""
	}
	if bare := strings.TrimLeft(s, "#:@$"); len(bare) < len(s) {
		s, seen = bare, classesOf(bare)
		if seen&hasOther == 0 {
			return t.unpack(s, seen)
		}
	}
	if strings.Contains(s, "://") {
		return "", ""
	}
	if cut := strings.LastIndexAny(s, ":;"); cut >= 0 && cut < len(s)-shortestToken { // key:value
		if text, name = t.unpack(s[cut+1:], classesOf(s[cut+1:])); text != "" {
			return text, name
		}
	}
	return "", ""
}

func classesOf(s string) (seen tokenClass) {
	for i := range len(s) {
		seen |= tokenClasses[s[i]]
	}
	return seen
}

// readable turns decoded bytes into text: as they are, unpacked, or from
// UTF-16. It returns "" if they are none.
func (t *Text) readable(b []byte, name string) (string, string) {
	if len(b) > 4 {
		switch {
		case b[0] == 0x1f && b[1] == 0x8b:
			b, name = t.inflate(b, gzipReader), join(name, "gzip")
		case b[0] == 0x78 && (b[1] == 0x01 || b[1] == 0x5e || b[1] == 0x9c || b[1] == 0xda):
			b, name = t.inflate(b, zlib.NewReader), join(name, "zlib")
		case bytes.Count(b, []byte{0}) >= len(b)/3:
			b = bytes.ReplaceAll(b, []byte{0}, nil)
		case len(b) >= 48 && !printable(b):
			b, name = t.inflate(b, func(r io.Reader) (io.ReadCloser, error) { return flate.NewReader(r), nil }), join(name, "deflate")
		}
	}
	if !printable(b) {
		return "", ""
	}
	return string(b), name
}

func gzipReader(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// mostInflations bounds how often something is unpacked for one text, since
// starting to do so is dear.
const mostInflations = 16

// inflate unpacks b, to at most four times its size and 4 KiB: a bomb yields
// its beginning.
func (t *Text) inflate(b []byte, open func(io.Reader) (io.ReadCloser, error)) []byte {
	if t.inflations++; t.inflations > mostInflations {
		return nil
	}
	r, err := open(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	defer r.Close()
	out := make([]byte, 4*len(b)+4096)
	n, err := io.ReadFull(r, out)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil
	}
	return out[:n]
}

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
	if strings.IndexAny(s[:shortestToken], "\r\n-_") < 0 {
		if n, err := base64.RawStdEncoding.Decode(head[:], ascii16(s)); err != nil || !promising(head[:n]) {
			return nil // nearly every name and hash ends here, without an allocation
		}
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		switch s[i] {
		case '-':
			b = append(b, '+')
		case '_':
			b = append(b, '/')
		case '\n', '\r':
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
	if b[0] == 0x1f && b[1] == 0x8b || b[0] == 0x78 || b[1] == 0 || b[0] == 0 {
		return true
	}
	for _, c := range b {
		if classes[c] == control && c != 0x1b {
			return mayDeflate(b[0])
		}
	}
	return true
}

// mayDeflate reports whether a raw deflate stream of text may begin with b: its
// first block has fixed or dynamic codes.
func mayDeflate(b byte) bool { return b&7 == 5 || b&7 == 4 || b&7 == 3 || b&7 == 2 }

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// longestBase58 bounds the work of base58, which grows with the square.
const longestBase58 = 128

func fromBase58(s string) []byte {
	if len(s) < 22 || len(s) > longestBase58 {
		return nil
	}
	var out []byte // least significant first
	for i := range len(s) {
		carry := strings.IndexByte(base58Alphabet, s[i])
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
		if s[i] == '=' && i+2 < len(s) && hexValue[s[i+1]] != 0xff && hexValue[s[i+2]] != 0xff {
			out = append(out, hexValue[s[i+1]]<<4|hexValue[s[i+2]])
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

const base85Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

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
	value [256]uint8 // 0xff: not in the alphabet
}

var alphabets85 = func() (list [2]alphabet85) {
	ascii85 := make([]byte, 85)
	for i := range ascii85 {
		ascii85[i] = '!' + byte(i)
	}
	for k, letters := range []string{string(ascii85), base85Alphabet} {
		a := &list[k]
		a.name = [2]string{"ascii85", "base85"}[k]
		for i := range a.value {
			a.value[i] = 0xff
		}
		for i := range letters {
			a.value[letters[i]] = uint8(i)
		}
	}
	return list
}()

// decode appends what s says, whose length is a multiple of five. It returns
// nil if s is not in the alphabet.
func (a *alphabet85) decode(dst []byte, s string) []byte {
	for i := 0; i+5 <= len(s); i += 5 {
		var v uint64
		for k := range 5 {
			d := a.value[s[i+k]]
			if d == 0xff {
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
