package reading

import (
	"bytes"
	"slices"
	"strings"

	"toolward/guard/decode/escape"
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
	src := string(in) // for what reads escapes
	var out []byte
	var origin []int32
	kept, via := 0, ""
	for i := first; i < len(in); {
		text, n, name := escaped(src[i:])
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
		if i+2 < len(b) && upperHex(b[i+1]) && upperHex(b[i+2]) {
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

// escaped reads one escape at the start of s: what it stands for, its length
// (0 if it is none), and the name of its kind.
func escaped(s string) (text string, n int, name string) {
	switch s[0] {
	case '%':
		if text, n = escape.URL(s); n == 0 { // or a byte that is no character by itself
			text, n = hexByte(s)
		}
		return text, n, "url"
	case '=':
		if len(s) > 2 && upperHex(s[1]) && upperHex(s[2]) {
			text, n = hexByte(s)
		} else if strings.HasPrefix(s, "=\n") {
			n = 2
		} else if strings.HasPrefix(s, "=\r\n") {
			n = 3
		}
		return text, n, "quoted-printable"
	case '&':
		text, n = escape.HTML(s)
		return text, n, "html"
	}
	text, n = escape.Backslash(s)
	if n > 2 && s[1]-'0' < 4 {
		return text, n, "octal"
	}
	return text, n, "json"
}

// hexByte is the byte whose two hexadecimal digits follow the first of s.
func hexByte(s string) (string, int) {
	if len(s) < 3 || nibble.value[s[1]] < 0 || nibble.value[s[2]] < 0 {
		return "", 0
	}
	return string([]byte{byte(nibble.value[s[1]]<<4 | nibble.value[s[2]])}), 3
}

func upperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

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
