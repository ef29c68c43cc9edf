package reading

import (
	"bytes"
	"html"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape adds the view of v with all escapes of URLs, HTML, JSON, C and
// quoted-printable undone, all in one pass: nested ones are undone when that
// view's turn comes.
func (x *Expander) unescape(v *View) {
	in := v.Text
	starts := "%&\\"
	if quotedPrintable(in) {
		starts = "%&\\="
	}
	first := len(in)
	for i := range len(starts) {
		if k := bytes.IndexByte(in[:first], starts[i]); k >= 0 {
			first = k
		}
	}
	if first == len(in) {
		return
	}
	var out []byte
	var origin []int32
	kept, via := 0, ""
	for i := first; i < len(in); {
		text, n, name := escape(in[i:])
		if n > 0 {
			if out == nil {
				out, origin = make([]byte, 0, len(in)), make([]int32, 0, len(in))
			}
			out, origin = append(out, in[kept:i]...), span(origin, kept, i)
			for range len(text) {
				origin = append(origin, int32(i))
			}
			out = append(out, text...)
			if via == "" {
				via = name
			}
			i += n
			kept = i
		} else {
			i++
		}
		for i < len(in) && strings.IndexByte(starts, in[i]) < 0 {
			i++
		}
	}
	if via == "" {
		return
	}
	out, origin = append(out, in[kept:]...), span(origin, kept, len(in))
	n := len(x.views)
	x.add(v, out, via, 0, len(in), origin)
	for i := range x.views[n:] {
		x.views[n+i].plain = v.plain
	}
}

// span adds the numbers from lo to before hi.
func span(dst []int32, lo, hi int) []int32 {
	n := len(dst)
	dst = slices.Grow(dst, hi-lo)[:n+hi-lo]
	for i := range dst[n:] {
		dst[n+i] = int32(lo + i)
	}
	return dst
}

// quotedPrintable reports whether what an equals sign starts in b are escapes (RFC 2045
// §6.7), which writes none that starts anything else: two side by side, one that hides
// a line end, or most of all signs. "status=200 bytes=512 took=1ms" has none.
func quotedPrintable(b []byte) bool {
	all, coded := 0, 0
	for i := bytes.IndexByte(b, '='); i >= 0 && i+1 < len(b); {
		all++
		if b[i+1] == '\n' || b[i+1] == '\r' {
			return true
		}
		if _, ok := hexByte(b, i+1); ok && upperHex(b[i+1]) && upperHex(b[i+2]) {
			coded++
			if i+3 < len(b) && b[i+3] == '=' {
				return true
			}
		}
		n := bytes.IndexByte(b[i+1:], '=')
		if n < 0 {
			break
		}
		i += 1 + n
	}
	return coded*2 > all
}

// escape reads one escape at the start of b: what it stands for, its length
// (0 if it is none), and the name of its kind.
func escape(b []byte) (text string, n int, name string) {
	switch b[0] {
	case '%':
		if r, ok := hexByte(b, 1); ok {
			return string([]byte{r}), 3, "url"
		}
		if len(b) > 1 && b[1] == 'u' {
			if r, n := hexRune(b[2:], 4, 4); n == 4 {
				return string(r), 6, "url"
			}
		}
	case '=':
		if r, ok := hexByte(b, 1); ok && upperHex(b[1]) && upperHex(b[2]) {
			return string([]byte{r}), 3, "quoted-printable"
		}
		if len(b) > 1 && b[1] == '\n' {
			return "", 2, "quoted-printable"
		}
		if len(b) > 2 && b[1] == '\r' && b[2] == '\n' {
			return "", 3, "quoted-printable"
		}
	case '&':
		return entity(b)
	case '\\':
		return backslash(b)
	}
	return "", 0, ""
}

func upperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

func entity(b []byte) (string, int, string) {
	if len(b) > 3 && b[1] == '#' { // numeric ones may lack their semicolon
		i, radix := 2, 10
		if b[2]|0x20 == 'x' {
			i, radix = 3, 16
		}
		start, r := i, 0
		for ; i < len(b) && i < start+7; i++ {
			d := digitOf(b[i])
			if d >= radix {
				break
			}
			r = r*radix + d
		}
		if i == start {
			return "", 0, ""
		}
		if i < len(b) && b[i] == ';' {
			i++
		}
		return string(rune(r)), i, "html"
	}
	for i := 2; i < len(b) && i < 34; i++ {
		if b[i] == ';' {
			if u, ok := commonEntities[string(b[1:i])]; ok {
				return u, i + 1, "html"
			}
			if u := html.UnescapeString(string(b[:i+1])); len(u) <= i {
				return u, i + 1, "html"
			}
			break
		}
		if classOf[b[i]] == other {
			break
		}
	}
	return "", 0, ""
}

// commonEntities need no allocation.
var commonEntities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " "}

func backslash(b []byte) (string, int, string) {
	if len(b) < 2 {
		return "", 0, ""
	}
	switch c := b[1]; c {
	case 'n', 'r', 't', 'f', 'v':
		return " ", 2, "json"
	case '"', '\'', '\\', '/':
		return string(c), 2, "json"
	case 'x':
		if r, ok := hexByte(b, 2); ok {
			return string([]byte{r}), 4, "json"
		}
	case 'u', 'U':
		if len(b) > 3 && b[2] == '{' {
			if r, n := hexRune(b[3:], 1, 6); n > 0 && 3+n < len(b) && b[3+n] == '}' {
				return string(r), 4 + n, "json"
			}
			return "", 0, ""
		}
		most := 4
		if c == 'U' {
			most = 8
		}
		r, n := hexRune(b[2:], most, most)
		if n == 0 {
			break
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' { // a surrogate pair
			if low, n := hexRune(b[8:], 4, 4); n > 0 && utf16.IsSurrogate(r) {
				return string(utf16.DecodeRune(r, low)), 12, "json"
			}
		}
		return string(r), 2 + n, "json"
	case '0', '1', '2', '3':
		if len(b) >= 4 && b[2]|7 == '7' && b[3]|7 == '7' {
			return string([]byte{(c-'0')<<6 | (b[2]-'0')<<3 | b[3] - '0'}), 4, "octal"
		}
	}
	return "", 0, ""
}

// hexByte reads the two hexadecimal digits at b[i:].
func hexByte(b []byte, i int) (byte, bool) {
	if i+2 > len(b) {
		return 0, false
	}
	hi, lo := digitOf(b[i]), digitOf(b[i+1])
	return byte(hi<<4 | lo), hi < 16 && lo < 16
}

// hexRune reads from least to most hexadecimal digits.
func hexRune(b []byte, least, most int) (rune, int) {
	r, n := rune(0), 0
	for n < most && n < len(b) && digitOf(b[n]) < 16 {
		r = r<<4 | rune(digitOf(b[n]))
		n++
	}
	if n < least || r > utf8.MaxRune {
		return 0, 0
	}
	return r, n
}

// digitOf is the value of a digit in bases up to 36, 99 for anything else.
func digitOf(c byte) int {
	switch classOf[c] {
	case digit:
		return int(c - '0')
	case lower:
		return int(c-'a') + 10
	case upper:
		return int(c-'A') + 10
	}
	return 99
}
